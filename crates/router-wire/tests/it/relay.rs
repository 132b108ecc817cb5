//! Streams through the meter: what passes, what is held back, what is known at the end, for any chunking.

use bytes::Bytes;
use proptest::prelude::*;
use router_core::fault::FaultKind;
use router_core::usage::Usage;
use router_wire::relay::{MeterOptions, StreamEnd, StreamMeter};

const ROLE: &str = r#"data: {"id":"1","model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const HEL: &str =
    r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hel"},"logprobs":null,"finish_reason":null}]}"#;
const LO: &str = r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":"lo \u4e2d"},"finish_reason":null}]}"#;
const STOP: &str = r#"data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str =
    r#"data: {"id":"1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;
const DONE: &str = "data: [DONE]";

fn stream(frames: &[&str]) -> String {
    frames.iter().map(|frame| format!("{frame}\n\n")).collect()
}

#[derive(Debug, PartialEq)]
struct Seen {
    out: String,
    end: StreamEnd,
    content: bool,
    done: bool,
    error: Option<String>,
    usage: Option<Usage>,
    chars: u64,
    model: Option<String>,
    skipped: u64,
}

fn run<'a>(hide_usage: bool, chunks: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let mut meter = StreamMeter::new(MeterOptions { hide_usage, ..MeterOptions::default() });
    let mut out = Vec::new();
    for chunk in chunks {
        meter.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
        assert!(meter.content_started() || out.is_empty(), "nothing may pass before the first content");
    }
    let end = meter.finish(&mut out);
    Seen {
        out: String::from_utf8(out.concat()).unwrap(),
        end,
        content: meter.content_started(),
        done: meter.done(),
        error: meter.error().map(|error| String::from_utf8_lossy(error).into_owned()),
        usage: meter.usage(),
        chars: meter.text().chars(),
        model: meter.model().map(str::to_owned),
        skipped: meter.skipped(),
    }
}

/// Runs the stream whole, in single bytes and cut in two at every byte: always the same.
fn check(hide_usage: bool, stream: &str) -> Seen {
    let bytes = stream.as_bytes();
    let whole = run(hide_usage, [bytes]);
    assert_eq!(run(hide_usage, bytes.chunks(1)), whole, "in single bytes: {stream}");
    for cut in 0..bytes.len() {
        let (one, two) = bytes.split_at(cut);
        assert_eq!(run(hide_usage, [one, two]), whole, "cut at {cut}: {stream}");
    }
    whole
}

#[test]
fn a_stream_passes_byte_for_byte_and_is_counted() {
    let all = [ROLE, HEL, ": ping", LO, STOP, USAGE, DONE];
    let seen = check(false, &stream(&all));
    assert_eq!(seen.out, stream(&all[..6]));
    assert_eq!((seen.end, seen.done, seen.chars), (StreamEnd::Complete, true, 7));
    assert_eq!(seen.usage.map(|usage| (usage.input, usage.output)), Some((9, 3)));
    assert_eq!(seen.model.as_deref(), Some("up"));
}

#[test]
fn usage_that_the_client_did_not_ask_for_is_hidden() {
    let with_null =
        r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":null,"z":1}"#;
    let spaced = r#"data: {"usage" : null , "choices": [{"index": 0, "delta": {"content": "\"usage\":null"}}]}"#;
    let azure = r#"data: {"choices":[],"prompt_filter_results":[{}],"usage":null}"#;
    let seen = check(true, &stream(&[azure, ROLE, with_null, spaced, STOP, USAGE, DONE]));
    let expected = stream(&[
        r#"data: {"choices":[],"prompt_filter_results":[{}]}"#,
        ROLE,
        r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"z":1}"#,
        r#"data: { "choices": [{"index": 0, "delta": {"content": "\"usage\":null"}}]}"#,
        STOP,
    ]);
    assert_eq!(seen.out, expected);
    assert!(seen.usage.is_some() && seen.end == StreamEnd::Complete);
    assert_eq!(check(false, &stream(&[with_null, DONE])).out, stream(&[with_null]), "asked for: left as it is");
}

#[test]
fn frames_of_the_same_shape_are_read_as_the_first_was() {
    let frame = |text: &str, more: &str| {
        format!(
            r#"data: {{"usage":null,"id":"1","choices":[{{"index":0,"delta":{{"content":{text}}},"finish_reason":{more}}}]}}"#
        )
    };
    let shown = |text: &str, more: &str| frame(text, more).replace(r#""usage":null,"#, "");
    let texts = [r#""a""#, r#""b\nc""#, r#""\u4e2d\\""#, r#""""#, r#""\"usage\":null,""#, r#""中文""#];
    let mut frames: Vec<String> = texts.iter().map(|text| frame(text, "null")).collect();
    frames.push(frame(r#""z""#, r#""stop""#));
    let mut expected: Vec<String> = texts.iter().map(|text| shown(text, "null")).collect();
    expected.push(shown(r#""z""#, r#""stop""#));
    let refs = |list: &[String]| stream(&list.iter().map(String::as_str).collect::<Vec<_>>());
    let hidden = check(true, &refs(&frames));
    assert_eq!((hidden.out, hidden.end, hidden.chars), (refs(&expected), StreamEnd::Complete, 1 + 3 + 2 + 13 + 2 + 1));
    let open = check(false, &refs(&frames));
    assert_eq!((open.out, open.end, open.chars), (refs(&frames), StreamEnd::Complete, 22));
}

#[test]
fn usage_is_found_wherever_it_stands_and_the_last_counts() {
    let groq = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":7,"completion_tokens":2}}}"#;
    let moonshot = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":7,"completion_tokens":2}}]}"#;
    let each = |tokens: u64| {
        format!(
            r#"data: {{"choices":[{{"index":0,"delta":{{"content":"x"}}}}],"usage":{{"prompt_tokens":7,"completion_tokens":{tokens}}}}}"#
        )
    };
    let (one, two) = (each(1), each(2));
    for frames in [
        &[HEL, groq, DONE][..],
        &[HEL, moonshot],
        &[&one, &two, DONE],
        &[&two, r#"data: {"choices":[],"usage":{"prompt_tokens":-1}}"#, DONE],
    ] {
        let usage = check(true, &stream(frames)).usage.unwrap();
        assert_eq!((usage.input, usage.output), (7, 2), "{frames:?}");
    }
    let zeros = r#"data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#;
    assert_eq!(check(false, &stream(&[HEL, zeros, DONE])).usage, None, "zeros with content mean nothing was counted");
}

#[test]
fn ends_are_told_apart() {
    let two = r#"data: {"choices":[{"index":1,"delta":{"content":"b"}}]}"#;
    let two_ends = r#"data: {"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#;
    let blank_end = r#"data: {"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":""}]}"#;
    let filtered = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}"#;
    let text = r#"data: {"object":"text_completion","choices":[{"index":0,"text":"a","finish_reason":"stop"}]}"#;
    for (frames, end) in [
        (&[HEL, STOP, DONE][..], StreamEnd::Complete),
        (&[HEL, DONE], StreamEnd::Complete),
        (&[HEL, STOP], StreamEnd::Complete),
        (&[HEL], StreamEnd::Cut),
        (&[HEL, blank_end], StreamEnd::Cut),
        (&[HEL, two, STOP], StreamEnd::Cut),
        (&[HEL, two, STOP, two_ends], StreamEnd::Complete),
        (&[text], StreamEnd::Complete),
        (&[ROLE, filtered, DONE], StreamEnd::Complete),
        (&[ROLE, STOP, DONE], StreamEnd::Empty),
        (&[DONE], StreamEnd::Empty),
        (&[], StreamEnd::Empty),
        (&[ROLE], StreamEnd::Cut),
        (&[": ping", ": ping"], StreamEnd::Cut),
    ] {
        assert_eq!(check(false, &stream(frames)).end, end, "{frames:?}");
    }
    let mut unfinished = stream(&[HEL, STOP]);
    unfinished.truncate(unfinished.len() - 2);
    let seen = check(false, &unfinished);
    assert_eq!((seen.out, seen.end), (stream(&[HEL, STOP]), StreamEnd::Complete), "the last blank line was forgotten");
}

#[test]
fn what_is_content_and_what_is_not() {
    let delta = |delta: &str| format!(r#"data: {{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
    for (frame, content) in [
        (delta(r#"{"content":"x"}"#), true),
        (delta(r#"{"content":""}"#), false),
        (delta(r#"{"content":null}"#), false),
        (delta(r#"{"role":"assistant"}"#), false),
        (delta(r#"{"reasoning_content":"x"}"#), true),
        (delta(r#"{"reasoning":"x","content":""}"#), true),
        (delta(r#"{"refusal":"no"}"#), true),
        (delta(r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#), true),
        (delta(r#"{"tool_calls":[{"function":{"arguments":{"a":1}}}]}"#), true),
        (delta(r#"{"tool_calls":[]}"#), false),
        (delta(r#"{"function_call":{"name":"f"}}"#), true),
        (delta(r#"{"content":[{"type":"text","text":"x"}]}"#), true),
        (delta(r#"{"audio":{"id":"a"}}"#), true),
        (delta(r#"{"images":[{}]}"#), true),
        (": OPENROUTER PROCESSING".into(), false),
        ("event: ping\ndata: {}".into(), false),
        (r#"data: {"choices":[],"prompt_filter_results":[]}"#.into(), false),
        ("id: 7".into(), false),
        ("data:".into(), false),
    ] {
        assert_eq!(check(false, &stream(&[&frame])).content, content, "{frame}");
    }
    let twice = delta(r#"{"reasoning_content":"abc","reasoning":"abc"}"#);
    assert_eq!(check(false, &stream(&[&twice])).chars, 3, "the same text under two names counts once");
}

#[test]
fn errors_are_taken_out_before_and_after_content() {
    let error = r#"{"error":{"message":"busy","type":"server_error"}}"#;
    let forms = [
        format!("data: {error}"),
        format!("event: error\ndata: {error}"),
        "event: error\ndata: {\"message\":\"x\"}".to_owned(),
        r#"data: {"x_groq":{"error":"over capacity"},"choices":[]}"#.to_owned(),
        r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","error":{"code":502}}]}"#.to_owned(),
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}"#.to_owned(),
        r#"data: {"object":"error","message":"x","code":500}"#.to_owned(),
    ];
    for form in &forms {
        let before = check(false, &stream(&[ROLE, form, HEL, DONE]));
        assert_eq!((before.out.as_str(), &before.end), ("", &StreamEnd::Failed), "{form}");
        assert!(before.error.is_some() && !before.content);
        let after = check(false, &stream(&[ROLE, HEL, form, LO, DONE]));
        assert_eq!((after.out, after.end), (stream(&[ROLE, HEL]), StreamEnd::Failed), "{form}");
        assert_eq!(after.chars, 3);
    }
    let bare = check(false, &stream(&[HEL, error]));
    assert_eq!(bare.error.as_deref(), Some(error), "a line without `data:`");
    let null = r#"data: {"error":null,"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#;
    assert_eq!(check(false, &stream(&[null])).end, StreamEnd::Complete);
}

#[test]
fn odd_bytes_are_survived() {
    let after_done = check(false, &format!("{}{{\"x\":1}}\n\n: late\n\ndata: y", stream(&[HEL, STOP, DONE])));
    assert_eq!((after_done.out, after_done.end), (stream(&[HEL, STOP]), StreamEnd::Complete));
    let oops = check(false, &stream(&[HEL, "data: oops", "data: {\"choices\":", LO, STOP, DONE]));
    assert_eq!((oops.out, oops.skipped), (stream(&[HEL, LO, STOP]), 2));
    let crlf = check(false, &format!("\u{feff}{}", stream(&[ROLE, HEL, STOP, DONE]).replace('\n', "\r\n")));
    assert_eq!(crlf.out, stream(&[ROLE, HEL, STOP]));
    let cr = check(false, &stream(&[HEL, STOP, DONE]).replace('\n', "\r"));
    assert_eq!(cr.out, stream(&[HEL, STOP]));
    let split = "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}";
    assert_eq!(check(false, &stream(&[split])).end, StreamEnd::Complete);
    let tight = format!("data:{}\n\ndata:[DONE] \n\n", HEL.strip_prefix("data: ").unwrap());
    assert_eq!(check(false, &tight).end, StreamEnd::Complete);
    let bits =
        r#"data: {"choices":[{"index":4000000000,"delta":{"content":"x"},"finish_reason":"stop"},{"index":-1}]}"#;
    assert_eq!(check(false, &stream(&[bits])).end, StreamEnd::Cut);
}

#[test]
fn a_json_answer_in_place_of_a_stream_is_recognised() {
    let json = r#" {"choices":[{"message":{"content":"x"}}]}"#;
    assert_eq!(check(false, json).end, StreamEnd::Json(Bytes::from_static(json.trim_start().as_bytes())));
    let mut meter = StreamMeter::new(MeterOptions::default());
    let fault = meter.feed(Bytes::from_static(b"\n <html>"), &mut Vec::new()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadAnswer);
}

#[test]
fn everything_is_bounded() {
    let small = MeterOptions { hide_usage: false, max_event: 200, max_stream: 1_000, max_prelude: 300, max_body: 50 };
    let feed = |chunk: &str, times: usize| {
        let mut meter = StreamMeter::new(small);
        let mut out = Vec::new();
        (0..times).try_for_each(|_| meter.feed(Bytes::copy_from_slice(chunk.as_bytes()), &mut out)).map_err(|e| e.what)
    };
    assert!(feed(&"x".repeat(201), 1).unwrap_err().contains("event"));
    assert!(feed(": ping\n\n", 40).unwrap_err().contains("before its first content"));
    assert!(feed(&stream(&[HEL]), 20).unwrap_err().contains("longer than the limit"));
    assert!(feed("{\"a\":\"0123456789\",", 4).unwrap_err().contains("larger than the limit"));
    assert!(feed(&stream(&[HEL]), 5).is_ok());
}

#[test]
fn an_event_of_eight_megabytes_passes() {
    let big = format!(
        r#"data: {{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":"{}"}}}}]}}}}]}}"#,
        "a".repeat(8 << 20)
    );
    let text = stream(&[&big, STOP, DONE]);
    let seen = run(false, text.as_bytes().chunks(16 * 1024));
    assert_eq!((seen.end, seen.chars, seen.out.len()), (StreamEnd::Complete, 8 << 20, big.len() + STOP.len() + 4));
}

#[test]
fn whole_chunks_pass_as_the_same_bytes() {
    let mut meter = StreamMeter::new(MeterOptions::default());
    let mut out = Vec::new();
    meter.feed(Bytes::from(stream(&[HEL])), &mut out).unwrap();
    let chunk = Bytes::from(stream(&[LO, HEL, ": c", LO]));
    out.clear();
    meter.feed(chunk.clone(), &mut out).unwrap();
    assert_eq!((out.len(), out[0].as_ptr(), out[0].len()), (1, chunk.as_ptr(), chunk.len()));
}

proptest! {
    /// Any frames in any order, in any chunks: the same result as in one piece.
    #[test]
    fn chunking_changes_nothing(
        picks in prop::collection::vec(0_usize..12, 0..10),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        hide_usage: bool, ends in prop::sample::select(vec!["\n", "\r\n", "\r"]), whole_end: bool,
    ) {
        const POOL: [&str; 12] = [
            ROLE, HEL, LO, STOP, USAGE, DONE, ": ping", "data: oops", "", "event: x\ndata: {\"usage\":null,\"a\":1}",
            r#"data: {"error":{"message":"m"}}"#,
            r#"data: {"choices":[{"index":0,"delta":{"content":"x","usage":null}}], "usage": null}"#,
        ];
        let frames: Vec<&str> = picks.iter().map(|pick| POOL[*pick]).collect();
        let mut text = stream(&frames);
        if !whole_end { text.truncate(text.trim_end().len()); }
        let text = text.replace('\n', ends);
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        at.sort_unstable();
        let chunks = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(run(hide_usage, chunks), run(hide_usage, [bytes]));
    }
}
