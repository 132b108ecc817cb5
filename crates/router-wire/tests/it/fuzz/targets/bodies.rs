//! Clients' bodies and paths: scanned, read by every dialect, and spliced for a provider of the same dialect.

use bytes::Bytes;
use router_core::ask::Endpoint;
use router_wire::adapters::{ADAPTERS, UpstreamPreset};
use router_wire::dialects::openai_work::{FormWatch, without_boundary};
use router_wire::dialects::{DIALECTS, Dialect, Passing, Route, by_path, of_errors};
use router_wire::message::{Media, Signature, SignatureFormat};
use router_wire::scan::{Edits, Field, OutputCap, ROUTING_FIELDS, Scan, scan, splice};

use super::Input;
use super::input::assert_json;

const MODEL: &str = "vendor/model \"1\"";

/// `[edits, cap, dialect, endpoint, adapter] body`
pub(super) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let (flags, cap) = (input.byte(), *input.choose(CAPS));
    let dialect = input.choose(DIALECTS);
    let endpoint = *input.choose(Endpoint::ALL);
    let adapter = input.choose(ADAPTERS);
    let body = input.rest();
    if let Ok(found) = scan(body) {
        assert_json(body, "a body that was found to be valid");
        spliced(body, &found, flags, cap);
    }
    words(body);
    passed(body, usize::from(flags));
    unbound(body);
    let model = (flags & 8 != 0).then(|| "m".to_owned());
    let route = Route { endpoint, model, stream: None, array: flags & 16 != 0, method: None };
    let Ok(intake) = (dialect.read)(&route, body) else { return };
    let preset = (adapter.preset)();
    let output_cap = (flags & 32 != 0).then_some(77);
    let passing = Passing { body, intake: &intake, model: MODEL, output_cap, preset: &preset };
    let sent = adapter.body(dialect, &passing);
    sent_is_read_again(dialect, &route, &sent, &preset);
}

const CAPS: &[Option<Field>] =
    &[None, Some(Field::MaxTokens), Some(Field::MaxCompletionTokens), Some(Field::MaxOutputTokens)];

/// A body that was edited is still one, says what the edits say, and what an edit takes out is gone.
fn spliced(body: &[u8], found: &Scan, flags: u8, cap: Option<Field>) {
    let output_cap = cap.map(|param| OutputCap { param, tokens: 77, rename: flags & 1 != 0 });
    let remove = if flags & 2 != 0 { ROUTING_FIELDS } else { &[] };
    let edits = Edits { model: MODEL, include_usage: flags & 4 != 0, output_cap, remove };
    // New fields go in front of the first one: an object without any has no place for them, and is refused before.
    if found.field(Field::Model).is_none() {
        return;
    }
    let new = splice(body, found, &edits);
    let text = || String::from_utf8_lossy(&new).into_owned();
    let again = scan(&new).unwrap_or_else(|error| panic!("{error}: {}", text()));
    assert_eq!(again.string(&new, Field::Model).as_deref(), Some(MODEL), "{}", text());
    assert!(remove.iter().all(|field| again.field(*field).is_none()), "{}", text());
    if let Some(cap) = cap.filter(|_| flags & 1 != 0) {
        assert!(again.field(cap).is_some(), "{}", text());
    }
}

/// What went through is a request of its dialect for the provider's model.
fn sent_is_read_again(dialect: &Dialect, route: &Route, sent: &[u8], preset: &UpstreamPreset) {
    let text = || format!("{} with {:?}: {}", dialect.name, preset.quirks, String::from_utf8_lossy(sent));
    if sent.starts_with(b"--") {
        return;
    }
    assert_json(sent, dialect.name);
    let again = (dialect.read)(route, sent).unwrap_or_else(|error| panic!("{error}: {}", text()));
    if route.model.is_none() && again.scan.field(Field::Model).is_some() {
        assert_eq!(again.ask.model, MODEL, "{}", text());
    }
}

/// A form of which only the beginning is known passes unchanged, or is refused without a second model.
fn passed(body: &[u8], size: usize) {
    let (head, rest) = body.split_at(body.len() / 2);
    let Some((mut watch, known)) = FormWatch::begin(head) else { return };
    let mut out = head[..known].to_vec();
    for piece in rest.chunks(size + 1) {
        match watch.pass(Bytes::copy_from_slice(piece)) {
            Ok(went) => out.extend_from_slice(&went),
            Err(_) => return assert!(body.starts_with(&out)),
        }
    }
    out.extend_from_slice(&watch.rest());
    assert_eq!(out, body);
}

/// With its boundary between them, the pieces of a form are the form; what is none is one piece.
fn unbound(body: &[u8]) {
    let pieces: Vec<&[u8]> = without_boundary(body).collect();
    let boundaries = pieces.len() - 1;
    let left_out = body.len() - pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let boundary = &body[..left_out.checked_div(boundaries).unwrap_or(0)];
    assert_eq!(pieces.join(boundary), body);
}

/// Paths, and the words inside of bodies that have a form of their own.
fn words(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    drop(by_path(path, query));
    assert!(!of_errors(path, |_| false).name.is_empty());
    drop(Media::from_address(text).to_address());
    for native in [SignatureFormat::Anthropic, SignatureFormat::Gemini] {
        let signature = Signature::unpack(text, native.clone());
        assert_eq!(Signature::unpack(&signature.pack(), native), signature);
    }
}
