//! The pages without a model behind them: model list, root, health, metrics.

use router_testkit::SimProvider;
use serde_json::{Value, json};

use crate::support::{KEY, MODEL, ORDERED, TestRouter};

#[tokio::test]
async fn models_are_listed_and_found_by_any_spelling() {
    let provider = SimProvider::start().await;
    let price = json!({"input": 1.0, "output": 2.0});
    let models =
        json!([{"name": MODEL, "price": price, "context_length": 50_000}, {"name": "vendor/odd:name", "price": price}]);
    let router = TestRouter::setup().channel("only", &provider).models(models).start().await;
    let get = |target: &str| router.call("GET", target).bearer(KEY);

    let list = get("/v1/models").send().await.json();
    assert_eq!(list["object"], "list");
    let entries = list["data"].as_array().expect("a list");
    let ids: Vec<&str> = entries.iter().filter_map(|entry| entry["id"].as_str()).collect();
    for id in [MODEL, "vendor/odd:name", ORDERED, "auto:cheap"] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    for entry in entries {
        for field in ["id", "object", "type", "created", "created_at", "owned_by", "display_name"] {
            assert!(!entry[field].is_null(), "{field}: {entry}");
        }
    }
    let table = [
        ("/v1/models/sim-model", MODEL),
        ("/v1/models/vendor/odd:name", "vendor/odd:name"),
        ("/v1/models/vendor%2Fodd%3Aname", "vendor/odd:name"),
        ("/v1/models/auto:ordered", ORDERED),
        ("/v1/models/auto%3aordered", ORDERED),
        ("/models/auto:ordered", ORDERED),
    ];
    for (target, id) in table {
        let reply = get(target).send().await;
        assert_eq!((reply.status(), &reply.json()["id"]), (200, &json!(id)), "{target}");
    }
    assert_eq!(get("/v1/models/sim-model").send().await.json()["context_length"], 50_000);
    get("/v1/models/nothing").send().await.error(404, "model_not_found");
    router.get("/v1/models").await.error(401, "missing_api_key");
    assert_eq!(provider.stats().requests, 0);
}

#[tokio::test]
async fn pages_without_a_key() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for target in ["/", "/health", "/health/live", "/health/ready", "/metrics"] {
        let reply = router.get(target).await;
        assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
        assert!(!reply.body().is_empty(), "{target}");
        let head = router.call("HEAD", target).send().await;
        assert_eq!((head.status(), head.body().len()), (200, 0), "{target}");
    }
    let health: Value = router.get("/health").await.json();
    assert_eq!((&health["status"], &health["database"]), (&json!("ok"), &json!("ok")));
    assert_eq!((&health["active_channels"], &health["active_providers"]), (&json!(1), &json!(1)));
    assert!(health["version"].is_string());
    router.get("/nothing").await.error(404, "not_found");
}

#[tokio::test]
async fn metrics_hold_no_text_of_clients() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for model in ["my-secret-model-name", "auto:my-secret-group"] {
        router.chat().model(model).send().await.error(404, "model_not_found");
    }
    let text = router.get("/metrics").await.text();
    assert!(!text.contains("my-secret"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}
