//! What a provider account keeps: the id that it made leads back to the channel and the key that made it, after a restart too,
//! and for the client that it was made for.

use std::collections::HashSet;

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{Call, KEY, MODEL, ORDERED, Reply, Setup, TestRouter, eventually};

const OTHER_KEY: &str = "sk-router-other-0123456789abcdef";

/// A router whose channels speak Responses themselves.
fn setup() -> Setup {
    TestRouter::setup().system(json!({"providers": {"sim": {"kind": "openai"}}}))
}

impl TestRouter {
    fn ask(&self, model: &str, more: Value) -> Call {
        let mut body = json!({"model": model, "input": "Hello"});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        self.call("POST", "/v1/responses").bearer(KEY).json(&body)
    }

    async fn id_of(&self, model: &str, more: Value) -> String {
        let stream = more["stream"] == true;
        let reply = self.ask(model, more).send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let answer = if stream { last_event(&reply)["response"].clone() } else { reply.json() };
        answer["id"].as_str().expect("an id").to_owned()
    }

    fn after(&self, id: &str) -> Call {
        self.ask(ORDERED, json!({"previous_response_id": id}))
    }

    fn stored(&self, method: &str, target: &str) -> Call {
        self.call(method, &format!("/v1/responses/{target}")).bearer(KEY)
    }
}

fn last_event(reply: &Reply) -> Value {
    serde_json::from_str(reply.events().last().expect("an event")).expect("JSON")
}

#[tokio::test]
async fn a_conversation_stays_with_the_key_that_began_it() {
    let provider = SimProvider::start().await;
    let keys = json!({"api_keys": ["sk-1", "sk-2", "sk-3", "sk-4"]});
    let router = setup().channel("only", &provider).and(keys).start().await;
    let mut used = HashSet::new();
    for round in 0..8 {
        provider.forget();
        let stream = round % 2 == 0;
        // The provider refuses the id of another key.
        let first = router.id_of(MODEL, json!({"stream": stream})).await;
        let second = router.id_of(MODEL, json!({"previous_response_id": first, "stream": !stream})).await;
        router.id_of(ORDERED, json!({"previous_response_id": second})).await;
        let item = router.ask(MODEL, json!({"previous_response_id": first, "conversation": null})).send().await;
        assert_eq!(item.status(), 200, "{}", item.text());
        let keys: HashSet<_> = provider.requests().iter().map(|r| r.bearer().unwrap_or_default().to_owned()).collect();
        assert_eq!((provider.requests().len(), keys.len()), (4, 1), "{keys:?}");
        used.extend(keys);
    }
    assert!(used.len() > 1, "the lot never fell on another key");
}

#[tokio::test]
async fn the_channel_is_found_again_after_a_restart_and_nobody_else_is_tried() {
    let (a, b) = (SimProvider::start().await, SimProvider::start().await);
    let mut router = setup().channel("a", &a).channel("b", &b).start().await;
    let id = router.id_of(&format!("channel:b/{MODEL}"), json!({})).await;

    let next = router.after(&id).send().await;
    assert_eq!((next.status(), next.header("x-router-channel")), (200, "b"), "{}", next.text());
    let row = router.rows(2).await.remove(1);
    let decision = router.admin(&format!("/admin/v1/requests/{}/decision", row.id)).await.text();
    assert!(decision.contains("pinned_elsewhere"), "{decision}");

    router.restart().await;
    let next = router.after(&id).send().await;
    assert_eq!((next.status(), next.header("x-router-channel")), (200, "b"), "{}", next.text());
    let read = router.stored("GET", &id).send().await;
    assert_eq!((read.status(), read.json()["id"].as_str()), (200, Some(id.as_str())), "{}", read.text());

    b.set(Script::status(500));
    let failed = router.after(&id).send().await;
    failed.error(502, "upstream_error");
    assert!(a.requests().is_empty(), "another account was asked");
}

#[tokio::test]
async fn an_id_is_its_clients_own_and_a_strange_one_is_named() {
    let provider = SimProvider::start().await;
    let setup = setup().key("other", OTHER_KEY).channel("only", &provider);
    let router = setup.start().await;
    let id = router.id_of(MODEL, json!({})).await;
    provider.forget();
    let strange = "resp_00000000000000000000000000000000";

    let foreign = router.after(&id).bearer(OTHER_KEY).send().await.error(400, "invalid_value");
    let unknown = router.after(strange).send().await.error(400, "invalid_value");
    for error in [&foreign, &unknown] {
        assert_eq!(error["param"], "previous_response_id");
        assert_eq!(error["code"], "previous_response_not_found");
    }
    let message = |error: &Value, id: &str| error["message"].as_str().unwrap_or_default().replace(id, "ID");
    assert_eq!(message(&foreign, &id), message(&unknown, strange), "another's id is like none");
    for (more, param) in [
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "input"),
    ] {
        assert_eq!(router.ask(MODEL, more).send().await.error(400, "invalid_value")["param"], param);
    }
    for method in ["GET", "DELETE"] {
        router.stored(method, &id).bearer(OTHER_KEY).send().await.error(404, "not_found");
        router.stored(method, strange).send().await.error(404, "not_found");
    }
    router.stored("GET", &id).without("authorization").send().await.error(401, "missing_api_key");
    assert!(provider.requests().is_empty(), "a stranger's question went on");
}

#[tokio::test]
async fn kept_answers_are_read_listed_cancelled_and_deleted_where_they_are() {
    let (a, b) = (SimProvider::start().await, SimProvider::start().await);
    let keys = json!({"api_keys": ["sk-1", "sk-2", "sk-3"]});
    let router = setup().channel("a", &a).channel("b", &b).and(keys).start().await;
    let id = router.id_of(&format!("channel:b/{MODEL}"), json!({})).await;
    let key = b.last_request().expect("a request").bearer().map(str::to_owned);
    for (method, target, path) in [
        (
            "GET",
            format!("{id}?include[]=x&api-version=1&stream=false"),
            format!("/v1/responses/{id}?include[]=x&stream=false"),
        ),
        ("GET", format!("{id}/input_items?limit=2"), format!("/v1/responses/{id}/input_items?limit=2")),
        ("POST", format!("{id}/cancel"), format!("/v1/responses/{id}/cancel")),
        ("DELETE", id.clone(), format!("/v1/responses/{id}")),
    ] {
        let reply = router.stored(method, &target).send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "b"), "{target}: {}", reply.text());
        assert!(reply.has_header("x-request-id"));
        let asked = b.last_request().expect("a request");
        let mark = if asked.query.is_empty() { "" } else { "?" };
        assert_eq!((asked.method.as_str(), format!("{}{mark}{}", asked.path, asked.query)), (method, path));
        assert_eq!(asked.bearer().map(str::to_owned), key, "{target}");
    }
    router.stored("PUT", &id).send().await.error(405, "method_not_allowed");
    assert!(a.requests().is_empty());
    let counted =
        router.metric(r#"router_requests_total{endpoint="stored_responses",group="",status="completed""#).await;
    assert_eq!(counted, 4.0, "calls without a row are counted");

    let failing = SimProvider::start().await.on_path("/v1/responses/", Script::status(404)).then(Script::status(401));
    let router = setup().channel("only", &failing).start().await;
    let id = router.id_of(MODEL, json!({})).await;
    router.stored("GET", &id).send().await.error(404, "not_found");
    let refused = router.stored("GET", &id).send().await;
    assert_eq!(refused.status(), 503, "the provider's 401 is not the client's: {}", refused.text());
}

#[tokio::test]
async fn what_one_instance_made_another_on_the_same_database_knows() {
    let Ok(database) = std::env::var("SMART_AI_ROUTER_TEST_PG") else {
        return eprintln!("SMART_AI_ROUTER_TEST_PG is not set: two instances cannot share a database");
    };
    let (a, b) = (SimProvider::start().await, SimProvider::start().await);
    let master = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let setup = setup().env("DATABASE_URL", &database).env("SMART_AI_ROUTER_MASTER_KEY", master);
    let setup = setup.channel("a", &a).channel("b", &b);
    let (one, two) = (setup.clone().start().await, setup.start().await);

    let id = one.id_of(&format!("channel:b/{MODEL}"), json!({})).await;
    eventually("the id of the other instance", async || {
        let read = two.stored("GET", &id).send().await;
        (read.status() == 200).then_some(())
    })
    .await;
    let next = two.after(&id).send().await;
    assert_eq!((next.status(), next.header("x-router-channel")), (200, "b"), "{}", next.text());
    assert!(a.requests().is_empty(), "another account was asked");
}

#[tokio::test]
async fn what_nobody_keeps_is_not_known() {
    let provider = SimProvider::start().await;
    let setup = setup()
        .system(json!({"providers": {"plain": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}}}));
    let router =
        setup.channel("keeps", &provider).channel("plain", &provider).and(json!({"provider": "plain"})).start().await;
    for (model, more) in [
        (format!("channel:keeps/{MODEL}"), json!({"store": false})),
        (format!("channel:keeps/{MODEL}"), json!({"store": false, "stream": true})),
        (format!("channel:plain/{MODEL}"), json!({})),
        (format!("channel:plain/{MODEL}"), json!({"stream": true})),
    ] {
        let id = router.id_of(&model, more).await;
        router.after(&id).send().await.error(400, "invalid_value");
    }
}

#[tokio::test]
async fn a_keeper_that_is_gone_or_has_no_such_model_is_told() {
    let provider = SimProvider::start().await;
    let both = setup().channel("a", &provider).channel("b", &provider);
    let off = both.clone().and(json!({"enabled": false}));
    let gone = setup().channel("a", &provider);
    let other_key = both.clone().and(json!({"api_keys": [{"name": "new", "value": "sk-new"}]}));
    let router = both.start().await;
    let id = router.id_of(&format!("channel:b/{MODEL}"), json!({})).await;
    let other = router.ask(&format!("channel:a/{MODEL}"), json!({"previous_response_id": id})).send().await;
    let error = other.error(400, "invalid_value");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("does not serve")), "{error}");
    for (setup, why) in [
        (off, "is disabled"),
        (other_key, "the key of the channel `b`"),
        (gone, "`b`, which keeps it, does not exist any more"),
    ] {
        router.write(&setup.yaml().replace("${CLIENT_KEY_1}", "${CLIENT_KEY_0}"));
        router.hang_up();
        eventually(why, async || {
            let reply = router.after(&id).send().await;
            reply.text().contains(why).then(|| reply.error(400, "invalid_value"))
        })
        .await;
    }
}

#[tokio::test]
async fn background_work_is_no_empty_answer() {
    let queued = json!({"id": "resp_background", "object": "response", "status": "queued", "store": true, "output": [], "error": null});
    let (a, b) = (SimProvider::start().await, SimProvider::start().await);
    let (a, b) = (a.on_any(Script::json(200, &queued)), b.on_any(Script::json(200, &queued)));
    let router = setup().channel("a", &a).channel("b", &b).start().await;
    let body = json!({"background": true, "max_output_tokens": 100});
    assert_eq!(router.id_of(ORDERED, body).await, "resp_background");
    assert!(b.requests().is_empty(), "the work was given out twice");
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.output), ("completed", 100), "booked at what it may cost");
    router.stored("GET", "resp_background").send().await;
    let asked = a.last_request().expect("a request");
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/v1/responses/resp_background"));
    // Where nobody asked for it, it is no answer.
    router.ask(ORDERED, json!({})).send().await.error(502, "upstream_bad_response");
}

/// Of two attempts that ran at a time the one that answered keeps the state, after a restart too.
#[tokio::test]
async fn what_the_first_of_two_attempts_made_stays_with_it() {
    let first = SimProvider::start().await.on_any(Script::ok().delay(std::time::Duration::from_secs(1)));
    let second = SimProvider::start().await.on_any(Script::hang());
    let setup = setup().system(json!({"failover": {"hedge_after": "20ms", "hedge_budget": 1.0}}));
    let mut router = setup.channel("first", &first).channel("second", &second).start().await;
    let id = router.id_of(ORDERED, json!({})).await;
    assert_eq!(router.row().await.outcomes(), [("first", "completed"), ("second", "outrun")]);
    router.restart().await;
    first.set(Script::ok());
    let reply = router.after(&id).send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "first"), "{}", reply.text());
}
