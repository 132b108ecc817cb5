//! Dynamic prices in a running router: routing compares other prices than the books hold, and says so.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{ADMIN, KEY, MODEL, TestRouter, eventually};

#[tokio::test]
async fn policies_move_traffic_and_leave_the_books_alone() {
    let (near, far) = (SimProvider::start().await, SimProvider::start().await);
    let setup = || {
        TestRouter::setup()
            .channel("near", &near)
            .channel("far", &far)
            .and(json!({"region": "mars-1"}))
            .models(json!([{"name": MODEL, "price": {"input": 1.1, "output": 2.2}}]))
            .group("cheap", json!({"strategy": "cost_optimized", "select": {"models": ["sim-*"]}}))
    };
    let router = setup().start().await;
    let ask = |router: &TestRouter| router.chat().model("cheap");
    let before = ask(&router).send().await;
    assert_eq!((before.status(), before.header("x-router-channel")), (200, "near"), "{}", before.text());
    let policies = json!({
        "regional": [{"name": "mars-week", "regions": ["mars-*"], "multiplier": 0.5}],
        "events": [{"name": "gone", "until": "2020-01-01", "multiplier": 0.1}],
    });
    router.write(&setup().system(json!({"pricing_policies": policies})).yaml());
    let after = eventually("the policy", async || {
        let reply = ask(&router).send().await;
        (reply.header("x-router-channel") == "far").then_some(reply)
    });
    let after = after.await;
    let (cheap, dear): (f64, f64) =
        (before.header("x-router-cost").parse().expect("USD"), after.header("x-router-cost").parse().expect("USD"));
    assert!((dear / cheap - 1.1).abs() < 0.01, "the books hold the real price: {cheap} {dear}");
    let question = json!({"model": "cheap", "messages": [{"role": "user", "content": "Hello"}]});
    let explained = router.call("POST", "/admin/v1/routing/explain").bearer(ADMIN).json(&question).send().await.json();
    let price = &explained["candidates"][0]["price"];
    assert_eq!(
        (&explained["candidates"][0]["channel"], &price["policies"]),
        (&json!("far"), &json!(["mars-week ×0.5"]))
    );
    let (real, effective) = (price["real_usd"].as_f64().expect("USD"), price["effective_usd"].as_f64().expect("USD"));
    assert!((effective - real / 2.0).abs() < 1e-12, "{price}");
}

#[tokio::test]
async fn a_members_daily_limit_holds() {
    let (a, b) = (SimProvider::start().await, SimProvider::start().await);
    let router = TestRouter::setup()
        .channel("a", &a)
        .channel("b", &b)
        .group(
            "limited",
            json!({"strategy": "priority", "channels": [
                {"channel": "a", "model": "*", "daily_limit": 2}, {"channel": "b", "model": "*"}]}),
        )
        .start()
        .await;
    let mut served = Vec::new();
    for _ in 0..4 {
        served.push(router.chat().model("limited").send().await.header("x-router-channel").to_owned());
    }
    assert_eq!(served, ["a", "a", "b", "b"]);
    // the limit is the group's: the channel itself still serves
    assert_eq!(router.chat().send().await.header("x-router-channel"), "a");
}

/// The tier that the answer names counts, not the one that was asked for; without rates of its own it costs as usual.
#[tokio::test]
async fn an_answer_costs_what_its_service_tier_costs() {
    let provider = SimProvider::start().await;
    let services = json!({"flex": {"input": 0.5, "output": 1.0}, "priority": {"input": 3.0, "output": 4.0}});
    let price = json!({"input": 1.0, "output": 2.0, "service_tiers": services});
    let models = json!([{"name": MODEL, "price": price, "capabilities": ["chat", "streaming"]}]);
    // A client of each dialect is answered in it: OpenAI's two at one address, Gemini's at another.
    let setup = TestRouter::setup().system(json!({"providers": {
        "both": {"kind": "openai"}, "google": {"kind": "gemini", "base_url": provider.url("/v1beta")},
    }}));
    let setup = setup.channel("both", &provider).and(json!({"provider": "both"})).models(models.clone());
    let google = json!([{"name": "sim-google", "price": price, "capabilities": ["chat", "streaming"]}]);
    let setup = setup.channel_at("google", &provider.url("/v1beta")).and(json!({"provider": "google"})).models(google);
    let router = setup.start().await;
    let mut rows = 0;
    for (asked, served, input, output) in
        [("flex", "flex", 500, 1_000), ("priority", "priority", 3_000, 4_000), ("priority", "default", 1_000, 2_000)]
    {
        let chat = json!({"id": "c", "object": "chat.completion", "service_tier": served,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}});
        let mut chunk = chat.clone();
        chunk["choices"][0]["delta"] = chunk["choices"][0]["message"].take();
        let response = json!({"id": "r", "object": "response", "status": "completed", "service_tier": served,
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}],
            "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}});
        let gemini = json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15,
                "serviceTier": served.to_uppercase()}});
        let google = "/v1beta/models/sim-google:generateContent";
        let contents = json!([{"parts": [{"text": "Hello"}]}]);
        let cases = [
            (
                "/v1/chat/completions",
                json!({"messages": [{"role": "user", "content": "Hello"}]}),
                Script::json(200, &chat),
            ),
            (
                "/v1/chat/completions",
                json!({"messages": [{"role": "user", "content": "Hello"}], "stream": true}),
                Script::events([chunk.to_string(), "[DONE]".to_owned()]),
            ),
            ("/v1/responses", json!({"input": "Hello"}), Script::json(200, &response)),
            (google, json!({"contents": contents, "serviceTier": asked.to_uppercase()}), Script::json(200, &gemini)),
        ];
        for (path, mut body, script) in cases {
            provider.set(script);
            if path != google {
                (body["model"], body["service_tier"]) = (json!(MODEL), json!(asked));
            }
            let reply = router.call("POST", path).bearer(KEY).json(&body).send().await;
            assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
            rows += 1;
            let row = router.rows(rows).await.pop().expect("a row");
            let case = format!("{path}, asked for {asked}, served {served}: {row:?}");
            assert_eq!((row.input, row.output, row.cost), (10, 5, 10 * input + 5 * output), "{case}");
            // Room for the dearer of what was asked for and the usual.
            let most = if asked == "priority" { 4_000 } else { 2_000 };
            assert!(row.reserved >= 4_000 * most, "{case}");
        }
    }
}
