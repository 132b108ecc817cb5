//! The benchmark's parts against each other: load generator, upstream, minimal proxy.

use router_testkit::bench::args::Args;
use router_testkit::bench::load::{Load, Report, Until};
use router_testkit::bench::{proxy, upstream};
use router_testkit::{Script, SimProvider, dead_address};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

/// Starts a program of the benchmark on a thread; it runs until the test process ends.
fn running(
    options: &'static [&str],
    line: String,
    run: impl FnOnce(&Args, Box<dyn FnOnce(SocketAddr)>) + Send + 'static,
) -> SocketAddr {
    let (ready, address) = mpsc::channel();
    std::thread::spawn(move || {
        let args = Args::parse(line.split_whitespace().map(str::to_owned), options, &[]).unwrap();
        run(&args, Box::new(move |address| ready.send(address).unwrap()));
    });
    address.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn upstream(line: &str) -> SocketAddr {
    running(&upstream::OPTIONS, line.to_owned(), |args, ready| upstream::run(args, ready).unwrap())
}

fn load(address: SocketAddr, stream: bool, requests: u64) -> Load {
    let url = format!("http://{address}/v1/chat/completions");
    let mut load = Load::chat(&url, "gpt-4o-mini", stream, &["authorization: Bearer sk-1"]).unwrap();
    (load.connections, load.until) = (4, Until::Requests(requests));
    load
}

/// Runs a load beside the test's own runtime.
async fn report(load: Load) -> Report {
    tokio::task::spawn_blocking(move || load.run().unwrap()).await.unwrap()
}

#[test]
fn the_minimal_proxy_passes_everything_through() {
    let upstream = upstream("--stream-events 50 --body-bytes 1024 --threads 2");
    let line = format!("--upstream {upstream} --threads 2");
    let proxy = running(&proxy::OPTIONS, line, |args, ready| proxy::run(args, ready).unwrap());
    for stream in [false, true] {
        let direct = load(upstream, stream, 40).run().unwrap();
        let proxied = load(proxy, stream, 40).run().unwrap();
        assert_eq!((direct.completed(), proxied.completed(), proxied.failed()), (40, 40, 0));
        assert_eq!((direct.tally.bytes, direct.tally.events), (proxied.tally.bytes, proxied.tally.events));
        // 50 events and `[DONE]` in each stream.
        assert_eq!(proxied.tally.events, if stream { 40 * 51 } else { 0 });
        assert_eq!(proxied.tally.first_content.count(), if stream { 40 } else { 0 });
    }
    let proxy_of_nothing = format!("--upstream {}", dead_address().unwrap());
    let proxy = running(&proxy::OPTIONS, proxy_of_nothing, |args, ready| proxy::run(args, ready).unwrap());
    assert_eq!(load(proxy, false, 3).run().unwrap().tally.errors["status 502"], 3);
}

#[tokio::test]
async fn the_upstream_counts_and_changes_its_pace() {
    let address = upstream("--body-bytes 10");
    report(load(address, false, 5)).await;
    report(load(address, true, 2)).await;
    let mut link = router_testkit::http1::Link::connect(address).await.unwrap();
    let stats = link.exchange(b"GET /__set?delay_ms=1.5&event_gap_ms=2 HTTP/1.1\r\n\r\n").await.unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&stats.body).unwrap();
    assert_eq!((&stats["requests"], &stats["streams"]), (&7.into(), &2.into()));
    assert_eq!((&stats["delay_ms"], &stats["event_gap_ms"]), (&1.5.into(), &2.0.into()));
    assert_eq!(link.exchange(b"GET /other HTTP/1.1\r\n\r\n").await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_load_generator_tells_failures_apart() {
    let provider = SimProvider::start().await;
    let table = [
        (Script::status(503), false, "status 503"),
        (Script::status(429), true, "status 429"),
        (Script::cut_before_head(), false, "io: unexpected end of file"),
        (Script::cut_after(1), true, "cut"),
        (Script::cut_after(5), false, "cut"),
    ];
    for (script, stream, kind) in table {
        provider.set(script);
        let report = report(load(provider.address(), stream, 8)).await;
        assert_eq!((report.completed(), report.failed()), (0, 8), "{kind}");
        assert_eq!(report.tally.errors.get(kind), Some(&8), "{:?}", report.tally.errors);
        assert_eq!(report.tally.first_refusal.is_some(), kind.starts_with("status"));
    }
    provider.set(Script::ok().no_done());
    let report = report(load(provider.address(), true, 8)).await;
    assert_eq!((report.completed(), report.tally.ended_without_mark), (8, 8));
}

#[tokio::test]
async fn an_open_loop_counts_from_when_a_request_was_due() {
    let provider = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(50)));
    let mut load = load(provider.address(), false, 6);
    (load.connections, load.rate) = (1, Some(1e6));
    let report = report(load).await;
    // All six were due at once, one connection answers them one after another: the last waited for the five before it.
    assert_eq!(report.completed(), 6);
    assert!(report.tally.latency.max() >= Duration::from_millis(300), "{report}");
}
