//! A vendor that nobody has heard of is an entry of `providers.yaml`: its dialect, its key, its address, its habits, its bill.

use router_testkit::{Received, SimProvider};
use serde_json::{Value, json};

use crate::support::{KEY, MODEL, Setup, TestRouter};

/// A channel of a vendor that is declared by this entry alone.
fn vendor(entry: Value) -> Setup {
    let setup = TestRouter::setup().system(json!({"providers": {"newcomer": entry}}));
    setup.channel_at("only", "http://127.0.0.1:9").and(json!({"provider": "newcomer", "base_url": null}))
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("JSON")
}

#[tokio::test]
async fn its_habits_are_heeded_whoever_asks() {
    let provider = SimProvider::start().await;
    let router = vendor(json!({
        "kind": "openai_compatible", "base_url": provider.base_url(), "auth": "api-key",
        "quirks": ["string_content", "no_developer_role", "drops=seed", "renames=user:end_user"],
    }));
    let router = router.start().await;
    let parts = json!([{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]);
    let passing = json!({"model": MODEL, "seed": 7, "user": "u", "messages": [
        {"role": "developer", "content": parts}, {"role": "user", "content": "Hello"}]});
    let translated = json!({"model": MODEL, "max_tokens": 100, "system": "Be brief.", "metadata": {"user_id": "u"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]});
    for (path, asked) in [("/v1/chat/completions", passing), ("/v1/messages", translated)] {
        let reply = router.call("POST", path).bearer(KEY).json(&asked).send().await;
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
        let received = provider.last_request().expect("a request");
        assert_eq!(received.header("api-key"), Some("sk-upstream-only"), "{path}");
        assert_eq!(received.header("authorization"), None, "{path}");
        let sent = body(&received);
        assert_eq!(sent["messages"][0]["role"], "system", "{path}: {sent}");
        assert!(sent["messages"][0]["content"].is_string(), "{path}: {sent}");
        assert_eq!(
            (sent.get("seed"), sent.get("user"), &sent["end_user"]),
            (None, None, &json!("u")),
            "{path}: {sent}"
        );
    }
}

#[tokio::test]
async fn its_dialect_and_version_are_its_own() {
    let provider = SimProvider::start().await;
    let anthropic = json!({"kind": "openai_compatible", "base_url": provider.base_url(), "auth": "x-api-key",
        "dialect": "anthropic", "headers": {"anthropic-version": "2023-06-01"}});
    let azure = json!({"kind": "azure_openai", "base_url": provider.url("/azure/openai"), "api_version": "2024-10-21"});
    for (entry, path, query, header) in [
        (anthropic, "/v1/messages".to_owned(), "", "x-api-key"),
        (azure, format!("/azure/openai/deployments/{MODEL}/chat/completions"), "api-version=2024-10-21", "api-key"),
    ] {
        let router = vendor(entry).start().await;
        for stream in [false, true] {
            let reply = router.chat().stream_if(stream).send().await;
            assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
            let received = provider.last_request().expect("a request");
            assert_eq!((received.path.as_str(), received.query.as_str()), (path.as_str(), query));
            assert_eq!(received.header(header), Some("sk-upstream-only"), "{path}");
        }
    }
}

#[tokio::test]
async fn its_bill_is_booked_where_it_is_believed() {
    // The counterpart says a millionth of a dollar for each token; by the price an output token costs two.
    let provider = SimProvider::start().await;
    for (quirks, output) in [(json!(["cost_in_usage"]), 1_000), (json!([]), 2_000)] {
        let entry =
            json!({"kind": "openai_compatible", "base_url": provider.url("/openrouter/api/v1"), "quirks": quirks});
        let router = vendor(entry).start().await;
        for stream in [false, true] {
            let reply = router.chat().stream_if(stream).send().await;
            assert_eq!(reply.status(), 200, "{}", reply.text());
        }
        for row in router.rows(2).await {
            assert!(row.output > 0, "{row:?}");
            assert_eq!(row.cost, row.input * 1_000 + row.output * output, "{row:?}");
        }
    }
}
