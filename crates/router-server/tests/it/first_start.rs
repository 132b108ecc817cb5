//! The first minute: the admin key is shown once, a key in the environment is a channel, the demo needs nothing.

use router_testkit::SimProvider;
use serde_json::json;

use crate::support::{Setup, TestRouter};

const ADMIN_KEY: &str = "SMART_AI_ROUTER_ADMIN_KEY";

/// The admin key that standard output shows.
fn shown(stdout: &str) -> Option<&str> {
    stdout.lines().find_map(|line| line.strip_prefix("admin key: "))
}

fn bare() -> Setup {
    TestRouter::setup().no_files()
}

#[tokio::test]
async fn the_admin_key_is_shown_once() {
    let mut router = bare().without_env(ADMIN_KEY).start().await;
    let key = shown(&router.stdout()).expect("a key").to_owned();
    assert!(key.starts_with("sk-router-") && !router.stderr().contains(&key));
    assert_eq!(router.call("GET", "/v1/models").bearer(&key).send().await.status(), 200);
    router.restart().await;
    assert_eq!(shown(&router.stdout()), None);
    assert!(!router.stdout().contains(&key) && !router.stderr().contains(&key));
    assert_eq!(router.call("GET", "/v1/models").bearer(&key).send().await.status(), 200);
}

#[tokio::test]
async fn a_key_from_the_environment_is_not_shown() {
    let router = bare().start().await;
    assert_eq!(shown(&router.stdout()), None);
    assert!(!router.stdout().contains(crate::support::ADMIN));
    assert_eq!(router.admin("/admin/v1/requests").await.status(), 200);
}

#[tokio::test]
async fn a_provider_key_in_the_environment_is_a_channel() {
    let provider = SimProvider::start().await.with_keys(["sk-openai-0123456789"]);
    let setup = bare().env("OPENAI_API_KEY", "sk-openai-0123456789").env("OPENAI_BASE_URL", &provider.base_url());
    let router = setup.start().await;
    assert!(router.stdout().contains("openai") && router.stdout().contains("curl"), "{}", router.stdout());
    for (asked, stream) in [("gpt-4o-mini", false), ("auto:cheap", false), ("auto:cheap", true)] {
        let reply = router.chat().bearer(crate::support::ADMIN).model(asked).stream_if(stream).send().await;
        assert_eq!(reply.status(), 200, "{asked}: {}", reply.text());
        assert_eq!(reply.header("x-router-provider"), "openai");
        assert!(reply.said().ends_with("Hello"));
    }
    assert_eq!(provider.requests()[0].model(), "gpt-4o-mini");
}

#[tokio::test]
async fn the_demo_needs_nothing() {
    let router = bare().arg("--demo").start().await;
    for model in ["auto:demo", "auto:cheap", "demo-small"] {
        for stream in [false, true] {
            let reply = router.chat().bearer(crate::support::ADMIN).model(model).stream_if(stream).send().await;
            assert_eq!(reply.status(), 200, "{model}: {}", reply.text());
            assert!(reply.said().contains("simulated") && reply.said().ends_with("Hello"), "{}", reply.text());
            for name in
                ["x-router-channel", "x-router-provider", "x-router-model", "x-router-attempts", "x-router-overhead-us"]
            {
                assert!(!reply.header(name).is_empty(), "{model}: {name}");
            }
            assert!(reply.header("x-router-channel").starts_with("demo-"));
            assert_eq!(reply.has_header("x-router-cost"), !stream);
        }
    }
    let tools =
        json!({"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]});
    let reply = router.chat().bearer(crate::support::ADMIN).model("auto:demo").with(tools).send().await;
    assert_eq!(
        reply.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "weather",
        "{}",
        reply.text()
    );
    // The flaky channel fails every third call; the client never sees it.
    for _ in 0..9 {
        let reply = router.chat().bearer(crate::support::ADMIN).model("auto:demo").send().await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
}

#[tokio::test]
async fn real_answers_never_turn_into_simulated_ones() {
    let provider = SimProvider::start().await;
    let setup = bare().arg("--demo").env("OPENAI_API_KEY", "sk-openai-0123456789");
    let mut router = setup.env("OPENAI_BASE_URL", &provider.base_url()).start().await;
    let ask = async |router: &TestRouter| router.chat().bearer(crate::support::ADMIN).model("auto:cheap").send().await;
    assert_eq!(ask(&router).await.header("x-router-provider"), "openai");
    router.forget_env("OPENAI_API_KEY");
    router.restart().await;
    let reply = ask(&router).await;
    assert!(matches!(reply.status(), 404 | 503), "{}", reply.text());
    let demo = router.chat().bearer(crate::support::ADMIN).model("auto:demo").send().await;
    assert_eq!(demo.status(), 200, "{}", demo.text());
}
