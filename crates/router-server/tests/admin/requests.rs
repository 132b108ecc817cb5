//! The request log over the API: the agreed row, filters, pages, and rows of others that do not exist.

use router_core::ask::Ask;
use router_core::ids::RequestId;
use router_core::routing::{Moment, NoLive, decide, resolve};
use router_store::{AttemptRecord, RequestRecord, RequestStatus, TokenCounts, TokensSource};
use serde_json::{Value, json};

use crate::control::{ADMIN, TestControl, USER, VIEWER};

const LIST: &str = "/admin/v1/requests";

async fn record(control: &TestControl, n: i64, key: &str) -> RequestRecord {
    RequestRecord {
        id: format!("req_{n:04}"),
        client_request_id: Some(format!("mine-{n}")),
        key_id: control.key_id(key).await.into(),
        key_name: key.to_owned().into(),
        endpoint: "chat_completions".into(),
        dialect: "openai_chat".into(),
        model: if n % 2 == 0 { "auto:fast" } else { "gpt-4o" }.to_owned(),
        group: (n % 2 == 0).then(|| "auto:fast".into()),
        channel: Some("main".into()),
        provider: Some("openai".into()),
        upstream_model: Some("gpt-4o-2024-08-06".into()),
        status: if n % 3 == 0 { RequestStatus::Error } else { RequestStatus::Completed },
        attempts: vec![AttemptRecord {
            n: 1,
            channel: "main".into(),
            upstream_model: "gpt-4o-2024-08-06".into(),
            provider: "openai".into(),
            provider_key_id: Some("main/0".into()),
            started_at: 1_795_000_000_000 + n,
            ended_at: 1_795_000_000_500 + n,
            outcome: "ok".into(),
            detail: Some("the provider's words".to_owned()),
            ..AttemptRecord::default()
        }],
        tokens: TokenCounts { input: 100, cached_input: 40, cache_write: 0, output: 20, reasoning: 5 },
        tokens_source: TokensSource::Reported,
        cost_nano: 1_000_000_001,
        reserved_nano: 2_000_000_000,
        latency_ms: 500,
        created_at: 1_795_000_000_000 + n,
        decision: Some(r#"{"s":"balanced","n":1,"c":[]}"#.into()),
        ..RequestRecord::default()
    }
}

async fn filled() -> TestControl {
    let control = TestControl::start().await;
    for n in 0..6 {
        let record = record(&control, n, if n < 4 { "user" } else { "other" }).await;
        control.keep(record).await;
    }
    control
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn rows_have_the_agreed_shape() {
    let control = filled().await;
    let row = control.get(&format!("{LIST}/req_0002"), VIEWER).await.json();
    for (field, value) in [
        ("client_request_id", json!("mine-2")),
        ("key", json!("user")),
        ("model", json!("auto:fast")),
        ("group", json!("auto:fast")),
        ("status", json!("completed")),
        ("cost_usd", json!("1.000000001")),
        ("reserved_usd", json!("2.000000000")),
        ("tokens", json!({ "input": 100, "cached_input": 40, "cache_write": 0, "output": 20, "reasoning": 5 })),
        ("tokens_source", json!("reported")),
        ("ttft_ms", Value::Null),
        ("created_at", json!("2026-11-18T11:06:40.002Z")),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    let decision = control.get(&format!("{LIST}/req_0002/decision"), VIEWER).await.json();
    assert_eq!(decision["decision"]["s"], "balanced");
}

#[tokio::test]
async fn pages_and_filters_give_the_newest_first() {
    let control = filled().await;
    let all = ["req_0005", "req_0004", "req_0003", "req_0002", "req_0001", "req_0000"];
    for (query, found) in [
        ("", all.to_vec()),
        ("?key=other", vec!["req_0005", "req_0004"]),
        ("?key=nobody", vec![]),
        ("?model=gpt-4o&status=completed", vec!["req_0005", "req_0001"]),
        ("?group=auto:fast&status=error", vec!["req_0000"]),
        ("?channel=other", vec![]),
        ("?q=mine-3", vec!["req_0003"]),
        ("?q=mine-%25", vec![]),
        ("?from=2026-11-18T11:06:40.004Z", vec!["req_0005", "req_0004"]),
        ("?to=2026-11-18T11:06:40.001Z", vec!["req_0000"]),
    ] {
        let rows = control.get(&format!("{LIST}{query}"), ADMIN).await.data();
        assert_eq!(ids(&rows), found, "{query}");
    }
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = control.get(&format!("{LIST}?limit=4{cursor}"), ADMIN).await;
        walked.extend(page.data());
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ids(&walked), all);
}

#[tokio::test]
async fn rows_of_another_key_do_not_exist_for_a_user() {
    let control = filled().await;
    let own = control.get(LIST, USER).await.data();
    assert_eq!(ids(&own), ["req_0003", "req_0002", "req_0001", "req_0000"]);
    for row in &own {
        let text = row.to_string();
        assert!(!text.contains("the provider's words") && !text.contains("main/0"), "{text}");
    }
    let other = control.key_id("other").await;
    for query in [format!("?key={other}"), "?key=other".to_owned(), "?key=nobody".to_owned(), "?q=req_0005".to_owned()]
    {
        let answer = control.get(&format!("{LIST}{query}"), USER).await;
        assert_eq!(answer.text, r#"{"data":[],"next_cursor":null}"#, "{query}");
    }
    for path in ["req_0005", "req_0005/decision", "req_0004"] {
        let foreign = control.get(&format!("{LIST}/{path}"), USER).await;
        let missing = control.get(&format!("{LIST}/{}", path.replace("req_000", "req_999")), USER).await;
        assert_eq!((foreign.status, &foreign.text), (404, &missing.text), "{path}");
    }
    assert_eq!(control.get(&format!("{LIST}/req_0003"), USER).await.json()["key"], "user");
}

#[tokio::test]
async fn a_stored_decision_is_computed_again_with_something_changed() {
    let control = TestControl::start().await;
    let id = RequestId::from_bytes([7; 16]);
    let mut decision = String::new();
    let ask = Ask { model: "gpt-4o-mini".to_owned(), strategy: Some("balanced".to_owned()), ..Ask::default() };
    {
        let snapshot = control.app.snapshot.load();
        let target = resolve(&snapshot.core, None, &ask.model).expect("a model");
        let at = Moment { now_ms: 1_795_000_000_000, seed: id.seed(), sequence: 3 };
        decide(&snapshot.core, &target, &ask, &NoLive, at).compact_json(&snapshot.core, &ask, &mut decision);
    }
    let row = RequestRecord { id: id.to_string(), model: ask.model, ..record(&control, 7, "user").await };
    control.keep(RequestRecord { decision: Some(decision.into()), ..row.clone() }).await;
    control.keep(record(&control, 8, "user").await).await;

    let path = format!("{LIST}/{id}/whatif");
    let ask = async |key: &str, body: Value| control.call("POST", &path, Some(key), &[], Some(&body)).await;
    let same = ask(USER, json!({})).await.json();
    let winner = same["recorded"].as_str().expect("a winner").to_owned();
    assert_eq!((&same["chosen"], &same["id"]), (&json!(winner), &json!(id.to_string())));
    let (channel, _) = winner.split_once('/').expect("CHANNEL/MODEL");
    let other = if channel == "main" { "spare/gpt-4o-mini" } else { "main/gpt-4o-mini" };

    let without = ask(ADMIN, json!({ "without": [channel] })).await.json();
    assert_eq!(without["chosen"], other);
    assert_eq!(without["summary"], format!("{other} instead of {winner}, which would not be there"));
    assert_eq!(without["order"].as_array().map(Vec::len), Some(1));
    let dear = ask(VIEWER, json!({ "prices": { channel: 3.0 } })).await.json();
    assert_eq!((&dear["chosen"], &dear["of_today"]), (&json!(other), &json!([])));
    let quick = ask(VIEWER, json!({ "strategy": "quality_optimized" })).await;
    assert_eq!(quick.status, 200, "{quick:?}");
    assert!(ask(VIEWER, json!({ "strategy": "priority" })).await.json()["chosen"].is_string());

    for (body, told) in [
        (json!({ "weights": { "luck": 1 } }), "was not a layer"),
        (json!({ "weights": { "effective_cost": -1 } }), "a finite number"),
        (json!({ "without": ["nobody"] }), "could not be tried"),
        (json!({ "without": "main" }), "a list of CHANNEL"),
        (json!({ "strategy": "luck" }), "is no strategy"),
        (json!({ "models": [] }), "there is no such field; allowed: weights, strategy, prices, without"),
    ] {
        let answer = ask(ADMIN, body.clone()).await;
        assert_eq!(answer.code(), "invalid_value", "{body}");
        assert!(answer.text.contains(told), "{body}: {}", answer.text);
    }
    let unreadable = control.send("POST", &format!("{LIST}/req_0008/whatif"), &json!({})).await;
    assert!(unreadable.text.contains("the stored decision cannot be read"), "{}", unreadable.text);
}
