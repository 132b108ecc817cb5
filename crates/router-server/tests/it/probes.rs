//! Questions of the router's own that cost something: whom they are asked, what comes of it, and that they never cost more than
//! they may.

use router_store::{Store, StoreOptions};
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{ADMIN, MODEL, Row, Setup, TestRouter, eventually};

const ASKER: &str = "router:health_check";

/// Everything stays away for long, and questions may cost so much a day.
fn slow(daily_cost_limit: f64) -> Value {
    json!({
        "breaker": {"failure_threshold": 1, "open_for": "1h"},
        "cooldown": {"temporary": "30m", "max": "2h"},
        "jobs": {"health_check": {"daily_cost_limit": daily_cost_limit}},
    })
}

/// A bad channel before a good one.
fn setup(bad: &SimProvider, good: &SimProvider, daily_cost_limit: f64) -> Setup {
    TestRouter::setup().channel("bad", bad).channel("good", good).system(slow(daily_cost_limit))
}

async fn run(router: &TestRouter) -> Value {
    let reply = router.call("POST", "/admin/v1/jobs/health_check/run").bearer(ADMIN).send().await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.json()["done"].clone()
}

/// Runs the job until it has asked somebody a question that costs: an open breaker lets one through about once a second.
async fn asked(router: &TestRouter) -> Value {
    eventually("a question", async || run(router).await["probes"].as_array().filter(|asked| !asked.is_empty()).cloned())
        .await
        .into_iter()
        .next()
        .expect("one")
}

/// The next request is served by the good channel, after so many attempts.
async fn served(router: &TestRouter, channel: &str, attempts: &str) {
    let reply = router.chat().send().await;
    let seen = (reply.status(), reply.header("x-router-channel"), reply.header("x-router-attempts"));
    assert_eq!(seen, (200, channel, attempts), "{}", reply.text());
}

#[tokio::test]
async fn a_model_that_failed_is_asked_until_it_serves_again() {
    let (bad, good) = (SimProvider::start().await.on_any(Script::status(500)), SimProvider::start().await);
    let router = setup(&bad, &good, 1.0).start().await;
    assert_eq!(run(&router).await, json!({"channels": [], "probes": []}), "all is well: nobody is asked");
    served(&router, "good", "2").await;
    bad.forget();

    let told = asked(&router).await;
    assert_eq!((&told["channel"], &told["model"]), (&json!("bad"), &json!(MODEL)));
    assert_eq!(told["outcome"], "upstream_error", "it still fails");
    let [question] = &bad.requests()[..] else { panic!("one question, and no list for a single model") };
    let question = (question.path.clone(), serde_json::from_slice::<Value>(&question.body).expect("JSON"));
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 16});
    assert_eq!(question, ("/v1/chat/completions".to_owned(), body));
    served(&router, "good", "1").await;

    bad.set(Script::ok());
    let told = asked(&router).await;
    assert_eq!(told["outcome"], "ok");
    assert_eq!(router.metrics().await[r#"router_channel_state{channel="bad"}"#], 1.0, "it needs two successes");
    assert_eq!(asked(&router).await["outcome"], "ok");
    served(&router, "bad", "1").await;
    assert_eq!(run(&router).await["probes"], json!([]), "it is back");

    let rows = router.rows(6).await;
    let (probes, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.key == ASKER);
    assert_eq!((probes.len(), others.len()), (3, 3));
    let cost = probes.last().map(|row| row.cost).expect("a row");
    assert!(cost > 0 && probes.iter().all(|row| row.flags.contains(&"health_check".to_owned())), "{probes:#?}");
    assert!(probes.iter().all(|row| row.attempts.len() == 1 && row.reserved >= row.cost), "{probes:#?}");
    assert_eq!(told["request"], json!(probes[1].id));
    assert_eq!(told["cost_usd"], json!(router_core::money::Nano(cost).to_string()));
    let asked = json!({"from": "2020-01-01"});
    let report = router.call("POST", "/admin/v1/routing/backtest").bearer(ADMIN).json(&asked).send().await.json();
    assert_eq!((&report["requests"], &report["same_choice"]), (&json!(3), &json!(3)), "no policy chose: {report:#}");
    let metrics = router.metrics().await;
    let requests = router.metric("router_requests_total{").await;
    assert!((requests - 3.0).abs() < f64::EPSILON, "a question is no client's request: {requests}");
    let timed = router.metric(r#"router_time_to_first_token_seconds_count{provider="sim",channel="bad""#).await;
    assert!((timed - 1.0).abs() < f64::EPSILON, "nor is it as slow or as quick as one: {timed}");
    let used = metrics[&format!(r#"router_budget_used_ratio{{scope="key",name="{ASKER}",period="day"}}"#)];
    assert!((used - 2.0 * cost as f64 / 1e9).abs() < 1e-9, "{used}");
}

#[tokio::test]
async fn without_a_limit_of_cost_nobody_is_asked_anything_that_costs() {
    let (bad, good) = (SimProvider::start().await.on_any(Script::status(500)), SimProvider::start().await);
    let router = setup(&bad, &good, 0.0).start().await;
    served(&router, "good", "2").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(run(&router).await["probes"], json!([]));
    assert_eq!((bad.stats().requests, router.rows(1).await.len()), (1, 1));
}

#[tokio::test]
async fn a_day_never_costs_more_than_its_limit_also_over_a_restart() {
    let cent = json!([{"name": MODEL, "price": {"input": 0.0, "output": 0.0, "per_request": 0.01}}]);
    let (bad, good) = (SimProvider::start().await.on_any(Script::status(500)), SimProvider::start().await);
    let setup = TestRouter::setup().channel("bad", &bad).models(cent.clone()).channel("good", &good).models(cent);
    let mut router = setup.system(slow(0.015)).start().await;
    served(&router, "good", "2").await;
    bad.set(Script::ok());
    assert_eq!(asked(&router).await["outcome"], "ok", "one cent of one and a half");
    let told = asked(&router).await;
    assert_eq!((&told["outcome"], &told["request"]), (&json!("no_budget"), &Value::Null));
    assert_eq!((bad.stats().requests, router.rows(2).await.len()), (2, 2), "what is not sent has no row");

    router.restart().await;
    bad.set(Script::status(500));
    served(&router, "good", "2").await;
    assert_eq!(asked(&router).await["outcome"], "no_budget", "a restart grants nothing anew");
    assert_eq!(bad.stats().requests, 3);

    router.stop().await;
    let url = format!("sqlite://{}", router.data_dir().join("router.db").display());
    let store = Store::open(&url, StoreOptions::default()).await.expect("the database");
    assert_eq!(store.budget_differences().await.expect("the books"), [], "ledger and counters agree");
    let today = store.budget_spent(&[today()]).await.expect("the books");
    let today: Vec<_> =
        today.iter().map(|spent| (&*spent.scope.scope_kind, &*spent.scope.scope_id, spent.posted_nano)).collect();
    assert_eq!(today, [("key", ASKER, 10_000_000)], "and the counter with the rows");
}

fn today() -> String {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

#[tokio::test]
async fn budgets_of_channel_and_router_bind_it_too() {
    let priced = |usd: f64| json!([{"name": MODEL, "price": {"input": 0.0, "output": 0.0, "per_request": usd}}]);
    let of_channel = json!({"limits": {"daily_budget": 0.015}});
    for (channel, system) in [(of_channel, json!({})), (json!({}), json!({"budgets": {"daily": 0.015}}))] {
        let (bad, good) = (SimProvider::start().await.on_any(Script::status(500)), SimProvider::start().await);
        let setup = TestRouter::setup().channel("bad", &bad).models(priced(0.01)).and(channel);
        let setup = setup.channel("good", &good).models(priced(0.0)).system(slow(1.0)).system(system);
        let router = setup.start().await;
        served(&router, "good", "2").await;
        bad.set(Script::ok());
        assert_eq!(asked(&router).await["outcome"], "ok");
        assert_eq!(asked(&router).await["outcome"], "no_budget");
        assert_eq!(bad.stats().requests, 2);
    }
}

#[tokio::test]
async fn an_unknown_price_is_never_asked_for() {
    let (bad, good) = (SimProvider::start().await.on_any(Script::status(500)), SimProvider::start().await);
    let unpriced = json!([{"name": MODEL}]);
    let setup = TestRouter::setup().channel("bad", &bad).models(unpriced).channel("good", &good);
    let router = setup.system(slow(1.0)).system(json!({"budgets": {"unknown_price": "free"}})).start().await;
    served(&router, "good", "2").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(run(&router).await["probes"], json!([]));
    assert_eq!(bad.stats().requests, 1);
}

#[tokio::test]
async fn an_account_that_was_out_of_money_is_back_once_it_is_paid() {
    let (bad, good) = (SimProvider::start().await.on_any(Script::status(402)), SimProvider::start().await);
    let router = setup(&bad, &good, 1.0).start().await;
    served(&router, "good", "2").await;
    let outcome = asked(&router).await["outcome"].clone();
    assert_eq!(outcome, "no_channel_available", "a refused key is never the client's affair");
    served(&router, "good", "1").await;
    bad.set(Script::ok());
    assert_eq!(asked(&router).await["outcome"], "ok");
    served(&router, "bad", "1").await;
}

#[tokio::test]
async fn a_time_that_the_provider_has_named_is_waited_for() {
    let limited = Script::rate_limited(Some(600));
    let (bad, good) = (SimProvider::start().await.on_any(limited), SimProvider::start().await);
    let router = setup(&bad, &good, 1.0).start().await;
    served(&router, "good", "2").await;
    assert_eq!(run(&router).await, json!({"channels": [], "probes": []}));
    assert_eq!(bad.stats().requests, 1);
}

#[tokio::test]
async fn where_a_list_tells_nothing_the_cheapest_model_is_asked() {
    let moved = Script::redirect("http://127.0.0.1:9/");
    let bad = SimProvider::start().await.on_any(moved).on_path("/v1/models", Script::status(404));
    let good = SimProvider::start().await;
    let models = json!([
        {"name": MODEL, "price": {"input": 1.0, "output": 2.0}},
        {"name": "sim-dear", "price": {"input": 10.0, "output": 20.0}},
        {"name": "sim-cheap", "price": {"input": 0.1, "output": 0.2}},
        {"name": "sim-unpriced"},
    ]);
    let setup = TestRouter::setup().channel("bad", &bad).models(models).channel("good", &good);
    let router = setup.system(slow(1.0)).start().await;
    served(&router, "good", "2").await;
    bad.set(Script::ok());
    let done = eventually("a question", async || {
        let done = run(&router).await;
        (done["probes"] != json!([])).then_some(done)
    })
    .await;
    assert_eq!(done["channels"], json!([{"channel": "bad", "outcome": "model_unavailable"}]));
    assert_eq!((&done["probes"][0]["model"], &done["probes"][0]["outcome"]), (&json!("sim-cheap"), &json!("ok")));
}
