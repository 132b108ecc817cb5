//! Embeddings in the neutral form: texts up, a vector for each of them down.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use router_core::usage::Usage;

use crate::answer::NotAnAnswer;
use crate::scan::{elements, string_inside};

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbedRequest {
    /// The texts.
    pub inputs: Vec<String>,
    /// How many numbers a vector shall have. `None`: as many as the model likes.
    pub dimensions: Option<u64>,
    /// What the client's answer looks like.
    pub form: EmbedForm,
    /// Fields of the client's body that the neutral form has no place for.
    pub dropped: Vec<String>,
}

/// What an answer with vectors looks like, where its dialect has several forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedForm {
    /// One vector and no list (Gemini's `embedContent`).
    pub single: bool,
    /// Vectors in base64 (OpenAI's `encoding_format`).
    pub packed: bool,
}

/// An answer with vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vectors {
    /// One for each text, in their order.
    pub list: Vec<Vector>,
    /// What was consumed; `None` if the provider did not say.
    pub usage: Option<Usage>,
}

impl Vectors {
    /// Of what was found in the entries of an answer.
    pub(crate) fn of(found: Vec<Option<Vector>>, usage: Option<Usage>) -> Result<Self, NotAnAnswer> {
        let list: Option<Vec<Vector>> = found.into_iter().collect();
        match list {
            None => Err(NotAnAnswer::Bad("an entry of the answer holds no vector")),
            Some(list) if list.is_empty() => Err(NotAnAnswer::Empty),
            Some(list) => Ok(Self { list, usage }),
        }
    }
}

/// A vector: a JSON list of numbers, each as the provider wrote it. (A million of them would be many values.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector(Bytes);

impl Vector {
    /// Reads a JSON list of numbers, or a string of little-endian 32-bit floats in base64; `None` if it holds no number, or one
    /// that is not finite.
    #[must_use]
    pub fn read(raw: &[u8]) -> Option<Self> {
        if let Some(packed) = string_inside(raw) {
            return Self::unpack(&STANDARD.decode(packed).ok()?);
        }
        let (mut count, mut sane) = (0_usize, true);
        let whole = elements(raw, |element| {
            count += 1;
            sane = sane && number(element).is_some();
        });
        (whole && sane && count > 0).then(|| Self(Bytes::copy_from_slice(raw)))
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (floats, rest) = bytes.as_chunks();
        let numbers: Option<Vec<String>> = floats
            .iter()
            .map(|float| Some(f32::from_le_bytes(*float)).filter(|number| number.is_finite()))
            .map(|number| Some(number?.to_string()))
            .collect();
        let numbers = numbers.filter(|numbers| rest.is_empty() && !numbers.is_empty())?;
        Some(Self(format!("[{}]", numbers.join(",")).into()))
    }

    /// The vector as JSON: a list, or, packed, a string of little-endian 32-bit floats in base64.
    pub fn write(&self, packed: bool, out: &mut Vec<u8>) {
        if !packed {
            return out.extend_from_slice(&self.0);
        }
        let mut floats = Vec::new();
        elements(&self.0, |element| floats.extend(number(element).unwrap_or_default().to_le_bytes()));
        out.push(b'"');
        out.extend_from_slice(STANDARD.encode(floats).as_bytes());
        out.push(b'"');
    }
}

fn number(text: &[u8]) -> Option<f32> {
    // Of what begins so, only numbers are JSON.
    let starts = text.first().is_some_and(|first| matches!(first, b'-' | b'0'..=b'9'));
    let number: f32 = std::str::from_utf8(text).ok().filter(|_| starts)?.parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(raw: &str, packed: bool) -> Option<String> {
        let mut out = Vec::new();
        Vector::read(raw.as_bytes())?.write(packed, &mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn numbers_keep_their_form_or_are_packed() {
        for (raw, plain, packed) in [
            ("[1]", "[1]", "\"AACAPw==\""),
            ("[ 0.50, -1e0 ]", "[ 0.50, -1e0 ]", "\"AAAAPwAAgL8=\""),
            ("\"AAAAPwAAgL8=\"", "[0.5,-1]", "\"AAAAPwAAgL8=\""),
        ] {
            assert_eq!(through(raw, false).as_deref(), Some(plain), "{raw}");
            assert_eq!(through(raw, true).as_deref(), Some(packed), "{raw}");
        }
    }

    #[test]
    fn what_is_no_vector_is_none() {
        // 3 bytes; an infinite number.
        let strings = ["\"AAAA\"", "\"AACAfw==\"", "\"\"", "\"?\""];
        for raw in
            ["[]", "[1", "[\"1\"]", "[null]", "[1e99]", "[NaN]", "{}", "7", "", "[[1]]"].into_iter().chain(strings)
        {
            assert_eq!(through(raw, false), None, "{raw}");
        }
    }
}
