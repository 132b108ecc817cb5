//! A form that is too large to be held: its beginning is read, the rest is only looked through while it passes, so that no
//! second `model` stands behind what was read.

use bytes::Bytes;
use memchr::memmem;

use super::multipart::{boundary, field, is_named};

/// Longest headers of a part.
const MOST_HEAD: usize = 16 * 1024;

/// Why a form cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The part `model` stands twice.
    #[error("The part `model` stands twice.")]
    Twice,
    /// Headers of a part that do not end.
    #[error("The headers of a part are longer than 16 KiB.")]
    LongHead,
}

/// The eye on the rest of a form.
#[derive(Clone, Debug)]
pub struct FormWatch {
    /// `\r\n--BOUNDARY`
    delimiter: Vec<u8>,
    /// What may be the beginning of a boundary or of a part's headers, and waits for more.
    held: Vec<u8>,
    /// Parts of that name so far.
    models: usize,
    /// What follows the last boundary belongs to no part.
    ended: bool,
}

impl FormWatch {
    /// Begins behind the head of a form, and says how many bytes of it belong to whole parts' beginnings and can go on; the
    /// others are held here. `None` as long as the part `model` is not among the former.
    #[must_use]
    pub fn begin(head: &[u8]) -> Option<(Self, usize)> {
        let boundary = boundary(head)?;
        let delimiter = [b"\r\n", boundary].concat();
        let mut watch = Self { delimiter, held: Vec::new(), models: 0, ended: false };
        // What is wrong with the head is for whoever reads it to say.
        let passed = watch.look(head, Some(boundary.len())).ok()?;
        let (known, held) = head.split_at_checked(passed)?;
        field(known, "model")?;
        watch.held = held.to_vec();
        Some((watch, passed))
    }

    /// Takes the next piece, and gives what can go on.
    ///
    /// # Errors
    /// A [`Flaw`]: nothing of the form may go on.
    pub fn pass(&mut self, piece: Bytes) -> Result<Bytes, Flaw> {
        let held = std::mem::take(&mut self.held);
        let mut whole = if held.is_empty() { piece } else { Bytes::from([&held, &*piece].concat()) };
        let passed = self.look(&whole, None)?;
        self.held = whole.split_off(passed.min(whole.len())).to_vec();
        Ok(whole)
    }

    /// What is left at the end of the form.
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    /// Bytes that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How much of the data is decided. It begins inside a part's value or, with `head`, with a boundary that ends there.
    fn look(&mut self, data: &[u8], mut head: Option<usize>) -> Result<usize, Flaw> {
        let mut at = 0;
        while !self.ended {
            let after = match head.take() {
                Some(after) => after,
                None => {
                    let value = data.get(at..).unwrap_or_default();
                    let Some(found) = memmem::find(value, &self.delimiter) else {
                        return Ok(data.len() - self.may_begin(value));
                    };
                    at += found;
                    at + self.delimiter.len()
                }
            };
            let behind = data.get(after..).unwrap_or_default();
            if behind.starts_with(b"--") {
                self.ended = true;
                break;
            }
            let Some(length) = memmem::find(behind, b"\r\n\r\n") else {
                return if behind.len() > MOST_HEAD { Err(Flaw::LongHead) } else { Ok(at) };
            };
            self.models += usize::from(is_named(behind.get(..length).unwrap_or_default(), "model"));
            if self.models > 1 {
                return Err(Flaw::Twice);
            }
            at = after + length + 4;
        }
        Ok(data.len())
    }

    /// Length of the end of the data with which a boundary may begin.
    fn may_begin(&self, data: &[u8]) -> usize {
        let most = self.delimiter.len().saturating_sub(1).min(data.len());
        let begins = |length: &usize| self.delimiter.get(..*length).is_some_and(|begin| data.ends_with(begin));
        (1..=most).rev().find(begins).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "--x-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm-1\r\n--x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    const REST: &str = "sound\r\n--x-\r\n\r\n--x-1\r\ncontent-disposition: form-data; name=stream\r\n\r\n\r\n--x-1--\r\nbehind\r\n--x-1\r\ncontent-disposition: form-data; name=model\r\n\r\n";

    /// Lets a form pass that is cut into pieces of that size behind its head.
    fn passed(form: &str, head: usize, size: usize) -> Result<Vec<u8>, Flaw> {
        let (mut watch, known) = FormWatch::begin(&form.as_bytes()[..head]).expect("a model");
        assert_eq!(known + watch.held(), head);
        let mut out = form.as_bytes()[..known].to_vec();
        for piece in form.as_bytes()[head..].chunks(size) {
            out.extend_from_slice(&watch.pass(Bytes::copy_from_slice(piece))?);
        }
        out.extend_from_slice(&watch.rest());
        Ok(out)
    }

    #[test]
    fn a_form_passes_unchanged_however_it_is_cut() {
        let form = [HEAD, REST].concat();
        // The model is whole once the boundary behind it is followed by a part's whole head.
        for head in HEAD.len()..form.len() {
            for size in [1, 2, 3, 7, 64, 4_096] {
                assert_eq!(passed(&form, head, size).expect("a sound form"), form.as_bytes(), "{head} {size}");
            }
        }
    }

    #[test]
    fn a_second_model_never_goes_on() {
        let twin = "\r\n--x-1\r\nX: y\r\ncontent-disposition: form-data; name=model\r\n\r\nother\r\n--x-1--\r\n";
        let form = [HEAD, "sound", twin].concat();
        for head in HEAD.len()..HEAD.len() + "sound".len() {
            for size in [1, 2, 3, 7, 64, 4_096] {
                let (mut watch, known) = FormWatch::begin(&form.as_bytes()[..head]).expect("a model");
                let mut out = form.as_bytes()[..known].to_vec();
                let flaw = form.as_bytes()[head..].chunks(size).find_map(|piece| {
                    let went = watch.pass(Bytes::copy_from_slice(piece));
                    went.map(|bytes| out.extend_from_slice(&bytes)).err()
                });
                assert_eq!(flaw, Some(Flaw::Twice), "{head} {size}");
                assert!(!String::from_utf8_lossy(&out).contains("name=model"), "{head} {size}");
            }
        }
    }

    #[test]
    fn without_a_whole_model_it_does_not_begin() {
        let model = HEAD.find("m-1").expect("the model") + 3;
        for head in 0..HEAD.len() {
            let begun = FormWatch::begin(&HEAD.as_bytes()[..head]);
            assert!(begun.is_none() || head > model, "{head}");
        }
        for body in ["", "--", "{}", "--x\r\n", "no form\r\n\r\n"] {
            assert!(FormWatch::begin(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn headers_without_an_end_are_refused() {
        let (mut watch, _) = FormWatch::begin(HEAD.as_bytes()).expect("a model");
        let mut pieces = std::iter::once(Bytes::from_static(b"\r\n--x-1\r\n"))
            .chain(std::iter::repeat(Bytes::from_static(&[b'a'; 1_024])));
        let flaw = pieces.by_ref().take(64).find_map(|piece| watch.pass(piece).err());
        assert_eq!(flaw, Some(Flaw::LongHead));
        assert!(watch.held() <= MOST_HEAD + 1_024);
    }
}
