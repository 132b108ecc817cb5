//! Every client dialect against a provider of every other, over sockets: answers, streams, names, what does not fit.

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{Call, KEY, MODEL, ORDERED, Reply, Setup, TestRouter};

/// A client dialect, as far as a test needs to speak it.
struct Client {
    name: &'static str,
    path: fn(bool) -> String,
    body: fn() -> Value,
    /// The text of a whole answer, and of a stream's events.
    whole: fn(&Value) -> String,
    event: fn(&Value) -> Option<String>,
    /// What the stream says last when all went well.
    end: &'static str,
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn clients() -> Vec<Client> {
    let all = vec![
        Client {
            name: "openai_chat",
            path: |_| "/v1/chat/completions".into(),
            body: || json!({"model": ORDERED, "messages": [{"role": "user", "content": "Hello"}]}),
            whole: |answer| text(answer, "/choices/0/message/content"),
            event: |event| event.pointer("/choices/0/delta/content")?.as_str().map(str::to_owned),
            end: "[DONE]",
        },
        Client {
            name: "anthropic",
            path: |_| "/v1/messages".into(),
            body: || json!({"model": ORDERED, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}),
            whole: |answer| text(answer, "/content/0/text"),
            event: |event| event.pointer("/delta/text")?.as_str().map(str::to_owned),
            end: "message_stop",
        },
        Client {
            name: "openai_responses",
            path: |_| "/v1/responses".into(),
            body: || json!({"model": ORDERED, "input": "Hello"}),
            whole: |answer| text(answer, "/output/0/content/0/text"),
            event: |event| {
                let delta = event["type"] == "response.output_text.delta";
                event["delta"].as_str().filter(|_| delta).map(str::to_owned)
            },
            end: "response.completed",
        },
        Client {
            name: "gemini",
            path: |stream| {
                let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                format!("/v1beta/models/{ORDERED}:{method}")
            },
            body: || json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
            whole: |answer| text(answer, "/candidates/0/content/parts/0/text"),
            event: |event| event.pointer("/candidates/0/content/parts/0/text")?.as_str().map(str::to_owned),
            end: "STOP",
        },
    ];
    all.into_iter().filter(|client| router_wire::dialects::dialect(client.name).is_some()).collect()
}

impl Client {
    fn call(&self, router: &TestRouter, stream: bool) -> Call {
        let mut body = (self.body)();
        if stream && self.name != "gemini" {
            body["stream"] = true.into();
        }
        router.call("POST", &(self.path)(stream)).bearer(KEY).json(&body)
    }

    fn said(&self, reply: &Reply, stream: bool) -> String {
        if !stream {
            return (self.whole)(&reply.json());
        }
        let events = reply.events();
        events.iter().filter_map(|event| (self.event)(&serde_json::from_str(event).ok()?)).collect()
    }
}

const PROVIDERS: [(&str, &str); 4] =
    [("openai_compatible", "/v1"), ("anthropic", "/v1"), ("gemini", "/v1beta"), ("ollama", "")];

/// A channel at a provider of that kind.
fn channel(setup: Setup, kind: &str, base: &str, provider: &SimProvider) -> Setup {
    let name = format!("sim-{kind}");
    setup
        .system(json!({"providers": {&name: {"kind": kind, "base_url": provider.url(base)}}}))
        .channel_at(kind, &provider.url(base))
        .and(json!({"provider": name}))
}

#[tokio::test]
async fn every_client_reaches_every_provider_and_the_books_agree() {
    for (kind, base) in PROVIDERS {
        let provider = SimProvider::start().await;
        let router = channel(TestRouter::setup(), kind, base, &provider).start().await;
        for client in clients() {
            for stream in [false, true] {
                let case = format!("{} → {kind}, stream: {stream}", client.name);
                let reply = client.call(&router, stream).send().await;
                assert_eq!(reply.status(), 200, "{case}: {}", reply.text());
                assert!(reply.is_complete(), "{case}");
                let said = client.said(&reply, stream);
                assert!(!said.is_empty(), "{case}: {}", reply.text());
                assert!(!stream || reply.text().contains(client.end), "{case}: {}", reply.text());
                assert_eq!(reply.header("x-router-channel"), kind, "{case}");
            }
        }
        for row in router.rows(clients().len() * 2).await {
            let case = format!("a row of {kind}: {row:?}");
            assert_eq!((row.status.as_str(), row.tokens_source.as_str()), ("completed", "reported"), "{case}");
            assert!(row.input > 0 && row.output > 0, "{case}");
            assert_eq!(row.cost, row.input * 1_000 + row.output * 2_000, "{case}");
        }
    }
}

fn kinds(kinds: &[&str], providers: &[&SimProvider]) -> Setup {
    kinds.iter().zip(providers).fold(TestRouter::setup(), |setup, (kind, provider)| {
        let base = PROVIDERS.iter().find(|(known, _)| known == kind).map_or("/v1", |(_, base)| base);
        channel(setup, kind, base, provider)
    })
}

#[tokio::test]
async fn what_a_dialect_cannot_hold_goes_to_another_candidate_or_is_refused_by_name() {
    let (other, chat) = (SimProvider::start().await, SimProvider::start().await);
    let alone = kinds(&["anthropic"], &[&other]).start().await;
    let error = alone.chat().with(json!({"n": 2})).send().await.error(400, "unsupported_parameter");
    assert_eq!(error["param"], "n");
    assert_eq!(alone.row().await.attempts.len(), 0);

    let both = kinds(&["anthropic", "openai_compatible"], &[&other, &chat]).start().await;
    let reply = both.chat().with(json!({"n": 2})).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "openai_compatible"));
    assert_eq!(both.row().await.attempts.len(), 1, "one that was passed over is no attempt");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_need_that_nobody_meets_is_refused_by_the_parameter_that_asks_for_it() {
    let provider = SimProvider::start().await;
    // What the channel of these tests can do is what its model says: chat and streams, nothing else.
    let model = json!({"name": MODEL, "price": {"input": 1.0, "output": 2.0}, "capabilities": ["chat", "streaming"]});
    let router = kinds(&["openai_compatible"], &[&provider]).and(json!({"models": [model]})).start().await;
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    let error = router.chat().with(json!({"tools": tool})).send().await.error(400, "unsupported_parameter");
    assert_eq!(error["param"], "tools");
    assert!(error["message"].as_str().unwrap().contains("function_calling"), "{error}");
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn hints_that_are_dropped_are_named() {
    let provider = SimProvider::start().await;
    let router = kinds(&["anthropic"], &[&provider]).start().await;
    for stream in [false, true] {
        let reply = router.chat().with(json!({"logit_bias": {"1": 2}, "stream": stream})).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert!(reply.header("x-router-dropped").contains("logit_bias"), "{}", reply.header("x-router-dropped"));
    }
    let plain = router.chat().send().await;
    assert!(!plain.has_header("x-router-dropped"), "{}", plain.header("x-router-dropped"));
}

#[tokio::test]
async fn a_cut_translated_stream_ends_with_an_error_in_the_clients_words() {
    for (kind, base) in PROVIDERS {
        let provider = SimProvider::start().await.on_any(Script::cut_after(3));
        let router = channel(TestRouter::setup(), kind, base, &provider).start().await;
        let clients = clients();
        for client in &clients {
            let case = format!("{} → {kind}", client.name);
            let reply = client.call(&router, true).send().await;
            assert_eq!(reply.status(), 200, "{case}: {}", reply.text());
            assert!(!client.said(&reply, true).is_empty(), "{case}: {}", reply.text());
            assert!(!reply.text().contains(client.end), "{case}: {}", reply.text());
            let last = reply.events().last().cloned().unwrap_or_default();
            assert!(last.contains("error") || last.contains("response.failed"), "{case}: {last}");
        }
        for row in router.rows(clients.len()).await {
            assert_eq!(
                (row.status.as_str(), row.error_code.as_deref()),
                ("error", Some("upstream_bad_response")),
                "{kind}"
            );
            assert!(row.cost > 0, "{kind}: what has gone to the client is paid");
        }
    }
}

#[tokio::test]
async fn a_stream_of_the_same_dialect_passes_byte_for_byte() {
    let frames = [
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"theirs\",\"x\":1.0,\"usage\":{\"input_tokens\":11,\"output_tokens\":1}}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: new_thing\ndata: {\"type\":\"new_thing\",\"n\":12345678901234567890}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"caf\\u00e9\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\" }\n\n",
    ];
    let provider = SimProvider::start().await.on_any(Script::blocks(frames.map(str::to_owned)));
    let router = kinds(&["anthropic"], &[&provider]).start().await;
    let client = clients().into_iter().find(|client| client.name == "anthropic").expect("a client");
    let call = client.call(&router, true).header("anthropic-version", "2026-10-21").header("anthropic-beta", "a,b");

    let reply = call.send().await;

    assert_eq!(reply.text(), frames.concat());
    let received = provider.last_request().expect("a request");
    assert_eq!(received.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(received.header("anthropic-beta"), Some("a,b"));
    let row = router.row().await;
    assert_eq!((row.input, row.output, row.cost), (11, 3, 17_000));
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_or_here() {
    let (own, other) = (SimProvider::start().await, SimProvider::start().await);
    let body = json!({"model": ORDERED, "messages": [{"role": "user", "content": "Hello there"}]});
    for (kind, provider, asked) in [("anthropic", &own, 1), ("openai_compatible", &other, 0)] {
        let router = kinds(&[kind], &[provider]).start().await;
        let call = router.call("POST", "/v1/messages/count_tokens?beta=true").bearer(KEY).json(&body);
        let reply = call.send().await;
        assert_eq!(reply.status(), 200, "{kind}: {}", reply.text());
        assert!(reply.json()["input_tokens"].as_u64().is_some_and(|count| count > 0), "{kind}: {}", reply.text());
        assert_eq!(provider.requests().len(), asked, "{kind}");
        let row = router.row().await;
        assert_eq!((row.status.as_str(), row.cost, row.output), ("completed", 0, 0), "{kind}");
    }
}

#[tokio::test]
async fn errors_are_told_in_the_dialect_of_the_path() {
    let router = TestRouter::setup().start().await;
    for (path, code, shape) in [
        ("/v1/chat/completions", "missing_api_key", "/error/param"),
        ("/v1/messages", "missing_api_key", "/type"),
        ("/v1/messages/batches", "not_found", "/type"),
        ("/v1beta/models/m:generateContent", "missing_api_key", "/error/status"),
        ("/v1beta/nothing", "not_found", "/error/status"),
    ] {
        let reply = router.call("POST", path).json(&json!({"model": "m"})).send().await;
        assert_eq!(reply.header("x-router-error"), code, "{path}");
        assert_eq!(reply.header("request-id"), reply.header("x-request-id"), "{path}");
        assert!(reply.json().pointer(shape).is_some(), "{path}: {}", reply.text());
    }
    let path = format!("/v1beta/models/nothing:generateContent?key={KEY}");
    let body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
    let reply = router.call("POST", &path).json(&body).send().await;
    assert_eq!((reply.status(), reply.header("x-router-error")), (404, "model_not_found"), "{}", reply.text());
    let twice = router.call("POST", &path).bearer("sk-router-another-0123456789abcdef").json(&body).send().await;
    assert_eq!((twice.status(), twice.header("x-router-error")), (400, "ambiguous_credentials"));
    let socket =
        router.call("GET", "/v1/chat/completions").header("upgrade", "websocket").header("connection", "upgrade");
    assert_eq!(socket.send().await.status(), 426);
}
