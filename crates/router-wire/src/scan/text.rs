//! The text of a JSON string: escapes resolved, without a parser.

use std::borrow::Cow;

/// Iterates over the characters of the inside of a JSON string. A lone surrogate gives U+FFFD.
pub(crate) struct Chars<'a> {
    rest: &'a [u8],
}

/// One step through an escaped string.
pub(crate) enum Piece<'a> {
    /// Bytes that stand for themselves.
    Plain(&'a [u8]),
    /// What an escape stands for.
    Char(char),
}

impl<'a> Chars<'a> {
    pub(crate) const fn new(inside: &'a [u8]) -> Self {
        Self { rest: inside }
    }

    fn hex4(digits: &[u8]) -> Option<u32> {
        let text = std::str::from_utf8(digits.get(..4)?).ok()?;
        u32::from_str_radix(text, 16).ok()
    }

    /// The character of a `\u` escape whose four digits begin `after`, and how many bytes it took.
    fn unicode(after: &[u8]) -> (char, usize) {
        let Some(first) = Self::hex4(after) else { return (char::REPLACEMENT_CHARACTER, after.len()) };
        if (0xd800..0xdc00).contains(&first)
            && let Some(low) = after.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(Self::hex4)
            && (0xdc00..0xe000).contains(&low)
        {
            let joined = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            return (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
        }
        (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
    }
}

impl<'a> Iterator for Chars<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let plain = memchr::memchr(b'\\', self.rest).unwrap_or(self.rest.len());
        let (head, tail) = self.rest.split_at_checked(plain)?;
        if !head.is_empty() {
            self.rest = tail;
            return Some(Piece::Plain(head));
        }
        let (found, taken) = match tail.get(1)? {
            b'n' => ('\n', 2),
            b't' => ('\t', 2),
            b'r' => ('\r', 2),
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'u' => {
                let (found, digits) = Self::unicode(tail.get(2..).unwrap_or_default());
                (found, 2 + digits)
            }
            other => (char::from(*other), 2),
        };
        self.rest = tail.get(taken..).unwrap_or_default();
        Some(Piece::Char(found))
    }
}

/// The text between the quotes of a JSON string, borrowed where nothing is escaped.
#[must_use]
pub fn unescape(inside: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inside).is_none() {
        return String::from_utf8_lossy(inside);
    }
    let mut text = String::with_capacity(inside.len());
    for piece in Chars::new(inside) {
        match piece {
            Piece::Plain(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
            Piece::Char(found) => text.push(found),
        }
    }
    Cow::Owned(text)
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn push_json_string(out: &mut Vec<u8>, text: &str) {
    // Writing into a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_as_serde_json_reads_them() {
        for inside in [r"plain", r"a\nb", r"\u4e2d\u6587", r"\ud83d\ude00!", r#"\"\\\/\b\f\n\r\t"#, "漢字\\u0041"] {
            let expected: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
            assert_eq!(unescape(inside.as_bytes()), expected, "{inside}");
        }
    }

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character() {
        assert_eq!(unescape(br"a\ud83db"), "a\u{fffd}b");
        assert_eq!(unescape(br"\ud83d\u0041"), "\u{fffd}A");
        assert_eq!(unescape(br"\ude00"), "\u{fffd}");
    }
}
