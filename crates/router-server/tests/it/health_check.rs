//! Looks at channels that are away: only those, only by what costs nothing, and real traffic decides the rest.

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{ADMIN, TestRouter, eventually};

async fn look(router: &TestRouter) -> Value {
    let reply = router.call("POST", "/admin/v1/jobs/health_check/run").bearer(ADMIN).send().await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let run = reply.json();
    assert_eq!((&run["outcome"], &run["tries"]), (&json!("ok"), &json!(1)), "{run}");
    run["done"]["channels"].clone()
}

#[tokio::test]
async fn a_channel_that_could_not_be_reached_is_back_after_a_look() {
    let provider = SimProvider::start().await;
    let address = provider.address();
    provider.stop().await;
    let other = SimProvider::start().await;
    let slow =
        json!({"breaker": {"failure_threshold": 1, "open_for": "1h"}, "cooldown": {"temporary": "30m", "max": "2h"}});
    let setup = TestRouter::setup().channel_at("first", &format!("http://{address}/v1")).channel("other", &other);
    let router = setup.system(slow).start().await;
    assert_eq!(look(&router).await, json!([]), "all is well: nobody is asked");
    for attempts in ["2", "1"] {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.header("x-router-attempts")), (200, attempts));
    }
    let away = r#"router_channel_state{channel="first"}"#;
    assert_eq!(router.metrics().await[away], 0.0);
    assert_eq!(look(&router).await, json!([{"channel": "first", "outcome": "connect"}]), "it is still away");
    assert_eq!(router.metrics().await[away], 0.0);

    let provider = SimProvider::builder().listen(address).start().await.expect("the address is free again");
    assert_eq!(look(&router).await, json!([{"channel": "first", "outcome": "ok"}]));
    let asked: Vec<_> = provider.requests().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(asked, ["GET /v1/models"], "its list of models was asked for, and nothing that costs");
    assert_eq!(router.metrics().await[away], 1.0, "real traffic probes it");
    for state in [1.0, 2.0] {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "first"));
        assert_eq!(router.metrics().await[away], state);
    }
    assert_eq!(look(&router).await, json!([]), "it is back");
}

#[tokio::test]
async fn the_last_runs_are_known_after_a_restart() {
    let provider = SimProvider::start().await;
    let mut router = TestRouter::setup().channel("only", &provider).start().await;
    for _ in 0..2 {
        look(&router).await;
    }
    let runs = async |router: &TestRouter| router.admin("/admin/v1/jobs/health_check").await.json()["runs"].clone();
    let before = runs(&router).await;
    assert_eq!(before.as_array().map(Vec::len), Some(2), "{before}");
    router.restart().await;
    eventually("the runs", async || (runs(&router).await == before).then_some(())).await;
}

#[tokio::test]
async fn what_a_list_cannot_tell_is_left_to_real_traffic() {
    // The account is out of money; its list of models is free.
    let first = SimProvider::start().await.on_any(Script::status(402));
    let other = SimProvider::start().await;
    let router = TestRouter::setup().channel("first", &first).channel("other", &other).start().await;
    assert_eq!(router.chat().send().await.header("x-router-attempts"), "2");
    assert_eq!(look(&router).await, json!([]));
    assert_eq!(router.chat().send().await.header("x-router-channel"), "other");
}
