//! What each request pays in this crate: the scan and splice of a body, the meter over a stream, the look at an answer.
//!
//! `cargo bench -p router-wire`. Goals: a 1.5 KB chat body scanned in 2 µs, long texts at 1 GB/s or more.

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use router_core::ask::Endpoint;
use router_wire::dialects::{DIALECTS, Route};
use router_wire::relay::{MeterOptions, StreamMeter};
use router_wire::scan::{Edits, ROUTING_FIELDS, scan, splice};

fn main() {
    divan::main();
}

/// A chat body of about 1.5 KB: twelve messages of a conversation.
fn chat() -> String {
    let messages: Vec<String> = (0..12)
        .map(|i| {
            let role = if i % 2 == 0 { "user" } else { "assistant" };
            format!(r#"{{"role":"{role}","content":"Message {i}: the quick brown fox jumps over the lazy dog.\nAnd again, for good measure."}}"#)
        })
        .collect();
    format!(
        r#"{{"model":"auto:fast","messages":[{}],"temperature":0.7,"stream":false,"max_tokens":256}}"#,
        messages.join(",")
    )
}

fn long(text: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#, text.repeat(1_000_000 / text.len()))
}

#[divan::bench]
fn scan_chat(bencher: Bencher<'_, '_>) {
    let body = chat();
    bencher.counter(BytesCount::of_str(&body)).bench(|| scan(black_box(body.as_bytes())).is_ok());
}

#[divan::bench]
fn read_chat(bencher: Bencher<'_, '_>) {
    let body = chat();
    let read = DIALECTS.first().map(|dialect| dialect.read);
    bencher
        .counter(BytesCount::of_str(&body))
        .bench(|| read.map(|read| read(&Route::fixed(Endpoint::ChatCompletions), black_box(body.as_bytes())).is_ok()));
}

#[divan::bench(args = ["The quick brown fox jumps. ", "中文的一句话。", "line of code();\\n    "])]
fn scan_long(bencher: Bencher<'_, '_>, text: &str) {
    let body = long(text);
    bencher.counter(BytesCount::of_str(&body)).bench(|| scan(black_box(body.as_bytes())).is_ok());
}

#[divan::bench]
fn splice_chat(bencher: Bencher<'_, '_>) {
    let body = chat();
    let Ok(found) = scan(body.as_bytes()) else { return };
    let edits = Edits { model: "gpt-4o-mini", include_usage: true, output_cap: None, remove: ROUTING_FIELDS };
    bencher.bench(|| splice(black_box(body.as_bytes()), &found, &edits));
}

/// Fifty events, each its own chunk; with `usage: null` in each (OpenAI, hidden from the client) and without.
#[divan::bench(args = [false, true])]
fn meter_fifty_events(bencher: Bencher<'_, '_>, hide_usage: bool) {
    let usage = if hide_usage { r#","usage":null"# } else { "" };
    let chunk = |delta: &str, end: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{end}}}]{usage}}}\n\n"
        ))
    };
    let mut chunks = vec![chunk(r#"{"content":" token"}"#, "null"); 49];
    chunks.push(chunk("{}", r#""stop""#));
    bencher.bench(|| {
        let mut meter = StreamMeter::new(MeterOptions { hide_usage, ..MeterOptions::default() });
        let mut out = Vec::new();
        for chunk in &chunks {
            out.clear();
            let _ = meter.feed(chunk.clone(), &mut out);
        }
        meter.finish(&mut out)
    });
}

#[divan::bench]
fn examine_answer(bencher: Bencher<'_, '_>) {
    let body = format!(
        r#"{{"id":"x","object":"chat.completion","created":1700000000,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{{"cached_tokens":0}}}}}}"#,
        "An answer of some length. ".repeat(40)
    );
    bencher.bench(|| router_wire::answer::examine(Endpoint::ChatCompletions, black_box(body.as_bytes())).is_ok());
}
