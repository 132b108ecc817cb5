//! What routing learns of a request, and how it passes where nothing is translated.

use super::*;

fn take(body: &Value) -> Result<Intake, RequestError> {
    let (dialect, route) = dialects::by_path("/v1/responses", "").unwrap();
    assert_eq!((dialect.name, dialect.budget_status), ("openai_responses", 429));
    (dialect.read)(&route, body.to_string().as_bytes())
}

#[test]
fn routing_learns_what_a_request_needs() {
    use Capability as C;
    let of = |more: Value| take(&asks(json!("hi"), more)).unwrap().ask.needs;
    let tool = |kind: &str| json!({"type": kind, "name": "f"});
    let part = |part: Value| take(&asks(json!([{"role": "user", "content": [part]}]), json!({}))).unwrap();
    for (needs, wanted) in [
        (of(json!({})), vec![C::Chat]),
        (of(json!({"stream": true})), vec![C::Chat, C::Streaming]),
        (of(json!({"tools": [tool("function")]})), vec![C::Chat, C::FunctionCalling]),
        (of(json!({"tools": [tool("web_search")]})), vec![C::Chat, C::WebSearch]),
        (of(json!({"tools": [tool("custom"), tool("web_search")]})), vec![C::Chat, C::FunctionCalling]),
        (of(json!({"text": {"format": {"type": "json_schema"}}})), vec![C::Chat, C::JsonSchema]),
        (of(json!({"text": {"verbosity": "low", "format": {"type": "json_object"}}})), vec![C::Chat, C::JsonMode]),
        (part(json!({"type": "input_image", "image_url": "https://e.org/a.png"})).ask.needs, vec![C::Chat, C::Vision]),
        (part(json!({"type": "input_image", "file_id": "file_1"})).ask.needs, vec![C::Chat, C::Vision]),
        (part(json!({"type": "input_file", "file_data": "JVBE"})).ask.needs, vec![C::Chat, C::FileInput]),
    ] {
        assert_eq!(needs, wanted.into_iter().collect::<Capabilities>());
    }
    let shown = take(&asks(
        json!([{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}]),
        json!({}),
    ));
    assert!(shown.unwrap().ask.needs.has(C::Vision));
    // A megabyte of picture is a picture, no megabyte of text.
    let picture = format!("data:image/png;base64,{}", "A".repeat(1 << 20));
    let low = part(json!({"type": "input_image", "detail": "low", "image_url": picture}));
    assert!(low.ask.input_tokens < 200 && low.ask.input_tokens_bound < 10_000, "{:?}", low.ask);
    let words = take(&asks(
        json!([{"role": "user", "content": "abcd ".repeat(80)}]),
        json!({"instructions": "abcd ".repeat(80)}),
    ));
    assert!((190..260).contains(&words.unwrap().ask.input_tokens));
    let codex = take(&serde_json::from_str(CODEX).unwrap()).unwrap();
    assert_eq!((codex.ask.model.as_str(), codex.ask.stream, codex.reasoning_wanted), ("auto:code", true, true));
    assert_eq!((codex.cache_key.as_deref(), codex.state), (Some("0199-conversation"), None));
    assert!(codex.ask.input_tokens_bound as usize >= CODEX.len() / 2);
}

#[test]
fn state_is_known_by_its_id_and_nonsense_refused_by_name() {
    for (more, state) in [
        (json!({"previous_response_id": "resp_1"}), Some(("previous_response_id", "resp_1"))),
        (json!({"conversation": "conv_1"}), Some(("conversation", "conv_1"))),
        (json!({"conversation": {"id": "conv_2"}}), Some(("conversation", "conv_2"))),
        (json!({"previous_response_id": null}), None),
    ] {
        let found = take(&asks(json!("hi"), more)).unwrap().state;
        assert_eq!(found.as_ref().map(|state| (state.param, state.id.as_str())), state);
    }
    let items = json!([{"type": "item_reference", "id": "msg_1"}, {"type": "item_reference", "id": "rs_2"}, {"role": "user", "content": "item_reference"}]);
    let found = take(&asks(items, json!({}))).unwrap().state.unwrap();
    assert_eq!((found.param, found.id.as_str()), ("input", "rs_2"));
    let said = json!([{"role": "user", "content": [{"type": "input_text", "text": "\"item_reference\""}]}]);
    assert_eq!(take(&asks(said, json!({}))).unwrap().state, None);
    assert!(take(&json!({"model": "m", "previous_response_id": "resp_1"})).is_ok());
    assert!(take(&json!({"model": "m", "prompt": {"id": "pmpt_1"}})).is_ok());
    for (body, code, param) in [
        (json!({"input": "hi"}), "missing_required_parameter", "model"),
        (json!({"model": "m"}), "missing_required_parameter", "input"),
        (json!({"model": "m", "input": {}}), "invalid_value", "input"),
        (asks(json!("hi"), json!({"stream": "yes"})), "invalid_value", "stream"),
        (asks(json!("hi"), json!({"max_output_tokens": 0})), "invalid_value", "max_output_tokens"),
    ] {
        let error = take(&body).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{body}");
    }
    let (_, count) = dialects::by_path("/responses/input_tokens", "").unwrap();
    assert_eq!(count.endpoint, Endpoint::CountTokens);
    assert_eq!(dialects::of_errors("/v1/responses/resp_1", |_| false).name, "openai_responses");
}

#[test]
fn the_same_dialect_passes_byte_for_byte() {
    let body = r#"{ "input":"hi","foo":1.50, "model":"auto:code","models":["b"],"store":true}"#;
    let (dialect, route) = dialects::by_path("/v1/responses", "").unwrap();
    let intake = (dialect.read)(&route, body.as_bytes()).unwrap();
    assert_eq!(intake.ask.models, ["b"]);
    let preset = (adapters::by_name("openai").preset)();
    let spliced = |output_cap| {
        let passing = Passing { body: body.as_bytes(), intake: &intake, model: "gpt-5", output_cap, preset: &preset };
        String::from_utf8((dialect.splice)(&passing)).unwrap()
    };
    assert_eq!(spliced(None), r#"{ "input":"hi","foo":1.50, "model":"gpt-5","store":true}"#);
    assert_eq!(spliced(Some(9)), r#"{"max_output_tokens":16, "input":"hi","foo":1.50, "model":"gpt-5","store":true}"#);
}
