//! Providers' streams on their way to every client's dialect: the same for any chunking.

use bytes::Bytes;
use router_core::usage::Usage;
use router_wire::dialects::{DIALECTS, dialect};
use router_wire::message::Names;
use router_wire::relay::{Passage, StreamEnd, StreamFault};
use router_wire::sse;
use router_wire::tokens::TextCount;

use super::Input;
use super::input::{ECHO, assert_json};

/// `[way, provider, client, sizes of four chunks] stream`
pub(super) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let way = input.byte();
    let (provider, client) = (input.provider(), input.client());
    let sizes = [input.byte(), input.byte(), input.byte(), input.byte()];
    let stream = input.rest();
    let passage = || {
        let passage = match way % 4 {
            0 => Passage::chat(&DIALECTS[0], way & 8 != 0),
            1 => Passage::same(provider),
            2 => Passage::raw(),
            _ => Passage::translated(provider, (client.encoder)(&ECHO), Names::default()),
        };
        if way & 4 != 0 { passage.as_array() } else { passage }
    };
    let whole = pass(passage(), [stream]);
    let cut = pass(passage(), chunks(stream, sizes));
    assert_eq!(cut, whole, "{} to {} in chunks of {sizes:?}", provider.name, client.name);
    if way % 4 == 3 && whole.fault.is_none() {
        let written = Bytes::from(whole.written);
        if way & 4 == 0 {
            events_are_json(written, dialect(client.name).map_or(&b""[..], |dialect| dialect.stream_end));
        } else if !written.is_empty() {
            assert_json(&written, client.name);
        }
    }
}

/// The stream in pieces of these sizes, over and over.
fn chunks(stream: &[u8], sizes: [u8; 4]) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    let mut sizes = sizes.into_iter().cycle();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = usize::from(sizes.next()?).clamp(1, rest.len());
        let (chunk, left) = rest.split_at(size);
        rest = left;
        Some(chunk)
    })
}

/// What came of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    written: Vec<u8>,
    fault: Option<StreamFault>,
    end: Option<StreamEnd>,
    error: Option<Bytes>,
    usage: Option<Usage>,
    text: TextCount,
    content: bool,
}

fn pass<'a>(mut passage: Passage, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut out = Vec::new();
    let fault = chunks.into_iter().find_map(|chunk| passage.feed(Bytes::copy_from_slice(chunk), &mut out).err());
    let end = fault.is_none().then(|| passage.finish(&mut out));
    if end == Some(StreamEnd::Complete) {
        out.push(passage.ending(passage.usage().as_ref()));
    } else if passage.content_started() {
        out.push(passage.framed_end(Bytes::new()));
    }
    Outcome {
        written: out.concat(),
        fault,
        end,
        error: passage.error().cloned(),
        usage: passage.usage(),
        text: passage.text(),
        content: passage.content_started(),
    }
}

/// What a client gets are events with JSON, but for the terminator.
fn events_are_json(written: Bytes, terminator: &[u8]) {
    let mut splitter = sse::Splitter::new(written.len());
    let found = splitter.push(written).expect("it is no larger than itself");
    assert!(splitter.finish().is_empty(), "whole events end with an empty line");
    for frame in sse::frames(&found.joined).chain(sse::frames(&found.whole)) {
        let event = sse::read(&frame);
        assert!(event.bare.is_none(), "{}", String::from_utf8_lossy(&frame));
        if let Some(data) = event.data.filter(|_| frame != terminator) {
            assert_json(&data, "an event");
        }
    }
}
