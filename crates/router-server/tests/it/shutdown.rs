//! The end: what runs may finish, nothing new begins, the books are written, also when there is no time for that.

use std::time::Duration;

use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{KEY, TestRouter, eventually};

#[tokio::test]
async fn a_stream_finishes_and_the_exit_is_clean() {
    let script = Script::ok().text("one two three").delay_first(Duration::ZERO).gap(Duration::from_millis(400));
    let provider = SimProvider::start().await.on_any(script);
    let mut router = TestRouter::setup().channel("only", &provider).start().await;
    let mut answer = router.chat().streaming().open().await;
    answer.until("one").await;

    router.terminate();
    eventually("the end of new connections", async || (!router.accepts().await).then_some(())).await;
    let reply = answer.rest().await;

    assert!(reply.is_complete(), "{}", reply.text());
    assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"));
    let ended = router.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    router.restart_ended().await;
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.tokens_source.as_str()), ("completed", "reported"));
}

#[tokio::test]
async fn after_the_grace_open_requests_end_and_are_booked() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let setup = TestRouter::setup().system(json!({"server": {"shutdown_grace": "100ms"}}));
    let mut router = setup.channel("only", &provider).start().await;
    let link = router.chat().send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
    assert_eq!(router.stop().await.code, Some(0));
    provider.wait_until(|stats| stats.cancelled == 1).await.expect("the call is cancelled");
    drop(link);
    router.restart_ended().await;
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.outcomes()), ("shutdown", vec![("only", "shutdown")]));
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let provider = SimProvider::start().await.on_any(Script::hang());
    let setup = TestRouter::setup().system(json!({"server": {"shutdown_grace": "1h"}}));
    let mut router = setup.channel("only", &provider).start().await;
    let _link = router.chat().send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");
    router.terminate();
    eventually("the word of the end", async || router.stderr().contains("stopping").then_some(())).await;
    assert_eq!(router.stop().await.code, Some(0));
}

#[tokio::test]
async fn after_kill_9_every_answer_has_one_row_and_what_ran_is_booked_at_its_reservation() {
    let provider = SimProvider::start().await;
    let mut router = TestRouter::setup().channel("only", &provider).start().await;
    for _ in 0..20 {
        assert_eq!(router.chat().send().await.status(), 200);
    }
    provider.set(Script::hang());
    let _link = router.chat().send_only().await;
    provider.wait_until(|stats| stats.in_flight == 1).await.expect("the call is under way");

    router.restart().await;

    let rows = router.rows(21).await;
    assert!(rows[..20].iter().all(|row| row.status == "completed" && row.cost == 20_000), "{rows:#?}");
    let last = &rows[20];
    assert_eq!(last.status, "interrupted");
    assert!(last.cost == last.reserved && last.cost > 0, "{last:#?}");
}

#[tokio::test]
async fn whoever_has_just_connected_when_the_end_begins_is_told_so() {
    let provider = SimProvider::start().await;
    let mut router = TestRouter::setup().channel("only", &provider).start().await;
    let mut connected = Vec::new();
    for _ in 0..8 {
        connected.push(TcpStream::connect(router.address()).await.expect("it listens"));
    }
    router.terminate();
    eventually("the word of the end", async || router.stderr().contains("stopping").then_some(())).await;
    for client in &mut connected {
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n");
        client.write_all(format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes()).await.expect("it is open");
    }
    for client in &mut connected {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("a whole answer, and the end of the connection");
        let answer = answer.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 503 "), "{answer}");
        for line in ["x-router-error: shutting_down", "x-should-retry: true", "connection: close"] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
        }
    }
    assert_eq!(router.ended().await.code, Some(0));
    assert_eq!(provider.stats().requests, 0);
}
