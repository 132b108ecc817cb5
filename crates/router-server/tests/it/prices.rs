//! Dynamic prices in a running router: routing compares other prices than the books hold, and says so.

use router_testkit::SimProvider;
use serde_json::json;

use crate::support::{ADMIN, MODEL, TestRouter, eventually};

#[tokio::test]
async fn policies_move_traffic_and_leave_the_books_alone() {
    let (near, far) = (SimProvider::start().await, SimProvider::start().await);
    let setup = || {
        TestRouter::setup()
            .channel("near", &near)
            .channel("far", &far)
            .and(json!({"region": "mars-1"}))
            .models(json!([{"name": MODEL, "price": {"input": 1.1, "output": 2.2}}]))
            .group("cheap", json!({"strategy": "cost_optimized", "select": {"models": ["sim-*"]}}))
    };
    let router = setup().start().await;
    let ask = |router: &TestRouter| router.chat().model("cheap");
    let before = ask(&router).send().await;
    assert_eq!((before.status(), before.header("x-router-channel")), (200, "near"), "{}", before.text());
    let policies = json!({
        "regional": [{"name": "mars-week", "regions": ["mars-*"], "multiplier": 0.5}],
        "events": [{"name": "gone", "until": "2020-01-01", "multiplier": 0.1}],
    });
    router.write(&setup().system(json!({"pricing_policies": policies})).yaml());
    let after = eventually("the policy", async || {
        let reply = ask(&router).send().await;
        (reply.header("x-router-channel") == "far").then_some(reply)
    });
    let after = after.await;
    let (cheap, dear): (f64, f64) =
        (before.header("x-router-cost").parse().expect("USD"), after.header("x-router-cost").parse().expect("USD"));
    assert!((dear / cheap - 1.1).abs() < 0.01, "the books hold the real price: {cheap} {dear}");
    let question = json!({"model": "cheap", "messages": [{"role": "user", "content": "Hello"}]});
    let explained = router.call("POST", "/admin/v1/routing/explain").bearer(ADMIN).json(&question).send().await.json();
    let price = &explained["candidates"][0]["price"];
    assert_eq!(
        (&explained["candidates"][0]["channel"], &price["policies"]),
        (&json!("far"), &json!(["mars-week ×0.5"]))
    );
    let (real, effective) = (price["real_usd"].as_f64().expect("USD"), price["effective_usd"].as_f64().expect("USD"));
    assert!((effective - real / 2.0).abs() < 1e-12, "{price}");
}

#[tokio::test]
async fn a_members_daily_limit_holds() {
    let (a, b) = (SimProvider::start().await, SimProvider::start().await);
    let router = TestRouter::setup()
        .channel("a", &a)
        .channel("b", &b)
        .group(
            "limited",
            json!({"strategy": "priority", "channels": [
                {"channel": "a", "model": "*", "daily_limit": 2}, {"channel": "b", "model": "*"}]}),
        )
        .start()
        .await;
    let mut served = Vec::new();
    for _ in 0..4 {
        served.push(router.chat().model("limited").send().await.header("x-router-channel").to_owned());
    }
    assert_eq!(served, ["a", "a", "b", "b"]);
    // the limit is the group's: the channel itself still serves
    assert_eq!(router.chat().send().await.header("x-router-channel"), "a");
}
