//! The tokens of JSON over bytes: whitespace, strings, numbers, literals. No allocation, no recursion.
//!
//! The grammar is RFC 8259 as strict parsers read it. Escapes are checked for form only: a lone surrogate such as
//! `\ud83d` is accepted, because the text passes on as it came and a provider may accept it.

use memchr::memchr2;

use super::Span;

/// Why a body is not JSON. `at` is the byte offset where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// A string token: the bytes between the quotes, and what escapes they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) span: Span,
    /// Number of escapes.
    pub(crate) escapes: usize,
    /// Whether one of them is a `\u` escape.
    pub(crate) unicode: bool,
}

/// A position in bytes that are being read.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// Short strings are searched byte by byte: setting up the vector search costs more than they do.
const SHORT: usize = 16;

impl<'a> Lexer<'a> {
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) const fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes whitespace and returns the byte after it without taking it.
    #[inline]
    pub(crate) fn next_token(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                other => return Some(other),
            }
        }
    }

    /// Reads a string whose opening quote is at the current position.
    pub(crate) fn string(&mut self) -> Result<Text, Malformed> {
        self.at += 1;
        let start = self.at;
        let (mut escapes, mut unicode) = (0, false);
        loop {
            match self.run()? {
                b'"' => {
                    let span = Span { start, end: self.at };
                    self.at += 1;
                    return Ok(Text { span, escapes, unicode });
                }
                _ => {
                    escapes += 1;
                    unicode |= self.escape()?;
                }
            }
        }
    }

    /// Moves to the next quote or backslash and returns it; control characters on the way are an error.
    #[inline]
    fn run(&mut self) -> Result<u8, Malformed> {
        let rest = self.rest();
        if let Some(near) = rest.iter().take(SHORT).position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
            self.at += near;
            return match self.peek() {
                Some(found @ (b'"' | b'\\')) => Ok(found),
                _ => Err(self.malformed("a control character in a string")),
            };
        }
        let far = rest.get(SHORT..).unwrap_or_default();
        let Some(distance) = memchr2(b'"', b'\\', far) else {
            self.at = self.bytes.len();
            return Err(self.malformed("a string without its closing quote"));
        };
        let passed = far.get(..distance).unwrap_or_default();
        // A fold without early exit, so that the compiler can vectorise it.
        if passed.iter().fold(false, |bad, byte| bad | (*byte < 0x20)) {
            self.at += SHORT + passed.iter().position(|byte| *byte < 0x20).unwrap_or_default();
            return Err(self.malformed("a control character in a string"));
        }
        self.at += SHORT + distance;
        self.peek().ok_or_else(|| self.malformed("a string without its closing quote"))
    }

    /// Reads an escape whose backslash is at the current position; true if it is a `\u` escape.
    fn escape(&mut self) -> Result<bool, Malformed> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(false)
            }
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit) {
                    self.at += 5;
                    Ok(true)
                } else {
                    Err(self.malformed("an incomplete \\u escape"))
                }
            }
            _ => Err(self.malformed("an unknown escape in a string")),
        }
    }

    /// Reads a number whose first byte is at the current position.
    pub(crate) fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.malformed("a number without digits")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.digits();
        if self.at > start { Ok(()) } else { Err(self.malformed("a number without digits")) }
    }

    /// Reads `true`, `false` or `null`.
    pub(crate) fn literal(&mut self, word: &'static [u8]) -> Result<(), Malformed> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.malformed("an unknown word"))
        }
    }

    /// Passes one whole value of text that is already known to be valid JSON; false where it is not after all.
    pub(crate) fn skip_value(&mut self) -> bool {
        let mut depth = 0_usize;
        loop {
            let done = match self.next_token() {
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    true
                }
                Some(b',' | b':') if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(b'"') => self.string().is_ok(),
                Some(b'-' | b'0'..=b'9') => self.number().is_ok(),
                Some(b't') => self.literal(b"true").is_ok(),
                Some(b'f') => self.literal(b"false").is_ok(),
                Some(b'n') => self.literal(b"null").is_ok(),
                _ => false,
            };
            if !done {
                return false;
            }
            if depth == 0 {
                return true;
            }
        }
    }
}
