//! The walk over a body: a loop with a bit per open container instead of recursion.

use std::borrow::Cow;

use super::features::Observer;
use super::lexer::{Malformed, Text};
use super::{Field, FieldSpan, Kind, Lexer, MAX_DEPTH, MAX_FIELDS, MAX_MESSAGES, Scan, ScanError, Span, unescape};

/// What the grammar allows next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// A value or the end of an array.
    FirstElement,
    Key,
    /// A key or the end of an object.
    FirstKey,
    /// A comma or the end of the container.
    Comma,
}

/// Why the walk stopped.
enum Stop {
    Malformed(Malformed),
    Refused(ScanError),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// The field whose value is being read.
#[derive(Clone, Copy, Default)]
struct Open {
    key: Text,
    comma: usize,
    value_start: usize,
}

pub(super) struct Walk<'a> {
    body: &'a [u8],
    lexer: Lexer<'a>,
    depth: usize,
    /// Bit `depth - 1` is set where that container is an object.
    objects: u64,
    fields: [Option<FieldSpan>; Field::COUNT],
    /// Keys that routing does not know, for the duplicate check.
    unknown: Vec<Text>,
    count: usize,
    comma: usize,
    open: Open,
    kind: Kind,
    observer: Observer,
}

impl<'a> Walk<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            lexer: Lexer::new(body, 0),
            depth: 0,
            objects: 0,
            fields: [None; Field::COUNT],
            unknown: Vec::new(),
            count: 0,
            comma: 0,
            open: Open::default(),
            kind: Kind::Null,
            observer: Observer::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<Scan, ScanError> {
        match self.walk() {
            Ok(insert_at) => Ok(Scan {
                fields: self.fields,
                insert_at,
                count: self.count,
                len: self.body.len(),
                features: self.observer.features,
            }),
            Err(Stop::Malformed(bad)) => Err(ScanError::invalid(self.body, bad.at, bad.what)),
            Err(Stop::Refused(error)) => Err(error),
        }
    }

    /// Walks the body and returns the offset after its opening brace.
    fn walk(&mut self) -> Result<usize, Stop> {
        match self.lexer.next_token() {
            Some(b'{') => {}
            None => return Err(self.lexer.malformed("an empty body").into()),
            Some(_) => return Err(self.lexer.malformed("something other than `{`").into()),
        }
        self.comma = self.lexer.at;
        let insert_at = self.lexer.at + 1;
        let mut expect = self.push(true)?;
        while self.depth > 0 {
            let Some(byte) = self.lexer.next_token() else {
                return Err(self.lexer.malformed("the end of the body inside a value").into());
            };
            expect = match (expect, byte) {
                (Expect::Comma, b',') => self.comma(),
                (Expect::Comma | Expect::FirstKey, b'}') if self.in_object() => self.pop(),
                (Expect::Comma | Expect::FirstElement, b']') if !self.in_object() => self.pop(),
                (Expect::Key | Expect::FirstKey, b'"') => self.key()?,
                (Expect::Value | Expect::FirstElement, _) => self.value(byte)?,
                _ => return Err(self.unexpected(expect).into()),
            };
        }
        if self.lexer.next_token().is_some() {
            return Err(self.lexer.malformed("text after the object").into());
        }
        self.refuse_unknown_twins()?;
        Ok(insert_at)
    }

    fn unexpected(&self, expect: Expect) -> Malformed {
        self.lexer.malformed(match expect {
            Expect::Comma => "something other than a comma or a closing bracket",
            Expect::Key | Expect::FirstKey => "something other than a key in quotes",
            Expect::Value | Expect::FirstElement => "something other than a value",
        })
    }

    const fn in_object(&self) -> bool {
        self.objects & (1 << (self.depth - 1)) != 0
    }

    fn push(&mut self, object: bool) -> Result<Expect, Stop> {
        if self.depth == MAX_DEPTH {
            return Err(Stop::Refused(ScanError::TooDeep { at: self.lexer.at }));
        }
        let bit = 1 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.depth += 1;
        self.lexer.at += 1;
        Ok(if object { Expect::FirstKey } else { Expect::FirstElement })
    }

    fn pop(&mut self) -> Expect {
        self.depth -= 1;
        self.lexer.at += 1;
        self.observer.close(self.depth);
        self.end_value()
    }

    fn comma(&mut self) -> Expect {
        if self.depth == 1 {
            self.comma = self.lexer.at;
        }
        self.lexer.at += 1;
        if self.in_object() { Expect::Key } else { Expect::Value }
    }

    fn key(&mut self) -> Result<Expect, Stop> {
        let key = self.lexer.string()?;
        if self.depth == 1 {
            self.open_field(key)?;
        } else {
            let name = self.text_of(key);
            self.observer.key(self.depth, name.as_bytes());
        }
        if self.lexer.next_token() != Some(b':') {
            return Err(self.lexer.malformed("a key without a colon").into());
        }
        self.lexer.at += 1;
        Ok(Expect::Value)
    }

    /// The text of a key or type name: borrowed unless it holds escapes.
    fn text_of(&self, text: Text) -> Cow<'a, str> {
        let inside = text.span.of(self.body).unwrap_or_default();
        if text.escapes > 0 { unescape(inside) } else { std::str::from_utf8(inside).unwrap_or_default().into() }
    }

    fn open_field(&mut self, key: Text) -> Result<(), Stop> {
        if self.count == MAX_FIELDS {
            return Err(Stop::Refused(ScanError::TooManyFields));
        }
        self.count += 1;
        let name = self.text_of(key);
        self.observer.top = Field::from_name(&name);
        self.open = Open { key, comma: self.comma, value_start: 0 };
        match self.observer.top {
            None => self.unknown.push(key),
            Some(field) if self.fields.get(field as usize).copied().flatten().is_some() => {
                return Err(Stop::Refused(twin(&name)));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Result<Expect, Stop> {
        let kind = match byte {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' => Kind::True,
            b'f' => Kind::False,
            b'n' => Kind::Null,
            _ => return Err(self.unexpected(Expect::Value).into()),
        };
        if self.depth == 1 {
            self.kind = kind;
            self.open.value_start = self.lexer.at;
        }
        self.observer.value(self.depth, kind);
        if self.observer.features.messages > MAX_MESSAGES as u64 {
            return Err(Stop::Refused(ScanError::TooManyMessages));
        }
        match kind {
            Kind::Object => return self.push(true),
            Kind::Array => return self.push(false),
            Kind::String => {
                let text = self.lexer.string()?;
                self.observer.string(self.depth, self.body, text);
            }
            Kind::Number => self.lexer.number()?,
            Kind::True => self.lexer.literal(b"true")?,
            Kind::False => self.lexer.literal(b"false")?,
            Kind::Null => self.lexer.literal(b"null")?,
        }
        Ok(self.end_value())
    }

    fn end_value(&mut self) -> Expect {
        if self.depth == 1
            && let Some(field) = self.observer.top
            && let Some(slot) = self.fields.get_mut(field as usize)
        {
            let key = Span { start: self.open.key.span.start - 1, end: self.open.key.span.end + 1 };
            let value = Span { start: self.open.value_start, end: self.lexer.at };
            *slot = Some(FieldSpan { key, value, kind: self.kind, ordinal: self.count - 1, comma: self.open.comma });
        }
        Expect::Comma
    }

    /// Sorts the unknown keys and looks at neighbours: no hash that a client could make collide.
    fn refuse_unknown_twins(&mut self) -> Result<(), Stop> {
        if self.unknown.len() < 2 {
            return Ok(());
        }
        let mut names: Vec<Cow<'_, str>> = self.unknown.iter().map(|key| self.text_of(*key)).collect();
        names.sort_unstable();
        match names.windows(2).find_map(|pair| match pair {
            [one, two] if one == two => Some(twin(one)),
            _ => None,
        }) {
            Some(error) => Err(Stop::Refused(error)),
            None => Ok(()),
        }
    }
}

fn twin(key: &str) -> ScanError {
    ScanError::DuplicateKey { key: key.chars().take(64).collect() }
}
