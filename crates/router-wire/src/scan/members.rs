//! Looking into a JSON value one level at a time, without parsing what is not asked for.
//!
//! These readers check tokens, not the whole grammar: they are for values that [`super::scan`] has passed and for
//! answers of providers, where the first concern is to find a few fields quickly and never to fail on odd ones.

use super::{Lexer, Span, unescape};

/// Calls `found` with the ranges of key (without quotes) and value of each member of an object, until it returns
/// false. True if the object was read to its closing brace.
pub(super) fn member_spans(object: &[u8], mut found: impl FnMut(Span, Span) -> bool) -> bool {
    let mut lexer = Lexer::new(object, 0);
    if lexer.next_token() != Some(b'{') {
        return false;
    }
    lexer.at += 1;
    if lexer.next_token() == Some(b'}') {
        return true;
    }
    while lexer.next_token() == Some(b'"') {
        let Ok(key) = lexer.string() else { return false };
        if lexer.next_token() != Some(b':') {
            return false;
        }
        lexer.at += 1;
        let Some(value) = value_span(&mut lexer) else { return false };
        if !found(key.span, value) {
            return false;
        }
        match lexer.next_token() {
            Some(b',') => lexer.at += 1,
            Some(b'}') => return true,
            _ => return false,
        }
    }
    false
}

fn value_span(lexer: &mut Lexer<'_>) -> Option<Span> {
    lexer.next_token();
    let start = lexer.at;
    lexer.skip_value().then_some(Span { start, end: lexer.at })
}

/// The members of an object, one level deep: calls `found` with the raw key (without quotes) and the raw value, until it
/// returns false. True if the object was read to its closing brace.
pub fn members<'a>(object: &'a [u8], mut found: impl FnMut(&'a [u8], &'a [u8]) -> bool) -> bool {
    member_spans(object, |key, value| match (key.of(object), value.of(object)) {
        (Some(key), Some(value)) => found(key, value),
        _ => false,
    })
}

/// The elements of an array, one level deep, raw. True if the array was read to its closing bracket.
pub fn elements<'a>(array: &'a [u8], mut found: impl FnMut(&'a [u8])) -> bool {
    let mut lexer = Lexer::new(array, 0);
    if lexer.next_token() != Some(b'[') {
        return false;
    }
    lexer.at += 1;
    if lexer.next_token() == Some(b']') {
        return true;
    }
    loop {
        let Some(value) = value_span(&mut lexer).and_then(|span| span.of(array)) else { return false };
        found(value);
        match lexer.next_token() {
            Some(b',') => lexer.at += 1,
            Some(b']') => return true,
            _ => return false,
        }
    }
}

/// The raw value of the last member of that name, which is the one that most parsers take.
#[must_use]
pub fn last_member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut last = None;
    members(object, |key, value| {
        if unescape(key) == name {
            last = Some(value);
        }
        true
    });
    last
}

/// Writes a member as it was read, behind the opening brace or a member before it.
pub(crate) fn push_member(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(key);
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}

/// The inside of a raw JSON string; `None` for other values.
#[must_use]
pub fn string_inside(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(object: &str) -> (Vec<String>, bool) {
        let mut seen = Vec::new();
        let whole = members(object.as_bytes(), |key, value| {
            seen.push(format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
            true
        });
        (seen, whole)
    }

    #[test]
    fn members_are_read_and_truncation_is_noticed() {
        assert_eq!(read("{}"), (vec![], true));
        assert_eq!(
            read(r#" { "a" : [1,{"b":"}"}] , "c":null} "#),
            (vec![r#"a=[1,{"b":"}"}]"#.into(), "c=null".into()], true)
        );
        for broken in [
            "",
            "[",
            "{",
            r#"{"a""#,
            r#"{"a":"#,
            r#"{"a":1"#,
            r#"{"a":1,"#,
            r#"{"a":[1"#,
            r#"{"a" 1}"#,
            r#"{"a":x}"#,
            r#"{"a":1 2}"#,
        ] {
            assert!(!read(broken).1, "{broken}");
        }
    }

    #[test]
    fn elements_are_read() {
        let mut seen = Vec::new();
        assert!(elements(b" [1, [2,3] ,\"]\"]", |value| seen.push(String::from_utf8_lossy(value).into_owned())));
        assert_eq!(seen, ["1", "[2,3]", "\"]\""]);
        assert!(elements(b"[]", |_| panic!("empty")));
        for broken in ["", "{}", "[1", "[1,", "[1 2]"] {
            assert!(!elements(broken.as_bytes(), |_| ()), "{broken}");
        }
        assert_eq!(last_member(br#"{"a":1,"\u0061":2}"#, "a"), Some(&b"2"[..]));
    }
}
