//! Every client dialect against a provider of every other, over sockets: answers, streams, names, what does not fit.

use router_testkit::SimProvider;
use serde_json::{Value, json};

use crate::support::{Call, KEY, ORDERED, Reply, Setup, TestRouter};

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

const PROVIDERS: [(&str, &str); 3] = [("openai_compatible", "/v1"), ("anthropic", "/v1"), ("gemini", "/v1beta")];

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
