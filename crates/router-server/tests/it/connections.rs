//! Connections to providers: kept between requests, replaced unseen when the provider has closed them.

use router_testkit::{Script, SimProvider};

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
