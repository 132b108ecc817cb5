//! What serves, what would be decided, and the configuration behind it.

use router_core::ask::Endpoint;
use serde_json::{Value, json};

use crate::control::{ADMIN, OK, PROVIDER_SECRET, TestControl, USER, VIEWER};

#[tokio::test]
async fn channels_show_their_state_but_never_a_secret() {
    let control = TestControl::start().await;
    let answer = control.get("/admin/v1/channels?provider=openai", VIEWER).await;
    let rows = answer.data();
    let names: Vec<&Value> = rows.iter().map(|row| &row["name"]).collect();
    assert_eq!(names, [&json!("main"), &json!("spare")]);
    let main = &rows[0];
    assert_eq!((&main["status"], &main["live"]["in_flight"]), (&json!("ok"), &json!(0)));
    assert_eq!(main["keys"][0]["last4"], PROVIDER_SECRET[PROVIDER_SECRET.len() - 4..]);
    assert!(main["keys"][0]["fingerprint"].as_str().is_some_and(|text| !text.is_empty()));

    let side = control.app.snapshot.load();
    side.channels()
        .iter()
        .find(|side| &*side.name.name.0 == "main")
        .expect("main")
        .cell
        .state
        .health
        .cooldown
        .hold_until(u64::MAX / 4);
    drop(side);
    let cooling = control.get("/admin/v1/channels?status=cooling", VIEWER).await.data();
    assert_eq!((cooling.len(), &cooling[0]["name"]), (1, &json!("main")));
    assert_eq!(control.get("/admin/v1/channels/main", VIEWER).await.json()["status"], "cooling");
    assert_eq!(control.get("/admin/v1/channels/none", VIEWER).await.code(), "not_found");

    for path in [
        "channels",
        "channels/main",
        "providers",
        "providers/openai",
        "model-groups",
        "model-groups/auto:fast",
        "config/versions",
        "config/versions/current",
        "keys",
    ] {
        let answer = control.get(&format!("/admin/v1/{path}"), ADMIN).await;
        assert_eq!(answer.status, OK, "{path}: {answer:?}");
        assert!(!answer.text.contains(PROVIDER_SECRET) && !answer.text.contains("sha256:"), "{path}");
    }
}

#[tokio::test]
async fn decisions_are_explained_for_whoever_asks() {
    let control = TestControl::start().await;
    let path = "/admin/v1/routing/explain";
    let ask = async |key: &str, body: Value| control.call("POST", path, Some(key), &[], Some(&body)).await;
    let told = ask(ADMIN, json!({ "model": "gpt-4o-mini", "strategy": "priority" })).await;
    assert_eq!(told.status, OK, "{told:?}");
    assert_eq!(told.json()["chosen"]["channel"], "main");
    assert_eq!(told.json()["candidates"].as_array().map(Vec::len), Some(2));
    let body = json!({ "model": "gpt-4o-mini", "body": { "messages": [{ "role": "user", "content": "hello" }] } });
    assert_eq!(ask(USER, body).await.status, OK);

    for endpoint in Endpoint::ALL {
        let answer = ask(ADMIN, json!({ "model": "gpt-4o-mini", "endpoint": endpoint.as_str() })).await;
        assert_eq!(answer.status, OK, "{endpoint:?}: {answer:?}");
    }
    let body = json!({ "input": "hello", "max_output_tokens": 10 });
    assert_eq!(ask(ADMIN, json!({ "model": "gpt-4o-mini", "endpoint": "responses", "body": body })).await.status, OK);
    let body = json!({ "input": "hello" });
    assert_eq!(
        ask(ADMIN, json!({ "model": "gpt-4o-mini", "endpoint": "count_tokens", "body": body })).await.status,
        OK
    );

    for (key, body, code) in [
        (ADMIN, json!({ "model": "gpt-4o-mini", "key": "declared" }), ""),
        (ADMIN, json!({ "model": "gpt-4o", "key": "declared" }), "model_not_found"),
        (ADMIN, json!({ "model": "gpt-4o", "key": "nobody" }), "not_found"),
        (USER, json!({ "model": "gpt-4o", "key": "declared" }), "not_found"),
        (USER, json!({ "model": "gpt-4o", "key": "user" }), ""),
        (ADMIN, json!({ "model": "gpt-4o-minj" }), "model_not_found"),
        (ADMIN, json!({ "messages": [] }), "missing_required_parameter"),
        (ADMIN, json!({ "model": "gpt-4o", "strategy": "luck" }), "invalid_value"),
        (ADMIN, json!({ "model": "gpt-4o", "max_cost": "cheap" }), "invalid_value"),
        (ADMIN, json!({ "model": "gpt-4o", "endpoint": "telex" }), "invalid_value"),
        (ADMIN, json!({ "model": "gpt-4o", "body": {}, "temperature": 1 }), "invalid_value"),
    ] {
        let answer = ask(key, body.clone()).await;
        if code.is_empty() {
            assert_eq!(answer.status, OK, "{body}: {answer:?}");
        } else {
            assert_eq!(answer.code(), code, "{body}");
        }
    }
    assert!(ask(ADMIN, json!({ "model": "gpt-4o-minj" })).await.text.contains("gpt-4o-mini"), "names what looks alike");
}

#[tokio::test]
async fn a_reload_takes_over_what_is_right_and_nothing_else() {
    let control = TestControl::start().await;
    let before = control.get("/admin/v1/config/versions", VIEWER).await.data();
    assert_eq!((before.len(), &before[0]["serving"]), (1, &json!(true)));

    let text = std::fs::read_to_string(&control.config).expect("the file");
    std::fs::write(&control.config, "chanels: []\n").expect("writable");
    let refused = control.send("POST", "/admin/v1/config/reload", &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "conflict"));
    assert!(refused.text.contains("did you mean `channels`"), "{}", refused.text);
    assert_eq!(control.get("/admin/v1/channels/spare", VIEWER).await.status, OK);

    std::fs::write(&control.config, text.replace("name: spare", "name: reserve")).expect("writable");
    let done = control.send("POST", "/admin/v1/config/reload", &json!({})).await;
    assert_eq!((done.status, &done.json()["changed"]), (OK, &json!(true)));
    assert_eq!(control.get("/admin/v1/channels/spare", VIEWER).await.status, 404);
    assert_eq!(control.get("/admin/v1/channels/reserve", VIEWER).await.status, OK);
    let after = control.get("/admin/v1/config/versions?limit=1", VIEWER).await;
    assert_eq!(after.data()[0]["number"], done.json()["version"]);
    let cursor = after.json()["next_cursor"].as_str().expect("one more").to_owned();
    let rest = control.get(&format!("/admin/v1/config/versions?cursor={cursor}"), VIEWER).await.data();
    assert_eq!(rest[0]["serving"], false);
}
