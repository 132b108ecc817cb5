//! Answers that come whole: which are answers, and what they used.

use router_core::ask::Endpoint::{self, ChatCompletions, Completions, Embeddings};
use router_core::fault::FaultKind;
use router_wire::answer::{NotAnAnswer, examine};

const OK: Result<(), NotAnAnswer> = Ok(());
const EMPTY: Result<(), NotAnAnswer> = Err(NotAnAnswer::Empty);
const ERROR: Result<(), NotAnAnswer> = Err(NotAnAnswer::Error);

#[test]
fn only_answers_pass() {
    let rows: &[(Endpoint, &str, Result<(), NotAnAnswer>)] = &[
        (
            ChatCompletions,
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#,
            OK,
        ),
        (ChatCompletions, "\n\n  {\"choices\":[{\"message\":{\"content\":\"hi\"}}]}", OK),
        (
            ChatCompletions,
            r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
            OK,
        ),
        (ChatCompletions, r#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#, OK),
        (
            ChatCompletions,
            r#"{"choices":[{"message":{"content":"","reasoning_content":"hm"},"finish_reason":"stop"}]}"#,
            OK,
        ),
        (
            ChatCompletions,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":5}}"#,
            OK,
        ),
        (ChatCompletions, r#"{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}"#, OK),
        (ChatCompletions, r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#, EMPTY),
        (ChatCompletions, r#"{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}"#, EMPTY),
        (ChatCompletions, r#"{"choices":[]}"#, EMPTY),
        (ChatCompletions, r#"{"id":"x","choices":null}"#, EMPTY),
        (ChatCompletions, "", EMPTY),
        (ChatCompletions, " \n", EMPTY),
        (ChatCompletions, "{}", EMPTY),
        (ChatCompletions, "{ }", EMPTY),
        (ChatCompletions, "null", EMPTY),
        (ChatCompletions, "[]", EMPTY),
        (ChatCompletions, r#"{"error":{"message":"m"}}"#, ERROR),
        (ChatCompletions, r#"{"error":"m","choices":[]}"#, ERROR),
        (ChatCompletions, r#"{"choices":[{"error":{"code":502},"message":{"content":""}}]}"#, ERROR),
        (ChatCompletions, r#"{"object":"error","message":"m"}"#, ERROR),
        (ChatCompletions, r#"{"success":false,"message":"m"}"#, ERROR),
        (ChatCompletions, r#""Invalid token""#, ERROR),
        (ChatCompletions, r#"{"error":null,"choices":[{"message":{"content":"hi"}}]}"#, OK),
        (ChatCompletions, "<!DOCTYPE html>", Err(NotAnAnswer::Bad("the answer is a web page"))),
        (ChatCompletions, r#"{"foo":1}"#, Err(NotAnAnswer::Bad("the answer has no choices"))),
        (
            ChatCompletions,
            r#"{"choices":[{"message":{"content":"hi"}}"#,
            Err(NotAnAnswer::Bad("the answer is broken JSON")),
        ),
        (ChatCompletions, "Internal Server Error", Err(NotAnAnswer::Bad("the answer is not a JSON object"))),
        (ChatCompletions, "data: {\"choices\":[]}\n\n", Err(NotAnAnswer::Stream)),
        (ChatCompletions, ": ping\n\n", Err(NotAnAnswer::Stream)),
        (ChatCompletions, "event: x\n", Err(NotAnAnswer::Stream)),
        (Completions, r#"{"choices":[{"text":"a","index":0}]}"#, OK),
        (Completions, r#"{"choices":[{"text":"","finish_reason":"stop"}]}"#, EMPTY),
        (
            Embeddings,
            r#"{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
            OK,
        ),
        (Embeddings, r#"{"data":[]}"#, EMPTY),
        (Embeddings, r#"{"data":[1],"error":{"message":"m"}}"#, ERROR),
        (Embeddings, r#"{"object":"error","message":"m"}"#, ERROR),
        (Embeddings, r#"{"detail":"m"}"#, ERROR),
        (Embeddings, r#"{"model":"m"}"#, Err(NotAnAnswer::Bad("the answer has no choices"))),
        (Embeddings, r#"{"data":[1"#, Err(NotAnAnswer::Bad("the answer is broken JSON"))),
    ];
    for (endpoint, body, expected) in rows {
        assert_eq!(examine(*endpoint, body.as_bytes()).map(|_| ()), *expected, "{body}");
    }
}

#[test]
fn usage_text_and_model_are_read() {
    let body = r#"{"model":"gpt-x","choices":[{"message":{"content":"caf\u00e9 中"}}],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}"#;
    let answer = examine(ChatCompletions, body.as_bytes()).unwrap();
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input, usage.cached_input, usage.output), (9, 4, 3));
    assert_eq!((answer.text.ascii, answer.text.wide, answer.text.other), (4, 1, 1));
    assert_eq!(answer.model.as_deref(), Some("gpt-x"));
    let embeddings =
        examine(Embeddings, br#"{"data":[1],"model":"e","usage":{"prompt_tokens":3,"total_tokens":3}}"#).unwrap();
    assert_eq!((embeddings.usage.unwrap().input, embeddings.model.as_deref()), (3, Some("e")));
}

#[test]
fn each_has_its_class() {
    assert_eq!(NotAnAnswer::Empty.kind(), FaultKind::EmptyAnswer);
    assert_eq!(NotAnAnswer::Bad("x").kind(), FaultKind::BadAnswer);
    assert_eq!(NotAnAnswer::Stream.kind(), FaultKind::BadAnswer);
    assert_eq!(NotAnAnswer::Error.kind(), FaultKind::Temporary);
}
