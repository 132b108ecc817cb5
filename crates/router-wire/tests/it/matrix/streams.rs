//! Streams: the same events for any chunking, and what a client would put together again.

use bytes::Bytes;
use router_wire::dialects::{Framing, PROVIDERS, clients};
use router_wire::message::{Answer, Collector, Content, Event, Names};
use router_wire::relay::{Passage, StreamEnd};

use super::{corpus, decode, echo, encode, fixtures, losses, provider_of};

fn collect(events: Vec<Event>) -> Answer {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    collector.finish()
}

#[test]
fn matrix_streams_are_the_same_for_any_chunking() {
    for codec in PROVIDERS {
        for fixture in fixtures(codec.name, "stream-") {
            let whole = decode(codec, [fixture.bytes.as_slice()]);
            assert!(!whole.0.is_empty(), "{}/{} says nothing", codec.name, fixture.name);
            let place = |at: usize| format!("{}/{} cut at {at}", codec.name, fixture.name);
            for at in 0..=fixture.bytes.len() {
                let (head, tail) = fixture.bytes.split_at(at);
                assert!(decode(codec, [head, tail]) == whole, "{}", place(at));
            }
            assert!(decode(codec, fixture.bytes.chunks(1)) == whole, "{} in single bytes", place(0));
            // Other line ends are the same stream.
            if codec.framing == Framing::Sse && !fixture.bytes.contains(&b'\r') {
                let crlf = String::from_utf8(fixture.bytes.clone()).unwrap().replace('\n', "\r\n");
                assert!(decode(codec, crlf.as_bytes().chunks(7)) == whole, "{} with CRLF", place(0));
            }
        }
    }
}

/// The whole way of lines to a client, cut at each byte: what is written is the same, and so is the verdict.
#[test]
fn matrix_lines_reach_every_client_the_same_for_any_chunking() {
    let mut ends = Vec::new();
    for provider in PROVIDERS.iter().filter(|provider| provider.framing == Framing::Lines) {
        for fixture in fixtures(provider.name, "stream-") {
            for client in clients() {
                let through = |chunks: &[&[u8]]| {
                    let mut passage = Passage::translated(provider, (client.encoder)(&echo(None)), Names::default());
                    let mut out = Vec::new();
                    for chunk in chunks {
                        passage.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
                    }
                    let end = passage.finish(&mut out);
                    out.push(passage.ending(passage.usage().as_ref()));
                    (out.concat(), end, passage.error().cloned(), passage.text())
                };
                let whole = through(&[&fixture.bytes]);
                for at in 0..=fixture.bytes.len() {
                    let (head, tail) = fixture.bytes.split_at(at);
                    assert!(through(&[head, tail]) == whole, "{} for {} cut at {at}", fixture.name, client.name);
                }
                assert!(through(&fixture.bytes.chunks(1).collect::<Vec<_>>()) == whole, "{} in bytes", fixture.name);
                ends.push(whole.1);
            }
        }
    }
    assert!([StreamEnd::Complete, StreamEnd::Failed].iter().all(|end| ends.contains(end)), "{ends:?}");
}

/// A stream that was cut never looks as if it had ended, unless its end was already said.
#[test]
fn matrix_cut_streams_are_not_proper() {
    for codec in PROVIDERS {
        for fixture in fixtures(codec.name, "stream-") {
            let (events, proper) = decode(codec, [fixture.bytes.as_slice()]);
            let failed = events.iter().any(|event| matches!(event, Event::Error(_)));
            assert_eq!(proper, !failed, "{}/{}", codec.name, fixture.name);
            let half = fixture.bytes.len() / 3;
            let (head, _) = fixture.bytes.split_at(half);
            assert!(!decode(codec, [head]).1, "{}/{} cut at {half}", codec.name, fixture.name);
        }
    }
}

/// Client streams say what the events said: encoded and decoded by the client's own dialect.
#[test]
fn matrix_streams_of_every_answer_arrive() {
    let mut failures = Vec::new();
    for codec in clients() {
        for (name, answer) in corpus::answers() {
            let bytes = encode(codec, &answer.clone().into_events(), None);
            let (events, proper) = decode(provider_of(codec), [bytes.as_slice()]);
            let again = losses::plain(collect(events));
            let expected = losses::of_answer(codec.name, answer);
            if !proper || again != expected {
                let text = String::from_utf8_lossy(&bytes);
                failures.push(format!("{}, {name}: found\n{again:?}\nexpected\n{expected:?}\n{text}", codec.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n\n"));
}

/// A provider's stream, told to a client of any dialect, is the same answer.
#[test]
fn matrix_streams_of_every_provider_reach_every_client() {
    for provider in PROVIDERS {
        for fixture in fixtures(provider.name, "stream-") {
            let (events, proper) = decode(provider, [fixture.bytes.as_slice()]);
            if !proper {
                continue;
            }
            let said = collect(events.clone());
            for client in clients() {
                let bytes = encode(client, &events, None);
                let (again, proper) = decode(provider_of(client), [bytes.as_slice()]);
                let place = format!("{}/{} for {}", provider.name, fixture.name, client.name);
                assert!(proper, "{place}: {}", String::from_utf8_lossy(&bytes));
                let again = collect(again);
                assert_eq!(gist(&again), gist(&said), "{place}: {}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// Text, reasoning, calls and counts: what no pair may lose.
fn gist(answer: &Answer) -> impl PartialEq + std::fmt::Debug + use<> {
    let (mut text, mut thought, mut calls) = (String::new(), String::new(), Vec::new());
    for part in &answer.parts {
        match &part.content {
            Content::Text { text: more, .. } | Content::Refusal(more) => text.push_str(more),
            Content::Reasoning(reasoning) => thought.push_str(&reasoning.text),
            Content::ToolCall(call) => {
                let arguments: serde_json::Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                calls.push((call.name.clone(), arguments.to_string()));
            }
            _ => {}
        }
    }
    (text, thought, calls, answer.usage.map(|usage| (usage.input, usage.output)))
}
