//! The upstream body: the client's bytes with a handful of edits, everything else byte for byte.

use super::members::member_spans;
use super::{Field, Kind, Scan, Span, push_json_string, unescape};

/// Fields that speak to a router, not to a model: taken out before the body goes to a provider that is no router.
pub const ROUTING_FIELDS: &[Field] = &[Field::Models, Field::Provider, Field::Route, Field::Router];

/// The limit on output tokens that goes upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputCap {
    /// The provider's parameter: `MaxTokens`, `MaxCompletionTokens`, or `MaxOutputTokens` of Responses.
    pub param: Field,
    /// Sent where the client named no limit: the number that was reserved.
    pub tokens: u64,
    /// Whether a limit under the other parameter's name is renamed to `param` (for providers that refuse the other).
    pub rename: bool,
}

/// What to change in a body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edits<'a> {
    /// The upstream's name of the model.
    pub model: &'a str,
    /// Make the stream report its usage (`stream_options.include_usage: true`). Only for streams.
    pub include_usage: bool,
    /// The limit on output tokens, where one has to be sent.
    pub output_cap: Option<OutputCap>,
    /// Fields to take out, usually [`ROUTING_FIELDS`]. `model` is never taken out.
    pub remove: &'a [Field],
}

/// What goes in at one place.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Nothing,
    Text(&'static str),
    Model,
    /// `"model":NAME,` as a first field.
    ModelField,
    Number(u64),
    /// Another key.
    Key(Field),
    /// `"param":N,` as a first field.
    Cap(Field, u64),
}

#[derive(Clone, Copy, Debug)]
struct Edit {
    at: Span,
    piece: Piece,
}

/// Edits in a fixed array: their number is bounded by the kinds of edit, so nothing is allocated for them.
struct Plan {
    edits: [Edit; Self::MOST],
    len: usize,
}

impl Plan {
    const MOST: usize = 16;

    const fn new() -> Self {
        Self { edits: [Edit { at: Span { start: 0, end: 0 }, piece: Piece::Nothing }; Self::MOST], len: 0 }
    }

    fn add(&mut self, start: usize, end: usize, piece: Piece) {
        if let Some(slot) = self.edits.get_mut(self.len) {
            *slot = Edit { at: Span { start, end }, piece };
            self.len += 1;
        }
    }

    fn sorted(&mut self) -> &[Edit] {
        let edits = self.edits.get_mut(..self.len).unwrap_or_default();
        edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
        edits
    }
}

/// The new body. `scan` must be the scan of `body`. One allocation (a model name full of escapes may cost a second).
#[must_use]
pub fn splice(body: &[u8], scan: &Scan, edits: &Edits<'_>) -> Vec<u8> {
    debug_assert_eq!(scan.len, body.len(), "the scan of another body");
    let mut plan = Plan::new();
    let mut gone = FieldSet::of(edits.remove);
    match (scan.field(Field::Model), scan.field(Field::Models)) {
        (Some(model), _) => plan.add(model.value.start, model.value.end, Piece::Model),
        // The list goes: the model takes its place, which may be the only one.
        (None, Some(list)) if gone.has(Field::Models) => {
            gone.take(Field::Models);
            plan.add(list.key.start, list.key.end, Piece::Key(Field::Model));
            plan.add(list.value.start, list.value.end, Piece::Model);
        }
        (None, Some(_)) => plan.add(scan.insert_at, scan.insert_at, Piece::ModelField),
        (None, None) => {}
    }
    if edits.include_usage {
        ask_for_usage(body, scan, &mut plan);
    }
    if let Some(cap) = edits.output_cap {
        cap_output(scan, cap, &mut plan, &mut gone);
    }
    remove(body, scan, gone, &mut plan);

    let mut out = Vec::with_capacity(body.len() + edits.model.len() + 128);
    let mut copied = 0;
    for edit in plan.sorted() {
        if edit.at.start < copied {
            // Inside something that was taken out.
            continue;
        }
        out.extend_from_slice(body.get(copied..edit.at.start).unwrap_or_default());
        copied = edit.at.end;
        write(&mut out, edit.piece, edits.model);
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    out
}

fn write(out: &mut Vec<u8>, piece: Piece, model: &str) {
    match piece {
        Piece::Nothing => {}
        Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
        Piece::Model => push_json_string(out, model),
        Piece::ModelField => {
            push_json_string(out, Field::Model.name());
            out.push(b':');
            push_json_string(out, model);
            out.push(b',');
        }
        Piece::Key(field) => push_json_string(out, field.name()),
        Piece::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Piece::Cap(field, number) => {
            push_json_string(out, field.name());
            out.push(b':');
            out.extend_from_slice(number.to_string().as_bytes());
            out.push(b',');
        }
    }
}

/// Sets `stream_options.include_usage` to true and leaves the other options alone.
fn ask_for_usage(body: &[u8], scan: &Scan, plan: &mut Plan) {
    let Some(options) = scan.field(Field::StreamOptions) else {
        return plan.add(scan.insert_at, scan.insert_at, Piece::Text(r#""stream_options":{"include_usage":true},"#));
    };
    let Span { start, end } = options.value;
    let raw = options.value.of(body).unwrap_or_default();
    if options.kind != Kind::Object {
        return plan.add(start, end, Piece::Text(r#"{"include_usage":true}"#));
    }
    let (mut found, mut twice, mut empty) = (None, false, true);
    member_spans(raw, |key, value| {
        empty = false;
        if unescape(key.of(raw).unwrap_or_default()) == "include_usage" {
            twice = found.replace(value).is_some();
        }
        !twice
    });
    match found {
        _ if twice || empty => plan.add(start, end, Piece::Text(r#"{"include_usage":true}"#)),
        Some(value) if value.of(raw) == Some(b"true") => {}
        Some(value) => plan.add(start + value.start, start + value.end, Piece::Text("true")),
        None => plan.add(start + 1, start + 1, Piece::Text(r#""include_usage":true,"#)),
    }
}

/// Sends the reserved cap where the client named none, and renames the client's own where asked to.
fn cap_output(scan: &Scan, cap: OutputCap, plan: &mut Plan, gone: &mut FieldSet) {
    let other = match cap.param {
        Field::MaxTokens => Field::MaxCompletionTokens,
        Field::MaxCompletionTokens => Field::MaxTokens,
        // Other dialects have one name for it.
        only => only,
    };
    let named = |field| scan.field(field).filter(|found| found.kind != Kind::Null);
    match (named(cap.param), named(other)) {
        (Some(_), Some(_)) if cap.rename && other != cap.param => gone.add(other),
        (None, Some(given)) if cap.rename => {
            // A `null` under the provider's name would make the key stand twice.
            gone.add(cap.param);
            plan.add(given.key.start, given.key.end, Piece::Key(cap.param));
        }
        (Some(_), _) | (_, Some(_)) => {}
        (None, None) => match scan.field(cap.param) {
            Some(null) => plan.add(null.value.start, null.value.end, Piece::Number(cap.tokens)),
            None => plan.add(scan.insert_at, scan.insert_at, Piece::Cap(cap.param, cap.tokens)),
        },
    }
}

/// A set of known fields.
#[derive(Clone, Copy)]
struct FieldSet(u64);

impl FieldSet {
    fn of(fields: &[Field]) -> Self {
        let mut set = Self(0);
        fields.iter().for_each(|field| set.add(*field));
        set
    }

    fn add(&mut self, field: Field) {
        if field != Field::Model {
            self.0 |= 1 << field as u8;
        }
    }

    fn take(&mut self, field: Field) {
        self.0 &= !(1 << field as u8);
    }

    const fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }
}

/// Takes fields out with one comma each. Those at the very end take the comma before them.
fn remove(body: &[u8], scan: &Scan, gone: FieldSet, plan: &mut Plan) {
    let found = |field: &Field| scan.field(*field).filter(|_| gone.has(*field));
    let all = || Field::ALL.iter().filter_map(|(field, _)| found(field));
    let mut tail = scan.count;
    while let Some(last) = all().find(|span| span.ordinal + 1 == tail) {
        tail = last.ordinal;
    }
    for span in all() {
        if span.ordinal < tail {
            let after = body.get(span.value.end..).unwrap_or_default();
            let comma = memchr::memchr(b',', after).map_or(0, |distance| distance + 1);
            plan.add(span.key.start, span.value.end + comma, Piece::Nothing);
        } else if span.ordinal == 0 {
            plan.add(span.key.start, span.value.end, Piece::Nothing);
        } else {
            plan.add(span.comma, span.value.end, Piece::Nothing);
        }
    }
}
