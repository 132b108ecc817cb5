//! Recording, rules, keys and load.

use crate::client::{chat, get, post, post_bytes};
use router_testkit::http1::Link;
use router_testkit::{Script, SimProvider};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/v1/chat/completions";

#[tokio::test]
async fn requests_are_kept_byte_for_byte() {
    let provider = SimProvider::start().await;
    let body = "{ \"model\":\"m\",\"x\":1.0, \"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9\"}]}";
    let mut link = Link::connect(provider.address()).await.unwrap();
    let plain = post_bytes(&format!("{PATH}?a=b"), body, "Authorization: Bearer sk-1\r\nX-Odd:  v \r\n");
    let chunked = format!(
        "POST {PATH} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{{ \"mo\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        body.len() - 5,
        &body[5..]
    );
    for request in [plain, chunked] {
        assert_eq!(link.exchange(request.as_bytes()).await.unwrap().status(), 200);
    }
    let requests = provider.requests();
    let first = &requests[0];
    assert_eq!((first.method.as_str(), first.path.as_str(), first.query.as_str()), ("POST", PATH, "a=b"));
    assert_eq!((first.bearer(), first.header("x-odd"), first.model().as_str()), (Some("sk-1"), Some("v"), "m"));
    assert_eq!(first.head.headers[2].0, "Authorization", "the case is kept");
    assert!(requests.iter().all(|request| request.text() == body && request.connection == 0));
    assert_eq!(provider.stats().connections, 1, "keep-alive");
}

#[tokio::test]
async fn expect_continue_is_answered() {
    let provider = SimProvider::start().await;
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.send(b"POST /v1/embeddings HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 26\r\n\r\n").await.unwrap();
    assert_eq!(&link.read_head().await.unwrap().unwrap()[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(link.exchange(b"{\"model\":\"e\",\"input\":\"hi\"}").await.unwrap().status(), 200);
}

#[tokio::test]
async fn rules_choose_by_model_key_and_path_and_run_in_sequence() {
    let provider = SimProvider::start()
        .await
        .on_model("bad", Script::status(500))
        .then(Script::rate_limited(None))
        .then(Script::ok())
        .on_key("sk-poor", Script::status(402))
        .on_calls("/flaky/", Script::ok())
        .then(Script::status(503))
        .cycle()
        .on_path("/broken/", Script::status(418));
    let ask = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(post(&provider, PATH, &ask("bad")).await.status());
    }
    assert_eq!(seen, [500, 429, 200, 200], "the last script repeats");
    assert_eq!(post(&provider, PATH, &ask("good")).await.status(), 200);
    let mut link = Link::connect(provider.address()).await.unwrap();
    let poor = post_bytes(PATH, &ask("good").to_string(), "authorization: bearer sk-poor\r\n");
    assert_eq!(link.exchange(poor.as_bytes()).await.unwrap().status(), 402);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(post(&provider, "/flaky/v1/chat/completions", &ask("good")).await.status());
    }
    assert_eq!(seen, [200, 503, 200, 503], "a cycle starts over");
    assert_eq!(get(&provider, "/broken/v1/models").await.status(), 418);
    assert_eq!(get(&provider, "/flaky/v1/models").await.status(), 200, "lists are no calls");
    provider.set_model("bad", Script::ok());
    assert_eq!(post(&provider, PATH, &ask("bad")).await.status(), 200);
}

#[tokio::test]
async fn unknown_keys_are_refused() {
    let provider = SimProvider::start().await.with_keys(["sk-good"]);
    let body = chat("x", json!({})).to_string();
    for (header, status) in
        [("", 401), ("authorization: Bearer sk-bad\r\n", 401), ("authorization: Bearer sk-good\r\n", 200)]
    {
        let mut link = Link::connect(provider.address()).await.unwrap();
        let response = link.exchange(post_bytes(PATH, &body, header).as_bytes()).await.unwrap();
        assert_eq!(response.status(), status, "{header}");
        assert_eq!(response.text().contains("invalid_api_key"), status == 401);
    }
}

#[tokio::test]
async fn a_cancelled_stream_is_counted() {
    let provider = SimProvider::start().await.on_any(Script::ok().content_events(1000).gap(Duration::from_millis(5)));
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.send(post_bytes(PATH, &chat("x", json!({"stream": true})).to_string(), "").as_bytes()).await.unwrap();
    link.read_head().await.unwrap();
    drop(link);
    let stats = provider.wait_until(|stats| stats.cancelled == 1).await.unwrap();
    assert_eq!((stats.in_flight, stats.completed), (0, 0));
}

#[tokio::test]
async fn a_thousand_clients_at_once_are_served() {
    let provider =
        SimProvider::builder().threads(2).start().await.unwrap().on_any(Script::ok().delay(Duration::from_millis(200)));
    let provider = Arc::new(provider);
    let clients: Vec<_> = (0..1000)
        .map(|number| {
            let provider = Arc::clone(&provider);
            tokio::spawn(async move { post(&provider, PATH, &chat(&format!("client {number}"), json!({}))).await })
        })
        .collect();
    for (number, client) in clients.into_iter().enumerate() {
        let response = client.await.unwrap();
        assert!(response.text().contains(&format!("client {number}\"")), "{}", response.text());
    }
    let stats = provider.wait_until(|stats| stats.in_flight == 0).await.unwrap();
    assert_eq!((stats.requests, stats.completed, stats.cancelled, stats.in_flight), (1000, 1000, 0, 0));
    assert_eq!(provider.requests().len(), 1000);
}
