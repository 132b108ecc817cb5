//! Chat Completions as a provider's dialect: what the habits of a vendor change, and histories that are not in order.

use router_wire::adapters::Quirks;
use router_wire::dialects::{Target, openai_chat};
use router_wire::message::Encoded;
use serde_json::{Value, json};

fn write(model: &str, quirks: &Quirks, body: &Value) -> (Value, Encoded) {
    let request = (openai_chat::CLIENT.read_request)(body.to_string().as_bytes()).unwrap();
    let target = Target { model_max_output: Some(1_000), output_cap: Some(500), ..Target::new(model, quirks) };
    let encoded = (openai_chat::PROVIDER.write_request)(&request, &target).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded)
}

#[test]
fn a_gateway_gets_reasoning_and_cache_marks_but_only_its_family_s_signatures() {
    let quirks = Quirks { reasoning_details: true, cache_control: true, ..Quirks::default() };
    let entry = |format: &str| json!({"type": "reasoning.text", "text": "hm", "signature": "s", "format": format});
    let body = json!({"model": "m", "reasoning_effort": "high", "messages": [
        {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c", "reasoning_details": [entry("anthropic-claude-v1"), entry("google-gemini-v1")]},
        {"role": "user", "content": "d"},
    ]});
    let (sent, _) = write("anthropic/claude-x", &quirks, &body);
    assert_eq!(sent["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    let details = &sent["messages"][2]["reasoning_details"];
    assert_eq!(details.as_array().map(Vec::len), Some(1), "{details}");
    assert_eq!((&details[0]["signature"], &details[0]["format"]), (&json!("s"), &json!("anthropic-claude-v1")));
    let (anonymous, _) = write("maker/x", &quirks, &body);
    let details = anonymous["messages"][2]["reasoning_details"].as_array().expect("details");
    let formats: Vec<_> = details.iter().map(|detail| (&detail["format"], &detail["signature"])).collect();
    let (claude, gemini, proof) = (json!("anthropic-claude-v1"), json!("google-gemini-v1"), json!("s"));
    assert_eq!(formats, [(&claude, &proof), (&gemini, &proof)], "whose model it is the gateway knows");
    let mut unsigned = body.clone();
    unsigned["messages"][2]["reasoning_details"] = json!([{"type": "reasoning.text", "text": "hm"}]);
    let (sent_unsigned, _) = write("maker/x", &quirks, &unsigned);
    assert_eq!(sent_unsigned["messages"][2].get("reasoning_details"), None);
    assert_eq!(sent["reasoning"], json!({"effort": "high"}));
    let (sent, _) = write("m", &Quirks { reasoning_content: true, ..Quirks::default() }, &body);
    assert_eq!(sent["messages"][2]["reasoning_content"], "hmhm");
    assert_eq!(sent["reasoning_effort"], "high");
    let (sent, _) = write("m", &Quirks::default(), &body);
    assert_eq!(sent["messages"][2], json!({"role": "assistant", "content": "c"}));
    assert_eq!(sent["messages"][0]["content"], "a");
}

#[test]
fn parameters_follow_the_vendor() {
    let quirks = Quirks {
        developer_role: true,
        string_content: true,
        unsupported_params: vec!["seed".into(), "stream_options".into(), "allowed_tools".into()],
        renamed_params: vec![("top_k".into(), "top_k".into()), ("user".into(), "end_user".into())],
        max_output_param: Some("max_tokens".into()),
        ..Quirks::default()
    };
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let (sent, encoded) = write(
        "m",
        &quirks,
        &json!({
            "model": "m", "stream": true, "seed": 7, "top_k": 40, "user": "u", "max_tokens": 5_000,
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
            ],
            "tools": [tool("f"), tool("g")],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "name": "g"}]}},
        }),
    );
    assert_eq!(sent["messages"], json!([{"role": "developer", "content": "a"}, {"role": "user", "content": "b\n\nc"}]));
    assert_eq!((&sent["max_tokens"], &sent["top_k"], &sent["end_user"]), (&json!(1_000), &json!(40), &json!("u")));
    assert_eq!((&sent["tools"], &sent["tool_choice"]), (&json!([tool("g")]), &json!("auto")));
    for gone in ["seed", "stream_options", "user", "max_completion_tokens"] {
        assert_eq!(sent.get(gone), None, "{gone}");
    }
    assert_eq!(encoded.dropped, ["seed"]);
    // Whose client named no limit gets that of the reservation; usage is always asked for.
    let (sent, _) = write(
        "m",
        &Quirks::default(),
        &json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "a"}]}),
    );
    assert_eq!(
        (&sent["max_completion_tokens"], &sent["stream_options"]),
        (&json!(500), &json!({"include_usage": true}))
    );
}

#[test]
fn calls_and_results_are_put_in_order() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f.g", "arguments": ""}});
    let long = format!("call_{}", "x".repeat(80));
    let (sent, encoded) = write(
        "m",
        &Quirks::default(),
        &json!({"model": "m", "messages": [
            {"role": "assistant", "content": null, "tool_calls": [call("a"), call(&long)]},
            {"role": "tool", "tool_call_id": &long, "content": "second"},
            {"role": "tool", "tool_call_id": "nobody", "content": "orphan"},
            {"role": "user", "content": "go on"},
        ]}),
    );
    let messages = sent["messages"].as_array().unwrap();
    let calls = &messages[0]["tool_calls"];
    assert_eq!(calls[0]["function"], json!({"name": "f_g", "arguments": "{}"}));
    assert_eq!(encoded.names.down("f_g"), "f.g");
    assert!(calls[1]["id"].as_str().unwrap().len() <= 40);
    assert_eq!(messages[1], json!({"role": "tool", "tool_call_id": calls[1]["id"], "content": "second"}));
    assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "a", "content": "(no result)"}));
    assert_eq!(messages[3]["content"][0]["text"], "orphan");
    assert_eq!(messages.len(), 4);
}

#[test]
fn what_only_chat_has_is_told_apart_from_hints() {
    let (n, search) = (json!(2), json!({}));
    let body = json!({"model": "m", "n": n, "web_search_options": search, "modalities": ["text", "audio"], "audio": {},
        "messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {}}]}], "prediction": {}, "provider": {}});
    let request = (openai_chat::CLIENT.read_request)(body.to_string().as_bytes()).unwrap();
    let refused: Vec<&str> = request.unsupported.iter().map(|one| one.param.as_str()).collect();
    assert_eq!(refused, ["messages[0].content", "n", "web_search_options", "modalities"]);
    assert_eq!(request.dropped, ["prediction"]);
}
