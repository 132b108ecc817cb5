//! Faults: statuses, silence, cuts and lies.

use crate::client::{chat, chunks, parsed, post, post_bytes};
use router_testkit::http1::Link;
use router_testkit::{Script, SimProvider, dead_address};
use serde_json::{Value, json};
use std::io::ErrorKind;

const PATH: &str = "/v1/chat/completions";

#[tokio::test]
async fn statuses_have_openai_bodies_and_headers() {
    let table = [
        (Script::status(500), 500, json!("server_error"), Value::Null),
        (Script::status(503), 503, json!("service_unavailable_error"), Value::Null),
        (Script::status(529), 529, json!("server_error"), Value::Null),
        (Script::unauthorized(), 401, json!("invalid_request_error"), json!("invalid_api_key")),
        (Script::rate_limited(Some(7)), 429, json!("requests"), json!("rate_limit_exceeded")),
        (
            Script::bad_request("context_length_exceeded", Some("messages"), "too long"),
            400,
            json!("invalid_request_error"),
            json!("context_length_exceeded"),
        ),
    ];
    let provider = SimProvider::start().await;
    for (script, status, kind, code) in table {
        provider.set(script);
        for stream in [false, true] {
            let response = post(&provider, PATH, &chat("x", json!({"stream": stream}))).await;
            assert_eq!(response.status(), status);
            let error = &parsed(&response)["error"];
            assert_eq!((&error["type"], &error["code"]), (&kind, &code), "{status}");
            assert_eq!(response.head.header("retry-after"), (status == 429).then_some("7"));
        }
    }
}

#[tokio::test]
async fn a_200_can_lie() {
    let provider = SimProvider::start().await.on_any(Script::empty());
    for stream in [false, true] {
        let ask = chat("x", json!({"stream": stream}));
        provider.set(Script::empty());
        let empty = post(&provider, PATH, &ask).await;
        assert_eq!((empty.status(), empty.body.len()), (200, 0));

        provider.set(Script::html());
        let html = post(&provider, PATH, &ask).await;
        assert_eq!((html.status(), html.head.header("content-type")), (200, Some("text/html; charset=utf-8")));

        provider.set(Script::error_with_200("server_error", Some("overloaded"), "no"));
        let error = post(&provider, PATH, &ask).await;
        let body = if stream { chunks(&error).remove(0) } else { parsed(&error) };
        assert_eq!((error.status(), &body["error"]["code"]), (200, &json!("overloaded")));

        provider.set(Script::no_choices());
        let none = post(&provider, PATH, &ask).await;
        let body = if stream { chunks(&none).remove(0) } else { parsed(&none) };
        assert_eq!((none.status(), &body["choices"]), (200, &json!([])));

        provider.set(Script::wrong_kind());
        let wrong = post(&provider, PATH, &ask).await;
        assert_eq!(wrong.head.header("content-type").unwrap().contains("event-stream"), !stream);
    }
}

#[tokio::test]
async fn exact_bytes_go_out_unchanged() {
    let body = r#"{ "z":1.0,"big":12345678901234567890, "t":"\u00e9" ,"choices":[] }"#;
    let provider = SimProvider::start().await.on_any(Script::body(200, "application/json", body));
    assert_eq!(post(&provider, PATH, &chat("x", json!({}))).await.text(), body);
    provider
        .set(Script::wire("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    assert_eq!(post(&provider, PATH, &chat("x", json!({}))).await.text(), "ok");
    provider.set(Script::redirect("http://example.com/"));
    let redirect = post(&provider, PATH, &chat("x", json!({}))).await;
    assert_eq!((redirect.status(), redirect.head.header("location")), (302, Some("http://example.com/")));
}

#[tokio::test]
async fn connections_are_cut_or_reset_before_and_in_the_head() {
    let table = [
        (Script::cut_before_head(), ErrorKind::UnexpectedEof),
        (Script::cut_before_head().with_reset(), ErrorKind::ConnectionReset),
        (Script::cut_in_head(), ErrorKind::UnexpectedEof),
    ];
    for (script, expected) in table {
        let provider = SimProvider::start().await.on_any(script);
        let mut link = Link::connect(provider.address()).await.unwrap();
        let request = post_bytes(PATH, &chat("x", json!({})).to_string(), "");
        let error = link.exchange(request.as_bytes()).await.unwrap_err();
        assert_eq!(error.kind(), expected);
        provider.wait_until(|stats| stats.completed == 1 && stats.open_connections == 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_can_be_shorter_than_promised() {
    let provider = SimProvider::start().await.on_any(Script::cut_after(10));
    let response = post(&provider, PATH, &chat("x", json!({}))).await;
    assert_eq!((response.complete, response.body.len()), (false, 10));
}

#[tokio::test]
async fn a_hanging_provider_notices_that_the_client_left() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.send(post_bytes(PATH, "{}", "").as_bytes()).await.unwrap();
    provider.wait_until(|stats| stats.in_flight == 1).await.unwrap();
    drop(link);
    let stats = provider.wait_until(|stats| stats.in_flight == 0).await.unwrap();
    assert_eq!((stats.cancelled, stats.completed), (1, 0));
}

#[tokio::test]
async fn refused_connections_can_be_had() {
    let error = Link::connect(dead_address().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    let provider = SimProvider::start().await;
    let mut open = Link::connect(provider.address()).await.unwrap();
    assert_eq!(open.exchange(b"GET /v1/models HTTP/1.1\r\n\r\n").await.unwrap().status(), 200);
    provider.stop().await;
    assert_eq!(Link::connect(provider.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(open.fill().await.unwrap_or(0), 0, "open connections end too");

    let address = provider.address();
    let again = SimProvider::builder().listen(address).start().await.unwrap();
    assert_eq!(again.address(), address);
    assert_eq!(post(&again, PATH, &chat("back", json!({}))).await.status(), 200);
}
