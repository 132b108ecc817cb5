//! What is no conversation: forms, sounds, lists, counts of tokens, estimates.

use router_testkit::{Script, SimProvider};
use serde_json::json;

use crate::support::{KEY, MODEL, TestRouter};

#[tokio::test]
async fn a_form_passes_byte_for_byte_but_for_its_model() {
    let provider = SimProvider::start().await.on_any(Script::body(200, "application/json", r#"{"text":"hello"}"#));
    let setup = TestRouter::setup().channel("only", &provider);
    let models = json!([{"name": MODEL, "upstream_name": "whisper-1", "price": {"input": 1.0, "per_request": 0.01}}]);
    let router = setup.models(models).start().await;
    let form = |model: &str| {
        let mut form = b"--b-7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n".to_vec();
        form.extend((0..=255_u8).cycle().take(70_000));
        form.extend_from_slice(b"\r\n--b-7\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
        form.extend_from_slice(model.as_bytes());
        form.extend_from_slice(b"\r\n--b-7--\r\n");
        form
    };
    let kind = "multipart/form-data; boundary=b-7";

    let call = router.call("POST", "/v1/audio/transcriptions").bearer(KEY).raw(form(MODEL));
    let reply = call.without("content-type").header("content-type", kind).send().await;

    assert_eq!((reply.status(), reply.text().as_str()), (200, r#"{"text":"hello"}"#));
    let received = provider.last_request().expect("a request");
    assert!(received.body[..] == form("whisper-1")[..], "the file has changed");
    assert_eq!(received.header("content-type"), Some(kind));
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.upstream_model.as_deref()), ("completed", Some("whisper-1")));
    assert!(row.cost >= 10_000_000, "the price of a request: {}", row.cost);
}

#[tokio::test]
async fn sounds_pass_as_bytes_and_errors_in_their_place_fail_over() {
    let sound: Vec<u8> = (0..=255_u8).rev().cycle().take(50_000).collect();
    let broken = SimProvider::start().await.on_any(Script::error_with_200("server_error", None, "no voice"));
    let good = SimProvider::start().await.on_any(Script::body(200, "audio/mpeg", sound.clone()));
    let router = TestRouter::setup().channel("broken", &broken).channel("good", &good).start().await;
    let body = json!({"model": crate::support::ORDERED, "input": "Hello", "voice": "alloy"});

    let reply = router.call("POST", "/v1/audio/speech").bearer(KEY).json(&body).send().await;

    assert_eq!((reply.status(), reply.header("content-type")), (200, "audio/mpeg"));
    assert!(reply.body() == sound, "the sound has changed");
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.channel.as_deref(), row.attempts.len()), ("completed", Some("good"), 2));
}

#[tokio::test]
async fn the_usage_of_streamed_sounds_is_booked() {
    let done = r#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}"#;
    let events = Script::events([r#"{"type":"speech.audio.delta","audio":"AAAA"}"#, done]);
    let provider = SimProvider::start().await.on_any(events);
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let body = json!({"model": MODEL, "input": "Hello", "voice": "alloy", "stream_format": "sse"});
    let reply = router.call("POST", "/v1/audio/speech").bearer(KEY).json(&body).send().await;
    assert!(reply.status() == 200 && reply.text().contains(done), "{}", reply.text());
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.input, row.output), ("completed", 14, 101));
}

#[tokio::test]
async fn lists_and_pictures_pass_and_are_metered() {
    let answer = r#"{"results":[{"index":0,"relevance_score":0.9}],"usage":{"total_tokens":15,"prompt_tokens":15}}"#;
    let provider = SimProvider::start().await.on_path("/v1/rerank", Script::body(200, "application/json", answer));
    let pictures = r#"{"created":1,"data":[{"b64_json":"AA=="},{"b64_json":"AA=="}]}"#;
    let provider = provider.on_path("/v1/images/generations", Script::body(200, "application/json", pictures));
    let router = TestRouter::setup().channel("only", &provider).start().await;

    let body = json!({"model": MODEL, "query": "q", "documents": ["a", "b"], "top_n": 1});
    let reply = router.call("POST", "/v1/rerank").bearer(KEY).json(&body).send().await;
    assert_eq!((reply.status(), reply.text().as_str()), (200, answer));
    assert_eq!(router.row().await.input, 15);
    let body = json!({"model": MODEL, "prompt": "two cats", "n": 2});
    let reply = router.call("POST", "/v1/images/generations").bearer(KEY).json(&body).send().await;
    assert_eq!((reply.status(), reply.text().as_str()), (200, pictures));
    let missing = router.call("POST", "/v1/rerank").bearer(KEY).json(&json!({"model": MODEL, "query": "q"}));
    missing.send().await.error(400, "missing_required_parameter");
}

#[tokio::test]
async fn an_estimate_names_the_cost_of_each_candidate_and_calls_nobody() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("a", &provider).channel("b", &provider).start().await;
    let body = json!({"model": crate::support::ORDERED, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]});

    let reply = router.call("POST", "/v1/estimate").bearer(KEY).json(&body).send().await;

    assert_eq!(reply.status(), 200, "{}", reply.text());
    let answer = reply.json();
    let candidates = answer["candidates"].as_array().expect("candidates");
    assert_eq!(candidates.iter().map(|c| &c["channel"]).collect::<Vec<_>>(), ["a", "b"]);
    let usd = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).expect("dollars");
    let (expected, most) = (usd(&answer["expected_cost_usd"]), usd(&answer["upper_bound_cost_usd"]));
    assert!(expected > 0.0 && expected <= most, "{answer}");
    assert_eq!(candidates[0]["output_tokens_bound"], 100);
    assert_eq!(candidates[0]["input_tokens"], answer["input_tokens"], "{answer}");
    assert!(provider.requests().is_empty(), "an estimate calls nobody");
}

#[cfg(feature = "tokens")]
#[tokio::test]
async fn counts_come_from_the_models_tokenizer_where_it_is_public_and_the_text_is_not_too_long() {
    let provider = SimProvider::start().await;
    let model = |name: &str| json!({"name": name, "price": {"input": 1.0, "output": 2.0}, "context_length": 1_000_000});
    let setup = TestRouter::setup().channel("only", &provider).models(json!([model(MODEL), model("gpt-4o-mini")]));
    let router = setup.start().await;
    let long = "a".repeat(260 * 1024);
    let spaces = " ".repeat(250 * 1024);
    // "tiktoken is great!" has 6 tokens by o200k_base; 3 around a message and 3 before the answer. From characters: a quarter of
    // each, 4 around a message and 3 before the answer.
    for (name, text, by, range) in [
        ("gpt-4o-mini", "tiktoken is great!", "tokenizer", 12..=12),
        (MODEL, "tiktoken is great!", "characters", 12..=12),
        ("gpt-4o-mini", "antidisestablishmentarianism", "tokenizer", 12..=12),
        (MODEL, "antidisestablishmentarianism", "characters", 14..=14),
        ("gpt-4o-mini", &long, "characters", 66_567..=66_567),
        ("gpt-4o-mini", &spaces, "tokenizer", 7..=20_000),
    ] {
        let case = format!("{name}, {} bytes", text.len());
        let body = json!({"model": name, "max_tokens": 9, "messages": [{"role": "user", "content": text}]});
        let reply = router.call("POST", "/v1/estimate").bearer(KEY).json(&body).send().await;
        let estimate = reply.json();
        assert_eq!(estimate["candidates"][0]["input_tokens_by"], by, "{case}: {estimate}");
        let reply = router.call("POST", "/v1/messages/count_tokens").bearer(KEY).json(&body).send().await;
        let counted = &reply.json()["input_tokens"];
        assert_eq!(*counted, estimate["input_tokens"], "{case}: both ways of asking agree");
        assert!(counted.as_u64().is_some_and(|count| range.contains(&count)), "{case}: {counted}");
        let bound = estimate["input_tokens_bound"].as_u64();
        assert!(bound >= counted.as_u64(), "{case}: {estimate}");
    }
    assert!(provider.requests().is_empty(), "nobody is asked");
}
