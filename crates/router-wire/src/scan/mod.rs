//! One pass over a request body: is it valid, where are the fields that routing needs, what does it use.
//!
//! What was checked is what is sent: the ranges found here are spliced by [`splice`] into the upstream body, so that
//! no second parser can read another value than the first. Hence duplicate top-level keys are refused.
//!
//! Differences from a lenient JSON parser, all on purpose: the body must be an object, nest at most [`MAX_DEPTH`] deep,
//! have at most [`MAX_FIELDS`] fields and no field twice (keys compared with escapes resolved), and be UTF-8 throughout.

mod features;
mod field;
mod lexer;
mod members;
mod splice;
mod text;
mod walk;

pub use features::Features;
pub use field::{Field, FieldSpan, Kind, Span};
pub(crate) use lexer::{Lexer, Text};
pub(crate) use members::push_member;
pub use members::{elements, last_member, members, string_inside};
pub use splice::{Edits, OutputCap, ROUTING_FIELDS, splice};
pub use text::unescape;
pub(crate) use text::{Chars, Piece, push_json_string};

use std::fmt;

/// Deepest nesting of a body; the outermost object is level 1.
pub const MAX_DEPTH: usize = 64;
/// Most top-level fields of a body.
pub const MAX_FIELDS: usize = 1_000;
/// Most messages of a chat.
pub const MAX_MESSAGES: usize = 2_048;

/// What one pass over a body found. Ranges are byte offsets into that body.
#[derive(Clone, Debug)]
pub struct Scan {
    fields: [Option<FieldSpan>; Field::COUNT],
    /// Offset just after the opening brace, where new fields go.
    pub(crate) insert_at: usize,
    /// Number of top-level fields.
    pub(crate) count: usize,
    /// Length of the body scanned.
    pub(crate) len: usize,
    /// What the body uses.
    pub features: Features,
}

impl Scan {
    /// Where a known field stands, if the body has it.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<FieldSpan> {
        self.fields.get(field as usize).copied().flatten()
    }

    /// The raw value of a field: absent and `null` are both `None`.
    #[must_use]
    pub fn value<'a>(&self, body: &'a [u8], field: Field) -> Option<(Kind, &'a [u8])> {
        let found = self.field(field).filter(|found| found.kind != Kind::Null)?;
        Some((found.kind, found.value.of(body)?))
    }

    /// A string field with escapes resolved; `None` if absent or no string.
    #[must_use]
    pub fn string<'a>(&self, body: &'a [u8], field: Field) -> Option<std::borrow::Cow<'a, str>> {
        let (kind, raw) = self.value(body, field)?;
        if kind != Kind::String {
            return None;
        }
        Some(unescape(raw.get(1..raw.len().checked_sub(1)?)?))
    }
}

/// Why a body was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// Not JSON, not UTF-8, not an object, or text after the object.
    Invalid {
        /// What was found, as a noun phrase.
        what: &'static str,
        /// Byte offset.
        at: usize,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep {
        /// Byte offset of the bracket that was too much.
        at: usize,
    },
    /// A top-level key stands twice.
    DuplicateKey {
        /// The key, at most 64 characters of it.
        key: String,
    },
    /// More than [`MAX_FIELDS`] top-level fields.
    TooManyFields,
    /// More than [`MAX_MESSAGES`] messages.
    TooManyMessages,
}

impl ScanError {
    fn invalid(body: &[u8], at: usize, what: &'static str) -> Self {
        let before = body.get(..at.min(body.len())).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
        Self::Invalid { what, at, line, column }
    }
}

impl std::error::Error for ScanError {}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { what, line, column, .. } => {
                write!(f, "the body is not a valid JSON object: {what} at line {line}, column {column}")
            }
            Self::TooDeep { at } => {
                write!(f, "the body nests deeper than {MAX_DEPTH} levels at byte {at}")
            }
            Self::DuplicateKey { key } => write!(f, "the field `{key}` stands twice in the body"),
            Self::TooManyFields => write!(f, "the body has more than {MAX_FIELDS} top-level fields"),
            Self::TooManyMessages => write!(f, "the body has more than {MAX_MESSAGES} messages"),
        }
    }
}

/// Scans a request body once, in linear time, without recursion and without an allocation per token.
///
/// # Errors
/// [`ScanError`], with the place where reading stopped.
pub fn scan(body: &[u8]) -> Result<Scan, ScanError> {
    if let Err(error) = std::str::from_utf8(body) {
        return Err(ScanError::invalid(body, error.valid_up_to(), "a byte that is not UTF-8"));
    }
    walk::Walk::new(body).run()
}
