//! Bytes in, bytes out: what a client sends arrives, and what a provider sends arrives, byte for byte.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{KEY, MODEL, TestRouter};

/// Odd but legal: unknown fields, long integers, number formats, escapes, order, blanks. MODEL and STREAM are places.
const REQUEST: &str = "{ \"zeta\":1e2,\"seed\" : 12345678901234567890, \"temperature\":1.0,\r\n\t\"messages\":[{\"content\":\"caf\\u00e9 \\ud83d\\ude00 \\/ é\",\
 \"role\":\"user\",\"x_unknown\":{\"model\":\"not this one\",\"stream\":true}}], \"model\" :MODEL,\"top_p\":0.10 ,\"empty\":{},\"nothing\":null,\
\"user\":\"\\\"model\\\":\\\"nor this\\\"\"STREAM, \"alpha\":-0.0}";

/// An answer with oddities of every kind.
const ANSWER: &str = "{\n \"choices\" : [ {\"message\":{\"content\":\"caf\\u00e9\",\"role\":\"assistant\",\"vendor\":1.0},\"finish_reason\":\"stop\",\"index\":0} ],\
\"usage\":{\"completion_tokens\":7,\"prompt_tokens\":6,\"total_tokens\":13,\"extra\":12345678901234567890},\"x\":1e2, \"model\":\"some-upstream-name\" ,\"object\":\"chat.completion\",\"id\":\"1\"}\n";

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_the_model() {
    let provider = SimProvider::start().await.on_any(Script::body(200, "application/json", ANSWER));
    let setup = TestRouter::setup().channel("only", &provider);
    let model =
        serde_json::json!([{"name": MODEL, "upstream_name": "vendor/up-1", "price": {"input": 1.0, "output": 2.0}}]);
    let router = setup.models(model).start().await;
    let fill = |model: &str| REQUEST.replace("MODEL", &format!("\"{model}\"")).replace("STREAM", "");

    let reply = router.chat().raw(fill(MODEL)).send().await;

    assert_eq!((reply.status(), reply.header("content-type")), (200, "application/json"));
    assert_eq!(reply.text(), ANSWER);
    let received = provider.last_request().expect("a request");
    assert_eq!(received.text(), fill("vendor/up-1"));
    assert_eq!(received.bearer(), Some("sk-upstream-only"));
    let row = router.row().await;
    assert_eq!((row.input, row.output), (6, 7));
}

#[tokio::test]
async fn a_model_with_the_same_name_upstream_arrives_whole() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let body = REQUEST.replace("MODEL", &format!("\"{MODEL}\"")).replace("STREAM", "");
    assert_eq!(router.chat().raw(body.clone()).send().await.status(), 200);
    assert_eq!(provider.last_request().expect("a request").text(), body);
}

/// Blocks of a stream with everything that the standard allows.
fn odd_stream() -> Vec<String> {
    [
        ": a comment\n\n",
        "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n",
        "event: message\nid: 7\ndata:{\"choices\":[{\"delta\":{\"content\":\"caf\\u00e9\"},\"index\":0}], \"x\":1.0,\"y\":12345678901234567890}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" and\"}}],\"model\":\"theirs\"}\n\n: ping\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    ]
    .map(str::to_owned)
    .to_vec()
}

const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"total_tokens\":14}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn a_stream_arrives_as_the_provider_sent_it_with_usage_only_for_those_who_asked() {
    let ask = ", \"stream_options\":{ \"include_usage\":true }";
    let added = r#"{"stream_options":{"include_usage":true},"#;
    for asked in [false, true] {
        let mut blocks = odd_stream();
        blocks.extend([USAGE.to_owned(), DONE.to_owned()]);
        let provider = SimProvider::start().await.on_any(Script::blocks(blocks));
        let router = TestRouter::setup().channel("only", &provider).start().await;
        let stream = format!(", \"stream\": true{}", if asked { ask } else { "" });
        let body = REQUEST.replace("MODEL", &format!("\"{MODEL}\"")).replace("STREAM", &stream);

        let reply = router.chat().raw(body.clone()).send().await;

        let usage = if asked { USAGE } else { "" };
        assert_eq!(reply.text(), odd_stream().concat() + usage + DONE, "asked: {asked}");
        assert!(reply.header("content-type").starts_with("text/event-stream"));
        let received = provider.last_request().expect("a request").text();
        let expected = if asked { body } else { format!("{added}{}", body.strip_prefix('{').expect("an object")) };
        assert_eq!(received, expected);
        let row = router.row().await;
        assert_eq!((row.input, row.output, row.tokens_source.as_str()), (11, 3, "reported"));
    }
}

#[tokio::test]
async fn one_done_whatever_the_provider_does() {
    let once = odd_stream().concat();
    let table = [
        ("none", once.clone()),
        ("one", format!("{once}{DONE}")),
        ("two", format!("{once}{DONE}{DONE}")),
        ("more after it", format!("{once}{DONE}data: {{\"choices\":[]}}\n\n")),
    ];
    for (what, stream) in table {
        let provider = SimProvider::start().await.on_any(Script::blocks([stream]));
        let router = TestRouter::setup().channel("only", &provider).start().await;
        let reply = router.chat().streaming().send().await;
        assert_eq!(reply.text(), format!("{once}{DONE}"), "{what}");
    }
}

#[tokio::test]
async fn other_endpoints_pass_too() {
    let provider = SimProvider::start().await;
    let price = serde_json::json!({"input": 1.0, "output": 2.0});
    let models = serde_json::json!([
        {"name": MODEL, "price": price}, {"name": "sim-embed", "price": price, "capabilities": ["embeddings"]},
    ]);
    let router = TestRouter::setup().channel("only", &provider).models(models).start().await;
    let table = [
        ("/v1/completions", format!(r#"{{"model":"{MODEL}","prompt":"one  two","odd":1.0}}"#)),
        ("/v1/embeddings", r#"{"input":["a","b"],"odd":1e2,"model":"sim-embed"}"#.to_owned()),
    ];
    for (path, body) in table {
        let reply = router.call("POST", path).bearer(crate::support::KEY).raw(body.clone()).send().await;
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
        let received = provider.last_request().expect("a request");
        assert_eq!((received.path.as_str(), received.text()), (path, body));
    }
    let rows = router.rows(2).await;
    assert!(rows.iter().all(|row| row.cost > 0), "{rows:#?}");
}

#[tokio::test]
async fn nothing_of_the_client_but_the_body_goes_upstream() {
    let provider =
        SimProvider::start().await.on_any(Script::ok().header("set-cookie", "a=b").header("x-internal", "10.0.0.7"));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let call =
        router.chat().header("openai-organization", "org-of-the-client").header("x-forwarded-host", "evil.example");
    let call = call.header("cookie", "session=1").header("user-agent", "agent/1");
    let reply = call.send().await;
    for name in ["set-cookie", "x-internal", "server"] {
        assert!(!reply.has_header(name), "{name}");
    }
    let received = provider.last_request().expect("a request");
    for name in ["openai-organization", "x-forwarded-host", "cookie", "x-api-key"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    let head = format!("{:?}", received.head);
    assert!(!head.contains(crate::support::KEY), "{head}");
}

#[tokio::test]
async fn harmless_listed_headers_of_the_provider_pass_and_no_others() {
    let headers = |script: Script| {
        let script = script.header("openai-processing-ms", "12").header("openai-version", "2020-10-01");
        script.header("x-codex-turn-state", "t1").header("set-cookie", "a=b").header("x-router-channel", "forged")
    };
    let provider = SimProvider::start().await.on_any(headers(Script::ok()));
    let setup = TestRouter::setup().system(json!({"providers": {"sim": {"kind": "openai"}}}));
    let router = setup.channel("only", &provider).start().await;
    let translated = json!({"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]});
    for stream in [false, true] {
        let reply = router.chat().stream_if(stream).send().await;
        assert_eq!((reply.status(), reply.header("openai-processing-ms")), (200, "12"), "{}", reply.text());
        assert_eq!(reply.header("openai-version"), "2020-10-01");
        assert_eq!((reply.header("x-router-channel"), reply.has_header("set-cookie")), ("only", false));
        assert!(!reply.has_header("x-codex-turn-state"), "it belongs to another dialect");

        let body = json!({"model": MODEL, "input": "Hello", "stream": stream});
        let reply = router.call("POST", "/v1/responses").bearer(KEY).json(&body).send().await;
        assert_eq!((reply.status(), reply.header("x-codex-turn-state")), (200, "t1"), "{}", reply.text());

        let call = router.call("POST", "/v1/messages").bearer(KEY).json(&translated).stream_if(stream);
        let reply = call.send().await;
        assert_eq!((reply.status(), reply.has_header("openai-version")), (200, false), "{}", reply.text());
    }
}
