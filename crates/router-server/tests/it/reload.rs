//! Configuration that changes while the router runs: a broken file changes nothing, a good one counts at once.

use router_testkit::SimProvider;
use serde_json::json;

use crate::support::{MODEL, TestRouter, eventually};

const FAILED: &str = r#"router_config_reloads_total{outcome="failed"}"#;

fn models(names: &[&str]) -> serde_json::Value {
    names.iter().map(|name| json!({"name": name, "price": {"input": 1.0, "output": 2.0}})).collect()
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_a_good_one_counts() {
    let provider = SimProvider::start().await;
    let setup = || TestRouter::setup().channel("only", &provider);
    let router = setup().models(models(&[MODEL])).start().await;
    assert_eq!(router.chat().send().await.status(), 200);

    router.write("channels:\n  - name: only\n    provider: [\n");
    eventually("a failed reload", async || (router.metric(FAILED).await >= 1.0).then_some(())).await;
    assert_eq!(router.chat().send().await.status(), 200);
    let health = router.get("/health").await;
    assert_eq!((health.status(), &health.json()["status"]), (200, &json!("degraded")));
    let said = health.json()["config_error"].as_str().expect("a reason").to_owned();
    assert!(said.contains("router.yaml:"), "{said}");
    assert_eq!(router.get("/health/ready").await.status(), 200);

    router.write(&setup().models(models(&[MODEL, "sim-new"])).yaml());
    eventually("the new model", async || (router.chat().model("sim-new").send().await.status() == 200).then_some(()))
        .await;
    assert_eq!(router.get("/health").await.json()["config_error"], json!(null));
    assert_eq!(router.metric(FAILED).await, 1.0, "a broken file is told once");

    let calls = router.metric("router_requests_total").await as usize;
    let rows = router.rows(calls).await;
    let version = |model: &str| rows.iter().rfind(|row| row.model == model && row.status == "completed");
    let old = rows[0].config_version;
    let new = version("sim-new").expect("a row").config_version;
    assert!(old >= 1 && new > old, "{old} then {new}");
    assert_eq!(rows[1].config_version, old, "the broken file has no number");
}

#[tokio::test]
async fn sighup_reloads_at_once() {
    let provider = SimProvider::start().await;
    let setup = || TestRouter::setup().channel("only", &provider);
    let router = setup().models(models(&[MODEL])).start().await;
    for (round, broken) in [(1.0, true), (2.0, true)] {
        router.write("server: { prot: 1 }\n");
        router.hang_up();
        eventually("a failed reload", async || (router.metric(FAILED).await >= round).then_some(broken)).await;
    }
    router.write(&setup().models(models(&["sim-new"])).yaml());
    router.hang_up();
    eventually("the new model", async || (router.chat().model("sim-new").send().await.status() == 200).then_some(()))
        .await;
    router.chat().model(MODEL).send().await.error(404, "model_not_found");
}

#[tokio::test]
async fn a_request_that_runs_keeps_the_world_it_began_in() {
    let provider = SimProvider::start().await.on_any(router_testkit::Script::hang()).then(router_testkit::Script::ok());
    let setup = || TestRouter::setup().channel("only", &provider);
    let router = setup().models(models(&[MODEL])).start().await;
    let link = router.chat().send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
    router.write(&setup().models(models(&["sim-new"])).yaml());
    router.hang_up();
    eventually("the new model", async || (router.chat().model("sim-new").send().await.status() == 200).then_some(()))
        .await;
    assert_eq!(provider.stats().in_flight, 1);
    drop(link);
    provider.wait_until(|stats| stats.in_flight == 0).await.expect("the call is cancelled");
}
