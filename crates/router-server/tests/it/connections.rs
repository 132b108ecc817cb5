//! Connections to providers: kept between requests, replaced unseen when the provider has closed them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use router_testkit::http1::{Framing, Link};
use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::TestRouter;

#[tokio::test]
async fn requests_share_connections() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    // Whole answers: a stream is over with its end mark, and whether HTTP's own end has come by then is the network's affair.
    for _ in 0..24 {
        assert_eq!(router.chat().send().await.status(), 200);
    }
    let stats = provider.stats();
    // Each worker has a pool of its own.
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    assert_eq!(stats.requests, 24);
    assert!(stats.connections <= workers, "{} connections for {workers} workers", stats.connections);
}

#[tokio::test]
async fn one_that_the_provider_has_closed_is_replaced_unseen() {
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"said"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    // Nothing in the answer says that the connection ends with it.
    let provider = SimProvider::start().await.on_any(Script::wire(head + body));
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for number in 1..=12 {
        let reply = router.chat().send().await;
        assert_eq!((reply.status(), reply.said().as_str()), (200, "said"));
        assert_eq!(reply.header("x-router-attempts"), "1");
        provider.wait_until(|stats| stats.open_connections == 0).await.expect("the provider closes");
        assert_eq!((provider.stats().requests, provider.stats().connections), (number, number));
    }
}

/// A provider whose patience with each connection ends just when its second request comes.
struct Impatient {
    address: SocketAddr,
    /// Requests that it left without an answer.
    left: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Impatient {
    async fn start(reset: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, left, mut tasks) = (listener.local_addr().expect("bound"), Arc::default(), JoinSet::new());
        let count: Arc<AtomicUsize> = Arc::clone(&left);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(Self::serve(Link::new(stream), reset, Arc::clone(&count)));
            }
        });
        Self { address, left, _tasks: tasks }
    }

    async fn serve(mut link: Link, reset: bool, left: Arc<AtomicUsize>) {
        let body = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "said"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        });
        let (body, kind) = (body.to_string(), "content-type: application/json");
        let answer = format!("HTTP/1.1 200 OK\r\n{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        for answered in [true, false] {
            let Ok(Some(head)) = link.read_head().await else { return };
            link.read_body(Framing::of_head(&head, Framing::Length(0))).await.expect("a body");
            if answered {
                link.send(answer.as_bytes()).await.expect("the router reads");
            }
        }
        left.fetch_add(1, Ordering::Relaxed);
        if reset {
            link.reset();
        }
    }
}

#[tokio::test]
async fn one_that_ends_under_a_request_is_replaced_once_within_the_retry_budget() {
    for reset in [false, true] {
        let provider = Impatient::start(reset).await;
        let url = format!("http://{}/v1", provider.address);
        let router = TestRouter::setup().channel_at("only", &url).start().await;
        for number in 0..60 {
            let reply = router.chat().send().await;
            assert_eq!((reply.status(), reply.said().as_str()), (200, "said"), "{number}: {}", reply.text());
            assert_eq!(reply.header("x-router-attempts"), "1");
        }
        assert!(provider.left.load(Ordering::Relaxed) > 20, "connections did end under requests");

        // A new connection that ends so is a failure like any other.
        let honest = SimProvider::start().await.on_any(Script::cut_before_head());
        let router = TestRouter::setup().channel("only", &honest).start().await;
        router.chat().send().await.error(502, "upstream_error");
        assert_eq!(honest.stats().requests, 1);
    }
}
