//! Answers that are too large in any way: cut at their bound, before the first content with another try, after it with an error; the
//! memory that they take is bounded.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{Reply, TestRouter};

const MIB: usize = 1 << 20;
/// KiB. The bounds are 32 MiB for a whole answer and 16 MiB for an event; what one takes is held a few times while it is read.
const MOST_KIB: u64 = 200_000;

async fn asked(script: Script, stream: bool) -> (Reply, Vec<String>, u64) {
    let (large, good) = (SimProvider::start().await.on_any(script), SimProvider::start().await);
    let never = json!({"failure_threshold": 1_000_000, "min_requests": 1_000_000});
    let short = json!({"rate_limited": "1ms", "temporary": "1ms", "max": "1ms"});
    let setup = TestRouter::setup().system(json!({"breaker": never, "cooldown": short})).env("RUST_LOG", "warn");
    let router = setup.channel("large", &large).channel("good", &good).start().await;
    router.chat().stream_if(stream).send().await;
    let reply = router.chat().stream_if(stream).send().await;
    let row = router.rows(2).await.remove(1);
    let outcomes = row.attempts.iter().map(|attempt| format!("{} {}", attempt.channel, attempt.outcome)).collect();
    let status = std::fs::read_to_string(router.proc().join("status")).expect("/proc");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    let most = most.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number");
    assert_eq!(router.metric("router_panics_total").await, 0.0);
    (reply, outcomes, most)
}

#[tokio::test]
async fn a_whole_answer_that_is_too_large_is_another_channels() {
    let (reply, outcomes, most) = asked(Script::ok().text_bytes(33 * MIB), false).await;
    assert_eq!((reply.status(), reply.said().as_str()), (200, "Simulated answer to: Hello"));
    assert_eq!(outcomes, ["large bad_answer", "good completed"]);
    assert!(most < MOST_KIB, "{most} KiB");
}

#[tokio::test]
async fn an_event_that_is_too_large_is_another_channels() {
    let (reply, outcomes, most) = asked(Script::ok().text_bytes(17 * MIB).content_events(1), true).await;
    assert_eq!((reply.status(), reply.said().as_str()), (200, "Simulated answer to: Hello"));
    assert_eq!(outcomes, ["large bad_answer", "good completed"]);
    assert!(most < MOST_KIB, "{most} KiB");
}

#[tokio::test]
async fn a_stream_that_is_too_large_breaks_off() {
    let (reply, outcomes, most) = asked(Script::ok().text_bytes(66 * MIB).content_events(660), true).await;
    assert_eq!((reply.status(), reply.is_complete()), (200, true));
    let events = reply.events();
    let last = events.last().expect("an event");
    assert!(last.contains("upstream_bad_response"), "{}", last.get(..500).unwrap_or(last));
    assert!((60 * MIB..=64 * MIB).contains(&reply.said().len()), "{} bytes", reply.said().len());
    assert_eq!(outcomes, ["large bad_answer"]);
    assert!(most < MOST_KIB, "{most} KiB");
}
