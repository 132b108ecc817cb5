//! What an operator can do about a channel: test it for nothing, and say that it is mended.

use router_testkit::tls::{Identity, TlsFront};
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{ADMIN, Reply, TestRouter};

async fn act(router: &TestRouter, channel: &str, action: &str) -> Reply {
    router.call("POST", &format!("/admin/v1/channels/{channel}/{action}")).bearer(ADMIN).send().await
}

async fn test(router: &TestRouter, channel: &str) -> Value {
    let reply = act(router, channel, "test").await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_test_says_in_a_word_whether_the_provider_is_there() {
    let provider = SimProvider::start().await;
    let refusing = SimProvider::start().await.on_path("/v1/models", Script::status(401));
    let gone = SimProvider::start().await;
    gone.stop().await;
    let front = TlsFront::start(Identity::SelfSigned, provider.address()).await.expect("a port");
    let setup = TestRouter::setup()
        .channel("good", &provider)
        .channel_at("gone", &format!("http://{}/v1", gone.address()))
        .channel_at("nameless", "https://no-such-host.invalid/v1")
        .channel_at("untrusted", &front.url("/v1"))
        .channel("refusing", &refusing);
    let router = setup.start().await;
    for (channel, result) in [
        ("good", "ok"),
        ("gone", "refused"),
        ("nameless", "dns_error"),
        ("untrusted", "tls_error"),
        ("refusing", "bad_status"),
    ] {
        assert_eq!(test(&router, channel).await, json!({"channel": channel, "result": result}));
    }
    let asked: Vec<_> = provider.requests().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(asked, ["GET /v1/models"], "nothing was asked that costs");
    assert_eq!(act(&router, "nobody", "test").await.status(), 404);
}

#[tokio::test]
async fn a_reset_takes_a_channel_back_at_once() {
    let provider = SimProvider::start().await.on_any(Script::status(500)).then(Script::status(401)).then(Script::ok());
    let never = json!({"breaker": {"failure_threshold": 1, "open_for": "1h"}, "cooldown": {"temporary": "30m"}});
    let router = TestRouter::setup().channel("only", &provider).system(never).start().await;
    let live = async || router.admin("/admin/v1/channels/only").await.json();

    router.chat().send().await.error(502, "upstream_error");
    assert_eq!(live().await["status"], "open");
    let told = act(&router, "only", "reset").await.json();
    assert_eq!((&told["name"], &told["status"]), (&json!("only"), &json!("ok")), "{told}");
    assert_eq!(live().await["models"][0]["live"]["breaker"], "closed");

    router.chat().send().await.error(503, "no_channel_available");
    assert!(live().await["keys"][0]["cooldown_until"].is_string(), "the provider has refused its key");
    act(&router, "only", "reset").await;
    assert_eq!(live().await["keys"][0]["cooldown_until"], Value::Null);
    assert_eq!(router.chat().send().await.status(), 200);
    assert_eq!(provider.stats().requests, 3);
    assert_eq!(act(&router, "nobody", "reset").await.status(), 404);
}
