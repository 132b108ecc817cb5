//! Streams of the client's own dialect that end early: what has come of the last event goes nowhere, and what says that the answer
//! is whole is said once.

use bytes::Bytes;
use router_wire::dialects::{anthropic, openai_responses};
use router_wire::relay::{Passage, StreamEnd};

const START: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

"#;
const WHY: &str = r#"event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}

"#;
const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// What the client gets before the verdict, the verdict, and what it gets where that is good.
fn run(mut passage: Passage, stream: &str) -> (String, StreamEnd, String) {
    let mut out = Vec::new();
    passage.feed(Bytes::copy_from_slice(stream.as_bytes()), &mut out).expect("within bounds");
    let end = passage.finish(&mut out);
    let ending = passage.ending(None);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (text(&out.concat()), end, text(&ending))
}

#[test]
fn a_message_that_said_why_it_stops_gets_its_last_event_exactly_once() {
    let whole = format!("{START}{WHY}{STOP}");
    for cut in START.len() + WHY.len()..=whole.len() {
        let (out, end, ending) = run(Passage::same(&anthropic::PROVIDER), &whole[..cut]);
        assert_eq!(end, StreamEnd::Complete, "{cut}");
        assert_eq!(format!("{out}{ending}"), whole, "{cut}");
    }
}

#[test]
fn one_that_did_not_is_cut() {
    let whole = format!("{START}{WHY}");
    let said = START.len() + WHY.find("}\n").expect("its end") + 1;
    for cut in START.len()..said {
        let (out, end, _) = run(Passage::same(&anthropic::PROVIDER), &whole[..cut]);
        assert_eq!((end, out.as_str()), (StreamEnd::Cut, START), "{cut}");
    }
}

#[test]
fn half_a_completed_response_is_none() {
    let delta =
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\n";
    let last = r#"event: response.completed
data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}"#;
    for cut in 0..last.len() {
        let (out, end, _) = run(Passage::same(&openai_responses::PROVIDER), &format!("{delta}{}", &last[..cut]));
        assert_eq!((end, out.as_str()), (StreamEnd::Cut, delta), "{cut}");
    }
    let (_, end, ending) = run(Passage::same(&openai_responses::PROVIDER), &format!("{delta}{last}"));
    assert_eq!((end, ending), (StreamEnd::Complete, format!("{last}\n\n")));
}
