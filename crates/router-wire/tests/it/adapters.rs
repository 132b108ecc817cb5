//! What goes to a provider for what a client sent.

use router_core::ask::Endpoint::{self, ChatCompletions, Completions, Embeddings};
use router_wire::adapters::{Call, MaxOutputParam, UpstreamPreset, by_name};
use router_wire::dialects::{DIALECTS, Passing, Route};

fn body(
    name: &str,
    change: impl FnOnce(&mut UpstreamPreset),
    endpoint: Endpoint,
    body: &str,
    cap: Option<u64>,
) -> String {
    let adapter = by_name(name);
    let mut preset = (adapter.preset)();
    change(&mut preset);
    let body = body.as_bytes();
    let intake = (DIALECTS[0].read)(&Route::fixed(endpoint), body).unwrap();
    let passing = Passing { body, intake: &intake, model: "up", output_cap: cap, preset: &preset };
    String::from_utf8(adapter.body(&DIALECTS[0], &passing)).unwrap()
}

#[test]
fn bodies_follow_the_preset() {
    let chat = r#"{"model":"m","messages":[{}]}"#;
    let stream = r#"{"model":"m","messages":[{}],"stream":true,"provider":{"a":1}}"#;
    let rows = [
        (body("openai", |_| {}, ChatCompletions, chat, None), r#"{"model":"up","messages":[{}]}"#),
        (
            body("openai", |_| {}, ChatCompletions, chat, Some(9)),
            r#"{"max_completion_tokens":9,"model":"up","messages":[{}]}"#,
        ),
        (
            body("groq", |_| {}, ChatCompletions, chat, Some(9)),
            r#"{"max_completion_tokens":9,"model":"up","messages":[{}]}"#,
        ),
        (body("demo", |_| {}, ChatCompletions, chat, Some(9)), r#"{"max_tokens":9,"model":"up","messages":[{}]}"#),
        (
            body("openai", |_| {}, ChatCompletions, stream, None),
            r#"{"stream_options":{"include_usage":true},"model":"up","messages":[{}],"stream":true}"#,
        ),
        (
            body("openai", |preset| preset.stream_usage = false, ChatCompletions, stream, None),
            r#"{"model":"up","messages":[{}],"stream":true}"#,
        ),
        (
            body(
                "x",
                |preset| (preset.keeps_routing_fields, preset.stream_usage) = (true, false),
                ChatCompletions,
                stream,
                None,
            ),
            r#"{"model":"up","messages":[{}],"stream":true,"provider":{"a":1}}"#,
        ),
        (
            body(
                "x",
                |preset| preset.max_output_param = MaxOutputParam::MaxTokens,
                ChatCompletions,
                r#"{"model":"m","messages":[{}],"max_completion_tokens":5}"#,
                Some(9),
            ),
            r#"{"model":"up","messages":[{}],"max_tokens":5}"#,
        ),
        (
            body("openai", |_| {}, ChatCompletions, r#"{"model":"m","messages":[{}],"max_tokens":5}"#, Some(9)),
            r#"{"model":"up","messages":[{}],"max_tokens":5}"#,
        ),
        (
            body("openai", |_| {}, Completions, r#"{"model":"m","prompt":"a"}"#, Some(9)),
            r#"{"max_tokens":9,"model":"up","prompt":"a"}"#,
        ),
        (
            body("openai", |_| {}, Embeddings, r#"{"model":"m","input":[[1]]}"#, Some(9)),
            r#"{"model":"up","input":[[1]]}"#,
        ),
    ];
    for (got, expected) in rows {
        assert_eq!(got, expected);
    }
}

#[test]
fn heads_say_where_and_what() {
    let adapter = by_name("openai");
    let mut preset = (adapter.preset)();
    preset.headers.push((http::HeaderName::from_static("x-title"), "Router".parse().unwrap()));
    let call = |endpoint, stream| Call { dialect: "openai_chat", endpoint, model: "m", stream, method: None };
    let head = adapter.head(&preset, &call(ChatCompletions, true));
    assert_eq!(
        (head.path.unwrap().as_ref(), head.headers["accept"].to_str().unwrap()),
        ("/chat/completions", "text/event-stream")
    );
    assert_eq!(head.headers["x-title"], "Router");
    assert_eq!(adapter.head(&preset, &call(Embeddings, false)).path.unwrap(), "/embeddings");
    assert_eq!(adapter.head(&preset, &call(Completions, false)).headers["accept"], "application/json");
    assert_eq!(MaxOutputParam::from_name("max_tokens"), Some(MaxOutputParam::MaxTokens));
    assert_eq!(MaxOutputParam::from_name("max_completion_tokens"), Some(MaxOutputParam::MaxCompletionTokens));
    assert_eq!(MaxOutputParam::from_name("both"), Some(MaxOutputParam::Both));
    assert_eq!(MaxOutputParam::from_name("x"), None);
}
