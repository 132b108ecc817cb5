//! Ollama's own API as a provider's dialect: what follows from the model, and what a client says in Ollama's own words.

use router_wire::adapters::Quirks;
use router_wire::dialects::{Target, anthropic, ollama, openai_chat, openai_responses};
use router_wire::message::Request;
use serde_json::{Value, json};

const PLAIN: &Quirks = &Quirks {
    developer_role: false,
    developer_as_system: false,
    reasoning_content: false,
    reasoning_details: false,
    cache_control: false,
    string_content: false,
    no_nulls: false,
    reasoning_max_completion: false,
    believes_cost: false,
    unsupported_params: Vec::new(),
    renamed_params: Vec::new(),
    max_output_param: None,
};

fn read(body: &Value) -> Request {
    (openai_chat::CLIENT.read_request)(body.to_string().as_bytes()).unwrap()
}

/// The body, and what is lost.
fn written(request: &Request, target: &Target<'_>) -> (Value, String) {
    let encoded = (ollama::PROVIDER.write_request)(request, target).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.lost(&request.dropped).join(" "))
}

fn asks(more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn how_much_to_think_is_said_as_the_model_knows_it() {
    for (model, thinks, wish, think, lost) in [
        ("qwen3:8b", true, json!({"reasoning_effort": "low"}), json!(true), ""),
        ("qwen3:8b", true, json!({"reasoning_effort": "none"}), json!(false), ""),
        ("qwen3:8b", true, json!({}), Value::Null, ""),
        ("gpt-oss:20b", true, json!({"reasoning_effort": "minimal"}), json!("low"), ""),
        ("gpt-oss:20b", true, json!({"reasoning_effort": "medium"}), json!("medium"), ""),
        ("gpt-oss:20b", true, json!({"reasoning_effort": "xhigh"}), json!("high"), ""),
        ("gpt-oss:20b", true, json!({"reasoning": {"max_tokens": 1_000}}), json!("low"), ""),
        ("gpt-oss:20b", true, json!({"reasoning": {"max_tokens": 9_000}}), json!("high"), ""),
        ("gemma3:4b", false, json!({"reasoning_effort": "high"}), Value::Null, "reasoning"),
        ("gemma3:4b", false, json!({"reasoning_effort": "none"}), Value::Null, ""),
    ] {
        let target = Target { thinks, ..Target::new(model, PLAIN) };
        let (body, dropped) = written(&read(&asks(wish.clone())), &target);
        assert_eq!((body.get("think").unwrap_or(&Value::Null), dropped.as_str()), (&think, lost), "{model} {wish}");
    }
}

#[test]
fn the_vendor_s_own_words_arrive_within_what_is_reserved_and_known() {
    let own = json!({"keep_alive": "30m", "options": {"num_ctx": 8_192, "num_predict": 50, "min_p": 0.05, "seed": 1}, "zz": 1});
    let known = Target { context_length: Some(4_096), output_cap: Some(77), ..Target::new("m", PLAIN) };
    let body = asks(json!({"seed": 7}));
    let mut chat = body.clone();
    chat.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    let (sent, lost) = written(&read(&chat), &known);
    assert_eq!((&sent["keep_alive"], lost.as_str()), (&json!("30m"), "zz"));
    assert_eq!(sent["options"], json!({"num_ctx": 4_096, "num_predict": 50, "min_p": 0.05, "seed": 7}));
    // Where nothing is known and no money is limited, they hold as they are.
    let (sent, _) = written(&read(&chat), &Target::new("m", PLAIN));
    assert_eq!(sent["options"], json!({"num_ctx": 8_192, "num_predict": 50, "min_p": 0.05, "seed": 7}));
    let (sent, _) = written(&read(&body), &known);
    assert_eq!(sent["options"], json!({"num_ctx": 4_096, "num_predict": 77, "seed": 7}));
    assert_eq!(sent.get("keep_alive"), None);

    // Clients of the other dialects may say them as well; every other provider's clients are told that they went missing.
    let mut messages = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]});
    let mut responses = json!({"model": "m", "input": "Hello"});
    for body in [&mut messages, &mut responses] {
        body.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    }
    let messages = (anthropic::CLIENT.read_request)(messages.to_string().as_bytes()).unwrap();
    let responses = (openai_responses::CLIENT.read_request)(responses.to_string().as_bytes()).unwrap();
    for request in [messages, responses] {
        let (sent, lost) = written(&request, &known);
        assert_eq!(
            (&sent["keep_alive"], &sent["options"]["min_p"], lost.as_str()),
            (&json!("30m"), &json!(0.05), "zz")
        );
        let elsewhere = (openai_chat::PROVIDER.write_request)(&request, &known).unwrap();
        assert_eq!(elsewhere.lost(&request.dropped), ["keep_alive", "options", "zz"]);
    }
}
