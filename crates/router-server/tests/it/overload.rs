//! More than the router can hold: what is refused is refused at once and says so, what waits waits in fair turns, and a channel that
//! hangs takes nothing from the others.

use router_testkit::clients::{CLIENTS, Client, Want};
use router_testkit::http1::Link;
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{Call, KEY, MODEL, TestRouter, eventually};

const OTHER: &str = "sk-router-other-0123456789abcdef";

/// A request in the dialect of a client.
fn call(router: &TestRouter, client: &Client, stream: bool) -> Call {
    let want = Want { model: MODEL, text: "Hello", stream, ..Want::default() };
    let call = router.call("POST", &(client.path)(MODEL, stream)).bearer(KEY).json(&(client.ask)(&want));
    let headers = client.headers.lines().filter_map(|line| line.split_once(": "));
    headers.fold(call, |call, (name, value)| call.header(name, value))
}

/// Each client is refused in its own dialect, with the time after which to come back.
async fn all_are_refused(router: &TestRouter) {
    for (client, stream) in CLIENTS.iter().flat_map(|client| [(client, false), (client, true)]) {
        let reply = call(router, client, stream).send().await;
        let code = reply.header("x-router-error");
        assert_eq!((reply.status(), code), (503, "overloaded"), "{}: {}", client.name, reply.text());
        assert_eq!((reply.header("x-should-retry"), reply.header("retry-after")), ("true", "1"), "{}", client.name);
        let body = reply.json();
        let expected = match client.name {
            "anthropic" => (&body["error"]["type"], json!("overloaded_error")),
            "gemini" => (&body["error"]["status"], json!("UNAVAILABLE")),
            "openai_responses" => (&body["error"]["code"], json!("server_is_overloaded")),
            _ => (&body["error"]["code"], json!("overloaded")),
        };
        assert_eq!(expected.0, &expected.1, "{}: {body}", client.name);
    }
}

async fn is(router: &TestRouter, metric: &str, value: usize) {
    eventually(metric, async || (router.metric(metric).await == value as f64).then_some(())).await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once_in_every_dialect() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let setup = TestRouter::setup().system(json!({"limits": {"max_in_flight": 1, "queue": 0}}));
    let router = setup.channel("only", &provider).start().await;
    let running = router.chat().send_only().await;
    is(&router, "router_requests_running", 1).await;
    all_are_refused(&router).await;
    assert_eq!(router.metric("router_shed_total{reason=\"queue_full\"}").await, 2.0 * CLIENTS.len() as f64);
    assert_eq!(provider.stats().requests, 1, "a refused request sends no byte to a provider");
    drop(running);
    is(&router, "router_requests_running", 0).await;
}

#[tokio::test]
async fn one_keys_flood_does_not_make_another_wait_behind_it() {
    let provider = SimProvider::start().await.on_any(Script::hang()).then(Script::ok());
    let limits = json!({"limits": {"max_in_flight": 1, "queue": 6, "queue_timeout": "60s"}});
    let setup = TestRouter::setup().key("other", OTHER).system(limits);
    let router = setup.channel("only", &provider).start().await;
    let first = router.chat().send_only().await;
    is(&router, "router_requests_running", 1).await;
    let mut flood = Vec::new();
    for number in 1..=6 {
        let said = json!({"messages": [{"role": "user", "content": format!("flood {number}")}]});
        flood.push(router.chat().with(said).send_only().await);
        is(&router, "router_requests_waiting", number).await;
    }
    // The queue is the flood's; its own next one is turned away, the other key's first is not.
    router.chat().send().await.error(503, "overloaded");
    let other =
        router.chat().bearer(OTHER).with(json!({"messages": [{"role": "user", "content": "other"}]})).send_only().await;
    is(&router, "router_requests_waiting", 7).await;
    drop(first);
    provider.wait_until(|stats| stats.completed == 7).await.expect("all of them are served");
    let said = |body: Value| body["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
    let order: Vec<String> = provider.requests().iter().map(|request| said(request.json())).collect();
    let place = order.iter().position(|said| said == "other").expect("it was served");
    assert!(place <= 2, "after at most one of the flood: {order:?}");
    drop((flood, other));
}

#[tokio::test]
async fn bodies_have_a_memory_in_common() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let before = std::fs::read_dir(router.proc().join("fd")).expect("/proc").count();
    // What a body is going to take is taken when its length is known: nine times 20 MiB leave 12 of the 192.
    let size = 20 * 1024 * 1024;
    let mut held = Vec::new();
    for number in 1..=9 {
        held.push(announced(&router, size).await);
        is(&router, "router_request_body_bytes", number * size).await;
    }
    for _ in 0..3 {
        let reply = router.chat().header("content-length", &(13 * 1024 * 1024).to_string()).raw("{").send().await;
        reply.error(503, "overloaded");
        assert_eq!((reply.header("x-should-retry"), reply.header("retry-after")), ("true", "1"));
    }
    assert_eq!(router.metric("router_shed_total{reason=\"body_memory\"}").await, 3.0);
    // Small ones still fit, and all comes back.
    assert_eq!(router.chat().send().await.status(), 200);
    drop(held);
    is(&router, "router_request_body_bytes", 0).await;
    let open = || std::fs::read_dir(router.proc().join("fd")).expect("/proc").count();
    // One connection to the provider is kept for the next request.
    eventually("the descriptors of before", async || (open() <= before + 1).then_some(())).await;
}

/// A request whose body has been announced and does not come.
async fn announced(router: &TestRouter, size: usize) -> Link {
    router.chat().header("content-length", &size.to_string()).raw("{").send_only().await
}

#[tokio::test]
async fn a_channel_that_hangs_leaves_room_for_the_others() {
    let (hanging, good) = (SimProvider::start().await.on_any(Script::hang()), SimProvider::start().await);
    let setup = TestRouter::setup().system(json!({"limits": {"max_in_flight": 40, "queue": 40}}));
    let models =
        |name: &str| json!([{"name": name, "price": {"input": 1.0, "output": 2.0}, "context_length": 100_000}]);
    let setup = setup.channel("hanging", &hanging).models(models("sim-hanging"));
    let setup =
        setup.channel("limited", &hanging).models(models("sim-limited")).and(json!({"limits": {"max_in_flight": 2}}));
    let router = setup.channel("good", &good).models(models("sim-good")).start().await;

    // Three quarters of what may run at all, and no more.
    let mut held = Vec::new();
    for number in 1..=30 {
        held.push(router.chat().model("sim-hanging").send_only().await);
        hanging.wait_until(|stats| stats.in_flight == number).await.expect("it is under way");
    }
    for number in 31..=32 {
        held.push(router.chat().model("sim-limited").send_only().await);
        hanging.wait_until(|stats| stats.in_flight == number).await.expect("it is under way");
    }
    let out = router.chat().model("sim-hanging").send().await;
    out.error(503, "no_channel_available");
    assert!(out.text().contains("1 max_in_flight"), "{}", out.text());
    assert_eq!((out.header("x-should-retry"), out.header("retry-after")), ("true", "1"), "room is in sight");
    let out = router.chat().model("sim-limited").send().await;
    out.error(429, "rate_limit_exceeded");
    assert_eq!((out.header("x-should-retry"), out.header("retry-after")), ("true", "1"));
    // Nobody else notices: all are answered, none of them waits, and there is still room.
    for wave in 0..20 {
        let calls: Vec<_> = (0..5).map(|_| tokio::spawn(router.chat().model("sim-good").send())).collect();
        for call in calls {
            let reply = call.await.expect("an answer");
            assert_eq!(
                (reply.status(), reply.header("x-router-attempts")),
                (200, "1"),
                "wave {wave}: {}",
                reply.text()
            );
        }
        assert_eq!(router.metric("router_requests_waiting").await, 0.0);
    }
    assert_eq!(router.metric("router_shed_total").await, 0.0);
    is(&router, "router_requests_running", 32).await;
    assert_eq!(hanging.stats().in_flight, 32);

    // A group goes past the full channel without an attempt at it.
    let reply = router.chat().send().await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "good"), "{}", reply.text());
    drop(held);
    hanging.wait_until(|stats| stats.in_flight == 0).await.expect("the calls are cancelled");
    is(&router, "router_requests_running", 0).await;
}

#[tokio::test]
async fn a_channel_that_hangs_leaves_memory_for_the_bodies_of_the_others() {
    const SIZE: usize = 16 * 1024 * 1024;
    let (hanging, good) = (SimProvider::start().await.on_any(Script::hang()), SimProvider::start().await);
    let models = |name: &str| json!([{"name": name, "price": {"input": 1.0, "output": 2.0}, "context_length": 100_000_000, "max_output_tokens": 1_000}]);
    let setup = TestRouter::setup().channel("hanging", &hanging).models(models("sim-hanging"));
    let router = setup.channel("good", &good).models(models("sim-good")).start().await;
    let large = json!({"messages": [{"role": "user", "content": "x".repeat(SIZE)}]});

    // Three quarters of the 192 MiB, and not much less.
    let mut held = Vec::new();
    for number in 1..=8 {
        held.push(router.chat().model("sim-hanging").with(large.clone()).send_only().await);
        hanging.wait_until(|stats| stats.in_flight == number).await.expect("it is under way");
    }
    router.chat().model("sim-hanging").with(large.clone()).send().await.error(429, "rate_limit_exceeded");
    // What is small is not what takes the memory.
    held.push(router.chat().model("sim-hanging").send_only().await);
    hanging.wait_until(|stats| stats.in_flight == 9).await.expect("it is under way");
    // Neither a request for the other channel nor one of a group notices.
    for call in [router.chat().model("sim-good"), router.chat()] {
        let reply = call.with(large.clone()).send().await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "good"), "{}", reply.text());
    }
    assert_eq!(router.metric("router_shed_total").await, 0.0);

    drop(held);
    is(&router, "router_request_body_bytes", 0).await;
    let reply = router.chat().model("sim-hanging").with(large).send_only().await;
    hanging.wait_until(|stats| stats.in_flight == 1).await.expect("there is room again");
    drop(reply);
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_and_the_others_go_on() {
    let provider = SimProvider::start().await;
    let setup = TestRouter::setup().system(json!({"server": {"max_connections": 20}}));
    let router = setup.channel("only", &provider).start().await;
    let live = b"GET /health/live HTTP/1.1\r\nhost: router\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut link = Link::connect(router.address()).await.expect("it listens");
        assert_eq!(link.exchange(live).await.expect("an answer").status(), 200);
        held.push(link);
    }
    for round in 0..3 {
        for _ in 0..50 {
            let mut link = Link::connect(router.address()).await.expect("it listens");
            // Closed, with a FIN or, where the request had gone out already, with a reset.
            assert!(link.exchange(live).await.is_err(), "one more than may be open");
        }
        for link in &mut held {
            assert_eq!(link.exchange(live).await.expect("an answer").status(), 200, "round {round}");
        }
        // One goes, another one finds its place.
        drop(held.pop());
        held.push(
            eventually("a place", async || {
                let mut link = Link::connect(router.address()).await.ok()?;
                link.exchange(live).await.ok().map(|_| link)
            })
            .await,
        );
    }
}
