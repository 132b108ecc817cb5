//! How many tokens a text may be, from its characters.
//!
//! An estimate ranks candidates, filters by context length and stands in where a provider reports nothing; a bound is
//! what a budget reserves. Weights per character: ASCII 0.25, CJK and other wide characters 1.0, the rest 0.5. Counting
//! characters by four alone would be wrong for Chinese by a factor of three.

use crate::scan::{Chars, Piece, Text};

/// Tokens added to the estimate for each message of a chat (role and separators).
pub const PER_MESSAGE: u64 = 4;
/// Tokens added once for the start of the answer.
pub const PRIMING: u64 = 3;
/// Estimate for an image whose size nobody looked at.
pub const IMAGE: u64 = 765;
/// Most that one image costs on any well-known model: 2,833 + 8 tiles of 5,667 (the small 4o model, full detail), rounded up.
pub const IMAGE_BOUND: u64 = 50_000;
/// Most that one image of low detail costs (2,833, rounded up).
pub const IMAGE_LOW_BOUND: u64 = 3_000;
/// Tokens that providers add around tools in their own prompt, at most.
pub const TOOLS_BOUND: u64 = 600;
/// Bound per message for role markers and separators of any template.
pub const PER_MESSAGE_BOUND: u64 = 16;

/// Characters of a text by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextCount {
    /// ASCII characters.
    pub ascii: u64,
    /// Chinese, Japanese, Korean and other characters from U+3000 on (emoji included).
    pub wide: u64,
    /// All others: accented Latin, Cyrillic, Arabic …
    pub other: u64,
}

impl TextCount {
    /// Adds UTF-8 text. Only lead bytes are counted, which needs no decoding: `E3`…`ED` and from `EF` on are wide.
    pub fn add(&mut self, text: &[u8]) {
        if text.is_ascii() {
            self.ascii += text.len() as u64;
            return;
        }
        // Blocks of 255 keep the lane counters in a byte, which the compiler turns into vector code.
        for block in text.chunks(255) {
            let ascii = block.iter().fold(0_u8, |sum, byte| sum + u8::from(*byte < 0x80));
            self.ascii += u64::from(ascii);
            let wide = block.iter().fold(0_u8, |sum, b| sum + u8::from((*b >= 0xe3) & (*b != 0xee)));
            let other = block.iter().fold(0_u8, |sum, b| sum + u8::from((*b >= 0xc0) & ((*b < 0xe3) | (*b == 0xee))));
            self.wide += u64::from(wide);
            self.other += u64::from(other);
        }
    }

    /// Adds one character.
    pub fn add_char(&mut self, found: char) {
        let mut buffer = [0; 4];
        self.add(found.encode_utf8(&mut buffer).as_bytes());
    }

    /// Adds the inside of a JSON string; escapes count as the characters that they stand for.
    pub fn add_json(&mut self, inside: &[u8]) {
        for piece in Chars::new(inside) {
            match piece {
                Piece::Plain(bytes) => self.add(bytes),
                Piece::Char(found) => self.add_char(found),
            }
        }
    }

    /// Adds the inside of a JSON string that was just read, which says how many escapes it holds: unless one is a `\u`,
    /// each is two bytes of ASCII for one character, and nothing needs to be looked at twice.
    pub(crate) fn add_token(&mut self, inside: &[u8], token: Text) {
        if token.unicode {
            return self.add_json(inside);
        }
        self.add(inside);
        self.ascii = self.ascii.saturating_sub(token.escapes as u64);
    }

    /// This count and another.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self { ascii: self.ascii + more.ascii, wide: self.wide + more.wide, other: self.other + more.other }
    }

    /// Number of characters.
    #[must_use]
    pub const fn chars(self) -> u64 {
        self.ascii + self.wide + self.other
    }

    /// Estimated tokens: a quarter, one, a half per character of each class, rounded up.
    #[must_use]
    pub const fn tokens(self) -> u64 {
        (self.ascii + 4 * self.wide + 2 * self.other).div_ceil(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> (u64, u64, u64) {
        let mut count = TextCount::default();
        count.add(text.as_bytes());
        assert_eq!(count.chars(), text.chars().count() as u64, "{text}");
        (count.ascii, count.wide, count.other)
    }

    #[test]
    fn characters_fall_into_their_classes() {
        assert_eq!(count("hello"), (5, 0, 0));
        assert_eq!(count("你好,世界"), (1, 4, 0));
        assert_eq!(count("ひらカナ한글"), (0, 6, 0));
        assert_eq!(count("éàж"), (0, 0, 3));
        assert_eq!(count("😀，"), (0, 2, 0));
        assert_eq!(count("\u{e000}…"), (0, 0, 2));
        assert_eq!(count(&"x中é".repeat(300)), (300, 300, 300));
    }

    #[test]
    fn escaped_and_plain_chinese_count_alike() {
        let (mut plain, mut escaped) = (TextCount::default(), TextCount::default());
        plain.add_json("中文 ok 😀".as_bytes());
        escaped.add_json(br"\u4e2d\u6587 ok \ud83d\ude00");
        assert_eq!(plain, escaped);
        assert_eq!(plain.tokens(), 4);
    }
}
