//! The only place that talks to the YAML library: text in, positioned tree out.
//!
//! The tree is decoded by hand ([`super::decode`]) rather than by serde straight into structs, because a
//! configuration is to be told all its faults at once, and prices have to keep their digits.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{Location, Spanned};

use super::node::{Key, Node, Pos, Scalar, ScalarKind, Value};
use super::problem::Problem;

/// Parses one YAML document. An empty one is an empty map. Interpolation is the caller's.
///
/// # Errors
/// The one fault at which the parser stopped (syntax, a key given twice, an alias bomb).
pub(super) fn parse(source: &str, text: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    let raw: Option<Spanned<Raw>> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().unwrap_or(Location::UNKNOWN);
        Problem { pos: pos(source, place), field: String::new(), message: describe(&error) }
    })?;
    Ok(match raw {
        Some(raw) if !matches!(raw.value, Raw::Null) => node(source, text, raw),
        _ => Node::empty_map(Pos { source: source.into(), line: 1, column: 1 }),
    })
}

/// The library's sentence without the place, which we print in front, and without advice to programmers.
fn describe(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let sentence = line.split(" at line ").next().unwrap_or(line);
    let sentence = sentence.split(", set DuplicateKeyPolicy").next().unwrap_or(sentence);
    if sentence.starts_with("recursive references") {
        return "an alias that contains itself".to_owned();
    }
    sentence.strip_prefix("error: ").unwrap_or(sentence).to_owned()
}

fn pos(source: &str, location: Location) -> Pos {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Pos { source: source.into(), line: narrow(location.line()), column: narrow(location.column()) }
}

fn node(source: &str, text: &str, raw: Spanned<Raw>) -> Node {
    let lexeme = |fallback: String| {
        let span = raw.defined.span();
        let start = span.byte_offset().and_then(|n| usize::try_from(n).ok());
        let length = span.byte_len().and_then(|n| usize::try_from(n).ok());
        let slice = start.zip(length).and_then(|(start, length)| text.get(start..start.checked_add(length)?));
        // A hexadecimal number is not a decimal text: the parsed value stands in.
        slice.map(str::trim).filter(|s| s.parse::<f64>().is_ok()).map_or(fallback, str::to_owned)
    };
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => scalar(value.to_string(), ScalarKind::Bool),
        Raw::Number(fallback) => scalar(lexeme(fallback), ScalarKind::Number),
        Raw::Text(value) => scalar(value, ScalarKind::Text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(source, text, item)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    (Key { name: key.value, pos: pos(source, key.referenced) }, node(source, text, value))
                })
                .collect(),
        ),
    };
    Node { pos: pos(source, raw.referenced), value }
}

fn scalar(text: String, kind: ScalarKind) -> Value {
    Value::Scalar(Scalar { text, kind, from_environment: false })
}

/// What the parser found, before places are attached.
enum Raw {
    Null,
    Bool(bool),
    /// Text of the parsed number, used where the written text cannot be had.
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(node: &Node) -> &str {
        match &node.value {
            Value::Scalar(scalar) => &scalar.text,
            other => panic!("not a scalar: {other:?}"),
        }
    }

    #[test]
    fn numbers_keep_every_digit_and_everything_has_its_place() {
        let tree = parse("a.yaml", "b:\n  c: 0.10000000000000000001\n  d: [1, 'x', 1e-7]\n  e: 0x10\n").unwrap();
        let b = tree.get("b").unwrap();
        let c = b.get("c").unwrap();
        assert_eq!(text(c), "0.10000000000000000001");
        assert_eq!((c.pos.line, c.pos.column), (2, 6));
        let Value::List(items) = &b.get("d").unwrap().value else { panic!("a list") };
        assert_eq!(items.iter().map(text).collect::<Vec<_>>(), ["1", "x", "1e-7"]);
        assert_eq!((items[1].pos.line, items[1].pos.column), (3, 10));
        assert_eq!(text(b.get("e").unwrap()), "16");
        let Value::Map(entries) = &b.value else { panic!("a map") };
        assert_eq!((entries[1].0.pos.line, entries[1].0.pos.column), (3, 3));
    }

    #[test]
    fn words_that_old_yaml_takes_for_booleans_are_text() {
        let tree = parse("a.yaml", "a: off\nb: true\nc: 'true'\nd: .nan\n").unwrap();
        let kind = |name: &str| match &tree.get(name).unwrap().value {
            Value::Scalar(scalar) => scalar.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind("a"), ScalarKind::Text);
        assert_eq!(kind("b"), ScalarKind::Bool);
        assert_eq!(kind("c"), ScalarKind::Text);
        assert_eq!(kind("d"), ScalarKind::Text);
    }

    #[test]
    fn nothing_is_an_empty_map() {
        for text in ["", "# only a comment\n", "---\n", "null\n"] {
            assert_eq!(parse("a.yaml", text).unwrap().value, Value::Map(Vec::new()), "{text:?}");
        }
    }
}
