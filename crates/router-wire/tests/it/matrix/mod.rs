//! Every dialect as client against every dialect as provider: what arrives, what cannot, and that nothing breaks it.
//!
//! All is generic over `clients()` and `PROVIDERS`; a new codec takes part by being there. What it cannot carry must be said in [`losses`], from
//! which the published table in `docs/translation.md` is made.

mod corpus;
mod documents;
mod fitness;
mod golden;
mod hostile;
mod losses;
mod ollama;
mod round;
mod streams;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use router_wire::adapters::Quirks;
use router_wire::dialects::{ClientCodec, Echo, Framing, PROVIDERS, ProviderCodec, RequestError, Target, clients};
use router_wire::message::{Event, Request};
use router_wire::sse::{Splitter, frames, read};

/// The folder of golden files.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Whether generated files are to be written anew.
#[expect(clippy::disallowed_methods, reason = "how golden files are renewed is the business of who runs the tests")]
fn renewing() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[expect(clippy::disallowed_methods, reason = "fixtures are files")]
fn load(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// Compares with a generated file, or writes it anew.
#[expect(clippy::disallowed_methods, reason = "golden files are files")]
fn golden(path: &Path, fresh: &[u8], stale: &mut Vec<String>) {
    if load(path).as_deref() == Some(fresh) {
        return;
    }
    if renewing() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, fresh).unwrap();
    } else {
        stale.push(path.display().to_string());
    }
}

/// Names of the files in a folder, sorted; empty if it is not there.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A fixture of a dialect.
pub(crate) struct Fixture {
    /// File name, such as `request-tools.json`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The fixtures of a dialect whose names begin so.
pub(crate) fn fixtures(dialect: &str, kind: &str) -> Vec<Fixture> {
    let folder = folder().join("translate").join(dialect);
    let names = files(&folder).into_iter().filter(|name| name.starts_with(kind));
    names.map(|name| Fixture { bytes: load(&folder.join(&name)).unwrap(), name }).collect()
}

/// Reads a body.
type ReadRequest = fn(&[u8]) -> Result<Request, RequestError>;

/// Every dialect of providers with a reader of its requests: that of its clients, or, where it has none, one of these tests.
fn readers() -> impl Iterator<Item = (&'static ProviderCodec, ReadRequest)> {
    let client = |name| clients().find(|client| client.name == name).map(|client| client.read_request);
    PROVIDERS.iter().map(move |codec| (*codec, client(codec.name).unwrap_or(ollama::read_request)))
}

/// The dialect as its providers speak it; every dialect of clients has providers.
fn provider_of(client: &ClientCodec) -> &'static ProviderCodec {
    router_wire::dialects::provider(client.name).unwrap()
}

/// Writes for a provider with these habits.
fn write_for(
    codec: &ProviderCodec,
    request: &Request,
    quirks: &Quirks,
) -> Result<router_wire::message::Encoded, String> {
    let model = losses::table(codec.name).model;
    let target = Target { model_max_output: Some(8_192), thinks: true, ..Target::new(model, quirks) };
    (codec.write_request)(request, &target).map_err(|refused| refused.param)
}

/// What answers repeat; always the same, so that golden files are stable.
fn echo(request: Option<&Request>) -> Echo<'_> {
    Echo { model: "client-model", id: "x1", created: 1_700_000_000, usage_wanted: true, input_tokens: 11, request }
}

/// Decodes a stream that comes in these chunks: its events, and whether it ended properly.
fn decode<'a>(codec: &ProviderCodec, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
    let mut decoder = (codec.decoder)();
    let mut events = Vec::new();
    match codec.framing {
        Framing::Sse => {
            let mut splitter = Splitter::new(1 << 20);
            let mut take = |block: &Bytes, events: &mut Vec<Event>| {
                for frame in frames(block) {
                    let event = read(&frame);
                    if let Some(data) = event.data.as_deref().or(event.bare) {
                        decoder.event(data, events);
                    }
                }
            };
            for chunk in chunks {
                let got = splitter.push(Bytes::copy_from_slice(chunk)).unwrap();
                take(&got.joined, &mut events);
                take(&got.whole, &mut events);
            }
            take(&splitter.finish(), &mut events);
        }
        Framing::Lines => {
            let all: Vec<u8> = chunks.into_iter().flatten().copied().collect();
            for line in all.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
                decoder.event(line, &mut events);
            }
        }
    }
    let proper = decoder.end(&mut events);
    (events, proper)
}

/// Encodes events as a client's stream; an error ends it as it does in the server, without a terminator.
fn encode(codec: &ClientCodec, events: &[Event], request: Option<&Request>) -> Vec<u8> {
    let mut encoder = (codec.encoder)(&echo(request));
    let mut out = Vec::new();
    let mut usage = None;
    for event in events {
        match event {
            Event::Error(_) => return out,
            Event::Usage(found) => usage = Some(*found),
            _ => {}
        }
        encoder.event(event, &mut out);
    }
    encoder.end(usage.as_ref(), &mut out);
    out
}

/// JSON, indented, for eyes and for diffs; what is no JSON stays.
fn pretty(bytes: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(value) => {
            let mut text = serde_json::to_vec_pretty(&value).unwrap();
            text.push(b'\n');
            text
        }
        Err(_) => bytes.to_vec(),
    }
}

/// The first lines in which two values differ.
fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (format!("{found:#?}"), format!("{expected:#?}"));
    let only = |these: &str, those: &str| -> String {
        let those: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).take(12).map(|line| format!("{}\n", line.trim())).collect()
    };
    let (more, less) = (only(&found, &expected), only(&expected, &found));
    if more.is_empty() && less.is_empty() {
        return Err(format!("found, in another order\n{found}\nexpected\n{expected}"));
    }
    Err(format!("found\n{more}expected\n{less}"))
}
