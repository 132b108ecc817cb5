//! The router at rest, before the cases and after them: O4, O5, O8 and O11.

use std::path::Path;

use router_testkit::SimProvider;
use serde_json::json;

use super::cases::CONTROL;
use super::secrets::Secrets;
use crate::support::{KEY, TestRouter, eventually};

/// Descriptors that may be more than before: those of connections that are just being closed.
const SPARE_DESCRIPTORS: usize = 4;
/// Tasks that may be more than before: one looks after each worker's idle connections.
const SPARE_TASKS: f64 = 8.0;
/// The most memory that it may ever take, KiB.
const MOST_KIB: u64 = 500_000_000 / 1024;
/// What is 0 when nothing runs.
const GAUGES: &[&str] =
    &["router_channel_in_flight", "router_requests_running", "router_requests_waiting", "router_request_body_bytes"];

/// What a router has open that does nothing.
#[derive(Debug)]
pub(super) struct Base {
    descriptors: usize,
    tasks: f64,
}

impl Base {
    pub(super) async fn of(router: &TestRouter) -> Self {
        Self { descriptors: descriptors(&router.proc()), tasks: router.metric("router_tasks").await }
    }

    /// O4: nobody panicked. O5: nothing runs any more, memory was bounded, descriptors and tasks are those of before.
    pub(super) async fn assert_again(&self, router: &TestRouter) {
        for gauge in GAUGES {
            eventually(gauge, async || (router.metric(gauge).await == 0.0).then_some(())).await;
        }
        eventually("the descriptors of before", async || {
            (descriptors(&router.proc()) <= self.descriptors + SPARE_DESCRIPTORS).then_some(())
        })
        .await;
        eventually("the tasks of before", async || {
            (router.metric("router_tasks").await <= self.tasks + SPARE_TASKS).then_some(())
        })
        .await;
        let most = most_kib(&router.proc());
        assert!(most < MOST_KIB, "{most} KiB");
        assert_eq!(router.metric("router_panics_total").await, 0.0);
    }
}

/// O8: a file that cannot be read comes while the cases run.
pub(super) async fn break_configuration(router: &TestRouter) {
    router.write("channels:\n  - name: neighbour\n    provider: [\n");
    let failed = r#"router_config_reloads_total{outcome="failed"}"#;
    eventually("a failed reload", async || (router.metric(failed).await >= 1.0).then_some(())).await;
}

/// O8: it has changed nothing but what the router says of it, and a good file ends that.
pub(super) async fn mend_configuration(router: &TestRouter, whole: &str) {
    assert_eq!(router.get("/health").await.json()["status"], "degraded");
    router.write(whole);
    eventually("a healthy router", async || (router.get("/health").await.json()["status"] == "ok").then_some(())).await;
}

/// O11: a request that is refused sends no byte to anybody. Gives how many were.
pub(super) async fn refuse(router: &TestRouter, secrets: &Secrets, providers: &[&SimProvider]) -> usize {
    let call = || router.chat().model(CONTROL);
    let refused = [
        (call().without("authorization"), 401),
        (call().bearer("sk-router-nobody-0123456789"), 401),
        (call().header("x-api-key", "sk-router-nobody-0123456789"), 400),
        (call().model("sim-unknown"), 404),
        (call().model("channel:neighbour/sim-unknown"), 404),
        (call().raw(format!(r#"{{"model": "{CONTROL}", "messages": ["#)), 400),
        (call().raw(format!(r#"{{"model": "{CONTROL}", "model": "sim-good", "messages": []}}"#)), 400),
        (call().with(json!({"messages": 7})), 400),
        (call().header("content-encoding", "gzip"), 415),
        (call().header("x-router-max-cost", "0.000000001"), 402),
        (router.call("POST", "/v1/messages").bearer("sk-router-nobody-0123456789").raw("{}"), 401),
        (router.call("POST", "/v1/nothing").bearer(KEY).raw("{}"), 404),
    ];
    let before: Vec<_> = providers.iter().map(|provider| provider.stats()).collect();
    let count = refused.len();
    for (call, status) in refused {
        let what = format!("{call:?}");
        let reply = call.send().await;
        assert_eq!(reply.status(), status, "{what}: {}", reply.text());
        secrets.assert_none_in(&what, &format!("{:?} {}", reply.headers(), reply.text()));
    }
    let after: Vec<_> =
        providers.iter().map(|provider| (provider.stats().requests, provider.stats().connections)).collect();
    assert_eq!(after, before.iter().map(|stats| (stats.requests, stats.connections)).collect::<Vec<_>>());
    count
}

/// The descriptors that a process has open, by its folder in `/proc`.
fn descriptors(proc: &Path) -> usize {
    std::fs::read_dir(proc.join("fd")).expect("/proc").count()
}

/// The most memory that it ever had, KiB.
pub(super) fn most_kib(proc: &Path) -> u64 {
    let text = std::fs::read_to_string(proc.join("status")).expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}
