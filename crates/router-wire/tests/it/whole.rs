//! From a whole answer to a stream and back.

use router_wire::relay::{StreamEnd, aggregate, synthesize_stream};
use serde_json::{Value, json};

fn whole(frames: &[Value]) -> (StreamEnd, Value) {
    let mut stream: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    stream.push_str("data: [DONE]\n\n");
    let (end, answer) = aggregate(stream.as_bytes()).unwrap();
    (end, serde_json::from_slice(&answer).unwrap())
}

#[test]
fn an_answer_survives_the_way_through_a_stream() {
    let answer = json!({
        "id": "a", "object": "chat.completion", "created": 12345678901234567890_u64, "model": "m", "system_fingerprint": "f",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi 中", "annotations": [{"a": 1.0}]}, "logprobs": null, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}, "logprobs": null, "finish_reason": "tool_calls"},
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    });
    let mut stream = synthesize_stream(answer.to_string().as_bytes(), true).unwrap();
    assert!(!stream.ends_with(b"[DONE]\n\n"), "the terminator is the server's");
    assert_eq!(stream.iter().filter(|byte| **byte == b'\n').count(), 2 * 5);
    stream.extend_from_slice(b"data: [DONE]\n\n");
    let (end, back) = aggregate(&stream).unwrap();
    assert_eq!(end, StreamEnd::Complete);
    assert_eq!(serde_json::from_slice::<Value>(&back).unwrap(), answer);
}

#[test]
fn usage_comes_only_when_asked_for_and_text_answers_work_too() {
    let answer = br#"{"object":"text_completion","choices":[{"text":"a","index":0,"finish_reason":"length"}],"usage":{"prompt_tokens":1}}"#;
    let stream = String::from_utf8(synthesize_stream(answer, false).unwrap()).unwrap();
    assert!(
        !stream.contains("usage") && stream.contains(r#""text":"a""#) && stream.contains(r#""finish_reason":"length""#)
    );
    let mut stream = synthesize_stream(answer, true).unwrap();
    stream.extend_from_slice(b"data: [DONE]\n\n");
    let back: Value = serde_json::from_slice(&aggregate(&stream).unwrap().1).unwrap();
    assert_eq!(back, serde_json::from_slice::<Value>(answer).unwrap());
    for body in ["", "[]", "{}", r#"{"choices":null}"#] {
        assert!(synthesize_stream(body.as_bytes(), true).is_none(), "{body}");
    }
}

#[test]
fn tool_calls_are_put_together_however_they_are_cut() {
    let delta = |calls: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
    let by_index = [
        delta(json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}])),
        delta(json!([{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{"}}])),
        delta(json!([{"index": 0, "function": {"arguments": "{}"}}])),
        delta(json!([{"index": 1, "function": {"arguments": "}"}}])),
    ];
    let by_id = [
        delta(json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}])),
        delta(json!([{"id": "a", "function": {"name": "f", "arguments": "{}"}}])),
        delta(json!([{"id": "b", "type": "function", "function": {"name": "g", "arguments": "{"}}])),
        delta(json!([{"function": {"arguments": "}"}}])),
    ];
    for frames in [by_index, by_id] {
        let (_, answer) = whole(&frames);
        let calls = &answer["choices"][0]["message"]["tool_calls"];
        let expected = json!([
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ]);
        assert_eq!(*calls, expected);
    }
}

#[test]
fn other_deltas_are_put_together() {
    let chunk = |delta: Value| json!({"object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let (end, answer) = whole(&[
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"reasoning_content": "h", "content": null})),
        chunk(json!({"reasoning_content": "m"})),
        chunk(json!({"content": "a", "reasoning_details": [1]})),
        chunk(json!({"content": "b", "reasoning_details": [2]})),
        chunk(json!({"function_call": {"name": "f", "arguments": "{"}})),
        chunk(json!({"function_call": {"arguments": "}"}})),
        json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": null}),
        json!({"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 1}}),
    ]);
    assert_eq!(end, StreamEnd::Complete);
    let expected = json!({
        "object": "chat.completion", "model": "m", "usage": {"prompt_tokens": 1},
        "choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "ab", "reasoning_content": "hm", "reasoning_details": [1, 2],
            "function_call": {"name": "f", "arguments": "{}"}}}],
    });
    assert_eq!(answer, expected);
}

#[test]
fn a_cut_or_failed_stream_says_so() {
    assert_eq!(aggregate(b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n").unwrap().0, StreamEnd::Cut);
    assert_eq!(aggregate(b"data: {\"error\":{\"message\":\"x\"}}\n\n").unwrap().0, StreamEnd::Failed);
    assert!(aggregate(b"<html>").is_err());
}
