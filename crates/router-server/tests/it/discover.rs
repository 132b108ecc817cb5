//! What a channel's provider has: asked for over real sockets, in every form in which providers list their models.

use router_testkit::{Script, SimProvider, Voice, dead_address};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{ADMIN, Reply, Setup, TestRouter};

async fn provider(models: &[&str], page: usize) -> SimProvider {
    let models = models.iter().map(|id| (*id).to_owned()).collect();
    let voice = Voice { models, page, ..Voice::default() };
    SimProvider::builder().voice(voice).start().await.expect("a free port")
}

/// A channel of a vendor at that address, with these models.
fn vendor(name: &str, base_url: &str, models: Value) -> Setup {
    // A group that no model fits would be refused.
    let group = json!({"model_groups": {"auto:ordered": {"select": {"models": ["*"]}}}});
    TestRouter::setup().channel_at("only", base_url).and(json!({"provider": name})).models(models).system(group)
}

async fn discover(router: &TestRouter, query: &str) -> Reply {
    router.call("POST", &format!("/admin/v1/channels/only/discover{query}")).bearer(ADMIN).send().await
}

async fn discovered(router: &TestRouter) -> Value {
    let reply = discover(router, "").await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.json()
}

/// `id:state` of each model.
fn states(found: &Value) -> Vec<String> {
    let models = found["models"].as_array().expect("models").iter();
    let word = |model: &Value, field: &str| model[field].as_str().expect("a text").to_owned();
    models.map(|model| format!("{}:{}", word(model, "id"), word(model, "state"))).collect()
}

fn model<'a>(found: &'a Value, id: &str) -> &'a Value {
    found["models"].as_array().expect("models").iter().find(|model| model["id"] == id).expect("the model")
}

#[tokio::test]
async fn every_family_of_lists_is_read_whole_and_compared() {
    let sim = provider(&["held", "other", "third"], 2).await;
    for (name, path, list, pages, context) in [
        ("openai", "/v1", "openai", 1, None),
        ("deepseek", "/deepseek/v1", "openai", 1, None),
        ("sim", "/vllm/v1", "openai", 1, Some(32_768)),
        ("anthropic", "/v1", "anthropic", 2, Some(200_000)),
        ("gemini", "/v1beta", "gemini", 2, Some(1_048_576)),
        ("openrouter", "/openrouter/api/v1", "openrouter", 1, Some(128_000)),
        ("groq", "/groq/openai/v1", "groq", 1, Some(131_072)),
        ("siliconflow", "/siliconflow/v1", "siliconflow", 6, None),
        ("tuzi", "/newapi/v1", "new_api", 1, None),
        ("ollama", "/ollama/v1", "ollama", 1, Some(131_072)),
        ("azure_openai", "/azure/openai/v1", "azure_openai", 1, None),
    ] {
        let models = json!([
            {"name": "mine", "upstream_name": "held", "context_length": 9_000, "price": {"input": 1.0, "output": 2.0}},
            {"name": "lost", "price": {"input": 1.0, "output": 2.0}},
        ]);
        let router = vendor(name, &sim.url(path), models).start().await;
        let before = router.admin("/admin/v1/channels/only").await.json();
        let found = discovered(&router).await;

        assert_eq!(
            (&found["list"], &found["pages"], &found["found"]),
            (&json!(list), &json!(pages), &json!(3)),
            "{name}"
        );
        assert_eq!(found["notes"], json!([]), "{name}");
        let held = model(&found, "held");
        assert_eq!((&held["models"], &held["context_length"]), (&json!(["mine"]), &json!(context)), "{name}: {held}");
        let lengths =
            held["changes"].as_array().expect("changes").iter().find(|change| change["field"] == "context_length");
        let expected = context
            .map(|theirs: u64| json!({"model": "mine", "field": "context_length", "ours": 9_000, "theirs": theirs}));
        assert_eq!(lengths, expected.as_ref(), "{name}");
        assert_eq!(states(&found)[1..], ["other:new", "third:new"], "{name}");
        // Azure's list names what could be deployed: nothing can be missing there.
        let gone = if name == "azure_openai" { json!([]) } else { json!([{"model": "lost", "upstream_name": "lost"}]) };
        assert_eq!((&found["gone"], &found["complete"]), (&gone, &json!(name != "azure_openai")), "{name}");

        let keys: Vec<_> = sim.requests().iter().map(|request| request.key().map(str::to_owned)).collect();
        let key = (name != "ollama").then(|| "sk-upstream-only".to_owned());
        assert!(keys.iter().all(|sent| *sent == key), "{name}: {keys:?}");
        let mut after = router.admin("/admin/v1/channels/only").await.json();
        after["live"] = before["live"].clone();
        assert_eq!(after, before, "{name}: discovering has changed the channel");
        sim.forget();
    }
}

#[tokio::test]
async fn prices_are_compared_to_the_nano_dollar_in_the_providers_currency() {
    let sim = provider(&["vendor/m", "vendor/m:free", "openrouter/auto", "per-call-m"], 1_000).await;
    let models = json!([
        {"name": "right", "upstream_name": "vendor/m", "price": {"input": 0.15, "output": 0.6}, "context_length": 128_000,
         "max_output_tokens": 16_384, "capabilities": ["function_calling", "json_mode"]},
        {"name": "wrong", "upstream_name": "vendor/m:free", "price": {"input": 0.15, "output": 0.6}},
    ]);
    let router = vendor("openrouter", &sim.url("/openrouter/api/v1"), models).start().await;
    let found = discovered(&router).await;
    assert_eq!(model(&found, "vendor/m")["state"], "same", "{found}");
    assert_eq!(model(&found, "vendor/m")["price"], json!({"input": "0.150000000", "output": "0.600000000"}));
    let changes = model(&found, "vendor/m:free")["changes"].as_array().expect("changes").clone();
    let price = changes.iter().find(|change| change["field"] == "price").expect("another price");
    assert_eq!(price["theirs"], json!({"input": "0.000000000", "output": "0.000000000"}));
    assert_eq!(price["ours"], json!({"input": "0.150000000", "output": "0.600000000"}));
    assert_eq!(model(&found, "openrouter/auto")["price"], Value::Null);

    // 0.7 CNY buy one unit; 7.2 CNY are a dollar. A million tokens cost 1.5 units.
    let setup =
        vendor("tuzi", &sim.url("/newapi/v1"), json!([{"name": "vendor/m", "price": {"input": 1.5, "output": 6.0}}]));
    let router = setup.system(json!({"providers": {"tuzi": {"price_multiplier": 0.7}}})).start().await;
    let found = discovered(&router).await;
    let expected = json!({"input": "0.145833334", "output": "0.583333334", "cached_input": "0.014583334"});
    assert_eq!(model(&found, "vendor/m")["price"], expected);
    let by_call = json!({"input": "0.000000000", "output": "0.000000000", "per_request": "0.001944445"});
    assert_eq!(model(&found, "per-call-m")["price"], by_call);
}

/// The problem that asking ends in.
async fn problem(base_url: &str, (status, code): (u16, &str), class: &str, words: &str) {
    let router = vendor("openai", base_url, json!([{"name": "m", "price": {"input": 1.0}}])).start().await;
    let reply = discover(&router, "?timeout_s=3").await;
    let problem = reply.json();
    assert_eq!(reply.header("content-type"), "application/problem+json", "{problem}");
    assert_eq!((reply.status(), reply.header("x-router-error")), (status, code), "{class}: {problem}");
    assert_eq!(problem["error_class"], class, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{class}: {problem}");
    assert!(!reply.text().contains("sk-upstream"), "{problem}");
}

const UPSTREAM: (u16, &str) = (502, "upstream_error");
const BAD: (u16, &str) = (502, "upstream_bad_response");

#[tokio::test]
async fn why_a_provider_cannot_be_reached_is_told_apart() {
    let dead = dead_address().expect("a free port");
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = plain.local_addr().expect("an address");
    // Whatever comes is answered without TLS.
    let serve = async move {
        while let Ok((mut socket, _)) = plain.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    };
    let serving = tokio::spawn(serve);
    problem(&format!("http://{dead}/v1"), UPSTREAM, "connect", "refused").await;
    problem("https://no-such-host.invalid/v1", UPSTREAM, "dns", "no-such-host.invalid").await;
    problem(&format!("https://{address}/v1"), UPSTREAM, "tls", "secure").await;
    serving.abort();
}

#[tokio::test]
async fn answers_that_are_no_list_are_named() {
    let json = |body: &str| Script::body(200, "application/json", body.to_owned());
    for (script, error, class, words) in [
        (Script::unauthorized(), UPSTREAM, "key_invalid", "refuses the channel's key"),
        (Script::status(503), UPSTREAM, "overloaded", "status 503"),
        (Script::html(), BAD, "bad_answer", "web page"),
        (json(r#"{"data":7}"#), BAD, "bad_answer", "not a list of models"),
        (Script::body(200, "application/json", vec![b'['; 17 << 20]), BAD, "bad_answer", "larger than the limit"),
        (Script::redirect("http://127.0.0.1:1/"), UPSTREAM, "redirect", "status 302"),
        (Script::hang(), (504, "upstream_timeout"), "total_timeout", "after 3 s"),
    ] {
        let sim = provider(&["m"], 1_000).await.on_path("/v1/models", script);
        problem(&sim.base_url(), error, class, words).await;
    }
}

#[tokio::test]
async fn what_beside_the_list_fails_is_a_note() {
    let sim = provider(&["m"], 1_000).await.on_path("/newapi/api/pricing", Script::status(404));
    let models = json!([{"name": "m", "price": {"input": 1.0}}]);
    let router = vendor("tuzi", &sim.url("/newapi/v1"), models.clone()).start().await;
    let found = discovered(&router).await;
    assert_eq!((&found["found"], &model(&found, "m")["price"]), (&json!(1), &Value::Null));
    assert!(found["notes"][0].as_str().is_some_and(|note| note.contains("/api/pricing")), "{found}");

    for (path, status) in [("only/discover?timeout_s=0", 400), ("nobody/discover", 404)] {
        let reply = router.call("POST", &format!("/admin/v1/channels/{path}")).bearer(ADMIN).send().await;
        assert_eq!(reply.status(), status, "{}", reply.text());
    }
}
