//! Streams: their regular form, and every irregular one.

use crate::client::{chat, chunks, events, post, post_bytes, streamed_text};
use bytes::BytesMut;
use router_testkit::http1::{BodyDecoder, Framing, Link, Response};
use router_testkit::{LineEnd, Script, SimProvider};
use serde_json::{Value, json};
use std::time::Duration;

async fn stream(script: Script, more: Value) -> Response {
    let provider = SimProvider::start().await.on_any(script);
    let mut more = more;
    more["stream"] = json!(true);
    post(&provider, "/v1/chat/completions", &chat("one two", more)).await
}

#[tokio::test]
async fn a_stream_has_role_content_finish_and_done() {
    let response = stream(Script::ok(), json!({})).await;
    assert_eq!(response.head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let chunks = chunks(&response);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(streamed_text(&response), "Simulated answer to: one two");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["id"] == chunks[0]["id"]));
    assert_eq!(events(&response).last().unwrap(), "[DONE]");
}

#[tokio::test]
async fn usage_comes_in_one_extra_chunk_if_asked_for() {
    let response = stream(Script::ok(), json!({"stream_options": {"include_usage": true}})).await;
    let chunks = chunks(&response);
    let (last, earlier) = chunks.split_last().unwrap();
    assert!(earlier.iter().all(|chunk| chunk["usage"].is_null() && chunk.as_object().unwrap().contains_key("usage")));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], 7);

    let silent = stream(Script::ok().no_usage(), json!({"stream_options": {"include_usage": true}})).await;
    assert!(!silent.text().contains("usage"));
}

#[tokio::test]
async fn parallel_tool_calls_are_streamed_in_deltas() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}});
    let provider = SimProvider::start().await;
    let body = chat("call alpha and beta", json!({"stream": true, "tools": [tool("alpha"), tool("beta")]}));
    let response = post(&provider, "/v1/chat/completions", &body).await;
    let mut calls: Vec<(String, String)> = Vec::new();
    for chunk in chunks(&response) {
        for delta in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            if let Some(name) = delta["function"]["name"].as_str() {
                assert_eq!(delta["index"], calls.len());
                calls.push((name.to_owned(), String::new()));
            }
            let index = delta["index"].as_u64().unwrap() as usize;
            calls[index].1.push_str(delta["function"]["arguments"].as_str().unwrap());
        }
    }
    let arguments = json!({"q": "simulated q"}).to_string();
    assert_eq!(calls, [("alpha".to_owned(), arguments.clone()), ("beta".to_owned(), arguments)]);
    assert_eq!(chunks(&response).last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn several_choices_keep_their_indexes() {
    let response = stream(Script::ok(), json!({"n": 2})).await;
    let finishes = chunks(&response).iter().filter(|chunk| !chunk["choices"][0]["finish_reason"].is_null()).count();
    assert_eq!(finishes, 2);
    assert!(chunks(&response).iter().any(|chunk| chunk["choices"][0]["index"] == 1));
}

#[tokio::test]
async fn the_number_of_events_and_bytes_can_be_set() {
    let response = stream(Script::ok().text_bytes(1000).content_events(50), json!({})).await;
    assert_eq!(chunks(&response).len(), 52);
    assert_eq!(streamed_text(&response).len(), 1000);
}

#[tokio::test]
async fn odd_forms_carry_the_same_content() {
    let gap = Duration::from_millis(1);
    let table = [
        ("crlf", Script::ok().line_end(LineEnd::CrLf)),
        ("cr", Script::ok().line_end(LineEnd::Cr)),
        ("bom", Script::ok().bom()),
        ("comments", Script::ok().comments(3)),
        ("byte by byte", Script::ok().byte_by_byte()),
        ("trickle", Script::ok().text("x").trickle(Duration::from_micros(1))),
        ("slow", Script::ok().delay(gap).delay_first(gap).gap(gap)),
        ("huge headers", Script::ok().huge_headers(8, 8000)),
    ];
    for (name, script) in table {
        let expected = if name == "trickle" { "x" } else { "Simulated answer to: one two" };
        let response = stream(script, json!({})).await;
        assert_eq!(streamed_text(&response), expected, "{name}");
        assert_eq!(events(&response).last().unwrap(), "[DONE]", "{name}");
        match name {
            "crlf" => assert!(response.text().contains("}\r\n\r\ndata")),
            "cr" => {
                assert!(response.text().contains("}\r\rdata") && !response.text().contains('\n'))
            }
            "bom" => assert_eq!(&response.body[..3], b"\xef\xbb\xbf"),
            "comments" => assert!(response.text().starts_with(&": SIMULATED PROCESSING\n\n".repeat(3))),
            "huge headers" => assert_eq!(response.head.header("x-huge-7").unwrap().len(), 8000),
            _ => {}
        }
    }
}

#[tokio::test]
async fn done_can_be_missing_after_a_finish() {
    let response = stream(Script::ok().no_done(), json!({})).await;
    assert!(response.complete);
    assert!(!response.text().contains("[DONE]"));
    assert_eq!(chunks(&response).last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn an_error_event_can_end_a_stream() {
    let response = stream(Script::error_after(2, "overloaded"), json!({})).await;
    assert_eq!(streamed_text(&response), "Simulated answer ");
    assert_eq!(chunks(&response).last().unwrap()["error"]["message"], "overloaded");
    assert!(!response.text().contains("[DONE]"));
}

#[tokio::test]
async fn cuts_come_where_they_should() {
    for (count, text) in [(0, ""), (1, "Simulated "), (5, "Simulated answer to: one two")] {
        let response = stream(Script::cut_after(count), json!({})).await;
        assert!(!response.complete, "{count}");
        assert_eq!(streamed_text(&response), text, "{count}");
        assert!(!response.text().contains("[DONE]") && !response.text().contains("\"stop\""), "{count}");
    }
}

#[tokio::test]
async fn raw_events_and_blocks_go_out_as_given() {
    let response = stream(Script::events(["{\"a\":1.0}", "oops"]), json!({})).await;
    assert_eq!(response.text(), "data: {\"a\":1.0}\n\ndata: oops\n\n");
    let blocks = ["event: x\ndata:{}\n\n", "data: last without blank line"].map(str::to_owned);
    assert_eq!(stream(Script::blocks(blocks.clone()), json!({})).await.text(), blocks.concat());
}

#[tokio::test]
async fn a_stream_can_end_with_a_reset_or_in_silence() {
    let provider = SimProvider::start().await.on_any(Script::cut_after(1).with_reset());
    let ask = post_bytes("/v1/chat/completions", &chat("x", json!({"stream": true})).to_string(), "");
    let mut link = Link::connect(provider.address()).await.unwrap();
    assert_eq!(link.exchange(ask.as_bytes()).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    provider.set(Script::cut_after(1).with_silence());
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.send(ask.as_bytes()).await.unwrap();
    let head = link.read_head().await.unwrap().unwrap();
    let (mut decoder, mut payload) = (BodyDecoder::new(Framing::of_head(&head, Framing::UntilClose)), BytesMut::new());
    while payload.windows(2).filter(|pair| pair == b"\n\n").count() < 2 {
        link.decode(&mut decoder, &mut payload).unwrap();
        let complete = payload.windows(2).filter(|pair| pair == b"\n\n").count() >= 2;
        assert!(complete || link.fill().await.unwrap() > 0);
    }
    assert!(String::from_utf8_lossy(&payload).ends_with("\"finish_reason\":null}]}\n\n") && !decoder.is_done());
    assert_eq!(provider.stats().in_flight, 1, "silent, not ended");
    drop(link);
    provider.wait_until(|stats| stats.in_flight == 0 && stats.cancelled == 1).await.unwrap();
}

#[tokio::test]
async fn the_content_type_can_be_wrong_or_missing() {
    let plain = stream(Script::ok().content_type("text/plain"), json!({})).await;
    assert_eq!(plain.head.header("content-type"), Some("text/plain"));
    let none = stream(Script::ok().no_content_type(), json!({})).await;
    assert_eq!(none.head.header("content-type"), None);
    assert_eq!(streamed_text(&none), streamed_text(&plain));
}
