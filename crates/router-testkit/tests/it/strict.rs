//! What each simulated provider refuses, as the real one does: one row per refusal, and the same request made right.

use crate::client::{parsed, post_with};
use crate::dialects::VERSION;
use router_testkit::SimProvider;
use serde_json::{Value, json};

/// A request of a dialect with fields added; `null` removes one.
fn with(base: &Value, more: Value) -> Value {
    let mut body = base.clone();
    for (field, value) in more.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(field);
        } else {
            body[field] = value.clone();
        }
    }
    body
}

async fn check(path: &str, base: &Value, rows: Vec<(Value, Option<&str>)>) {
    let provider = SimProvider::start().await;
    for (more, refused) in rows {
        let response = post_with(&provider, path, &with(base, more.clone()), VERSION).await;
        let body = parsed(&response);
        match refused {
            None => assert_eq!(response.status(), 200, "{more}: {body}"),
            Some(words) => {
                assert!((400..500).contains(&response.status()), "{more}: {body}");
                assert!(body.to_string().contains(words), "{more}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn anthropic() {
    let tool = json!([{"name": "t", "input_schema": {"type": "object"}}]);
    let user = |content: Value| json!({"role": "user", "content": content});
    let used = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "t", "input": {}}]});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
    let text = |text: &str| json!({"type": "text", "text": text});
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    let forged = json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "forged"}, {"type": "text", "text": "y"}]});
    let base = json!({"model": "claude", "max_tokens": 2000, "messages": [user(json!("hi"))]});
    let rows = vec![
        (json!({}), None),
        (json!({"max_tokens": null}), Some("max_tokens: Field required")),
        (json!({"foo": 1}), Some("Extra inputs are not permitted")),
        (json!({"temperature": 1.7}), Some("range: 0..1")),
        (json!({"messages": [user(json!([text("")]))]}), Some("non-empty")),
        (json!({"messages": [user(json!([text("  ")]))]}), Some("non-whitespace")),
        (json!({"messages": [json!({"role": "tool", "content": "x"})]}), Some("first message")),
        (json!({"messages": [user(json!("x")), used, user(json!([result("a")]))]}), Some("must define tools")),
        (json!({"tools": tool, "messages": [user(json!("x")), used, user(json!([result("a"), text("and")]))]}), None),
        (
            json!({"tools": tool, "messages": [user(json!("x")), used, user(json!([text("and"), result("a")]))]}),
            Some("must come first"),
        ),
        (
            json!({"tools": tool, "messages": [user(json!("x")), used, user(json!([result("b")]))]}),
            Some("unexpected `tool_use_id`"),
        ),
        (
            json!({"tools": tool, "messages": [user(json!("x")), used, user(json!("what?"))]}),
            Some("without `tool_result`"),
        ),
        (json!({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}), Some("should match pattern")),
        (json!({"tools": tool, "tool_choice": {"type": "any"}, "thinking": thinking}), Some("forces tool use")),
        (json!({"thinking": thinking, "max_tokens": 1024}), Some("must be greater than")),
        (json!({"messages": [user(json!("x")), forged, user(json!("z"))]}), Some("Invalid `signature`")),
        (
            json!({"tools": tool, "thinking": thinking, "messages": [user(json!("x")), used, user(json!([result("a")]))]}),
            Some("must start with a thinking block"),
        ),
        (
            json!({"messages": [user(json!("x")), {"role": "assistant", "content": "ends "}]}),
            Some("trailing whitespace"),
        ),
        (json!({"messages": [user(json!("x")), {"role": "system", "content": "be brief"}]}), None),
    ];
    check("/v1/messages", &base, rows).await;
    let provider = SimProvider::start().await;
    assert_eq!(post_with(&provider, "/v1/messages", &base, "").await.status(), 400, "anthropic-version is required");
}

#[tokio::test]
async fn gemini() {
    let say = |role: &str, part: Value| json!({"role": role, "parts": [part]});
    let call = json!({"functionCall": {"name": "t", "args": {}}});
    let reply = |name: &str| json!({"functionResponse": {"name": name, "response": {"output": 1}}});
    let declared = |parameters: Value| json!([{"functionDeclarations": [{"name": "t", "parameters": parameters}]}]);
    let ask = say("user", json!({"text": "x"}));
    let base = json!({"contents": [ask]});
    let old = vec![
        (json!({}), None),
        (json!({"systemInstruction": {"parts": [{"text": "s"}]}, "system_instruction": null}), None),
        (json!({"contents": []}), Some("contents is not specified")),
        (json!({"foo": 1}), Some("Unknown name")),
        (json!({"contents": [say("assistant", json!({"text": "x"}))]}), Some("valid role")),
        (json!({"contents": [ask, say("model", call.clone()), say("user", reply("t"))]}), None),
        (json!({"contents": [ask, say("model", call.clone()), say("user", reply(""))]}), Some("Name cannot be empty")),
        (
            json!({"contents": [ask, say("model", call.clone()), say("user", json!({"text": "no"}))]}),
            Some("number of function response parts"),
        ),
        (json!({"contents": [ask, say("user", reply("t"))]}), Some("immediately after")),
        (
            json!({"contents": [ask, say("model", json!({"functionCall": {"id": "1", "name": "t"}})), say("user", reply("t"))]}),
            Some("Unknown name"),
        ),
        (
            json!({"tools": declared(json!({"type": "object", "additionalProperties": false}))}),
            Some("additionalProperties"),
        ),
        (json!({"tools": declared(json!({"type": ["string", "null"]}))}), Some("not repeating")),
        (
            json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}}),
            Some("only one of"),
        ),
        (json!({"generationConfig": {"responseJsonSchema": {"type": "object"}}}), Some("must be application/json")),
        (json!({"generationConfig": {"seed": 1_u64 << 40}}), Some("TYPE_INT32")),
    ];
    check("/v1beta/models/gemini-2.5-flash:generateContent", &base, old).await;
    let signed = |signature: &str| json!({"functionCall": {"name": "t", "args": {}}, "thoughtSignature": signature});
    let round = |part: Value| json!({"contents": [ask, say("model", part), say("user", reply("t"))]});
    let new = vec![
        (round(call), Some("missing a thought_signature")),
        (round(signed("forged")), Some("not valid")),
        (round(signed("skip_thought_signature_validator")), None),
        (json!({"generationConfig": {"frequencyPenalty": 1}}), Some("Penalty is not enabled")),
    ];
    check("/v1beta/models/gemini-3-pro:generateContent", &base, new).await;
}

#[tokio::test]
async fn responses() {
    let base = json!({"model": "gpt-5", "input": "x"});
    let function = |more: Value| json!({"tools": [with(&json!({"type": "function", "name": "t", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}), more)]});
    let called = json!({"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c", "output": "r"});
    let rows = vec![
        (json!({}), None),
        (json!({"input": null}), Some("'input'")),
        (json!({"max_output_tokens": 5}), Some("integer_below_min_value")),
        (json!({"max_tokens": 50}), Some("unknown_parameter")),
        (function(json!({})), Some("additionalProperties")),
        (function(json!({"strict": false})), None),
        (function(json!({"name": null})), Some("tools[0].name")),
        (json!({"input": [called, output]}), None),
        (json!({"input": [called]}), Some("No tool output found")),
        (json!({"input": [output]}), Some("No tool call found")),
        (
            json!({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
            Some("Supported values are"),
        ),
        (
            json!({"input": [{"role": "user", "content": "x"}, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "forged"}, called, output]}),
            Some("invalid_encrypted_content"),
        ),
        (json!({"previous_response_id": "resp_of_another"}), Some("previous_response_not_found")),
    ];
    check("/v1/responses", &base, rows).await;
}

#[tokio::test]
async fn chat_and_its_vendors() {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    let tool = json!({"role": "tool", "tool_call_id": "a", "content": "r"});
    let called = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "t", "arguments": "{}"}}]});
    let ask = json!({"role": "user", "content": "x"});
    let developer = json!({"messages": [{"role": "developer", "content": "s"}, ask]});
    let table = [
        ("/v1", json!({"messages": [ask, tool]}), Some("must be a response to")),
        ("/v1", json!({"messages": [ask, called, tool]}), None),
        ("/v1", json!({"messages": [ask, called, ask]}), Some("must be followed by tool messages")),
        ("/v1", json!({"tools": []}), Some("empty array")),
        ("/v1", json!({"tool_choice": "auto"}), Some("only allowed when")),
        ("/v1", json!({"model": "o3-mini", "max_tokens": 5}), Some("unsupported_parameter")),
        ("/v1", json!({"model": "o3-mini", "max_completion_tokens": 5}), None),
        ("/v1", developer.clone(), None),
        ("/groq/openai/v1", json!({"messages": [ask, called, tool]}), Some("must be a string")),
        ("/groq/openai/v1", json!({"n": 2}), Some("at most 1")),
        ("/siliconflow/v1", developer.clone(), Some("20015")),
        ("/deepseek", developer, Some("unknown variant")),
        (
            "/deepseek",
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
            Some("expected a string"),
        ),
        (
            "/deepseek",
            json!({"thinking": {"type": "enabled"}, "messages": [ask, called, tool]}),
            Some("reasoning_content"),
        ),
        (
            "/openrouter/api/v1",
            json!({"messages": [ask, {"role": "assistant", "content": "y", "reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": "forged"}]}, ask]}),
            Some("signature"),
        ),
        ("/vllm/v1", json!({"tools": [{"type": "custom", "custom": {"name": "t"}}]}), Some("unknown variant")),
    ];
    for (prefix, more, refused) in table {
        check(&format!("{prefix}/chat/completions"), &base, vec![(more, refused)]).await;
    }
    check("/openai/deployments/d/chat/completions", &base, vec![(json!({}), Some("Resource not found"))]).await;
}

#[tokio::test]
async fn ollama() {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": false});
    let rows = vec![
        (json!({}), None),
        (
            json!({"messages": [{"role": "user", "content": "x", "images": ["data:image/png;base64,AAAA"]}]}),
            Some("illegal base64"),
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
            Some("cannot unmarshal array"),
        ),
        (
            json!({"messages": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "t", "arguments": "{}"}}]}]}),
            Some("cannot unmarshal string"),
        ),
    ];
    check("/api/chat", &base, rows).await;
}

#[tokio::test]
async fn wrong_keys_are_refused_in_the_words_of_the_dialect() {
    let provider = SimProvider::start().await.with_keys(["good"]);
    let table = [
        (
            "/v1/chat/completions",
            401,
            json!({"error": {"message": "Incorrect API key provided.", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}),
        ),
        ("/siliconflow/v1/chat/completions", 401, json!("Invalid token")),
        (
            "/v1/messages",
            401,
            json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}, "request_id": "req_simulated"}),
        ),
    ];
    for (path, status, body) in table {
        let refused = post_with(&provider, path, &json!({}), "x-api-key: bad\r\n").await;
        assert_eq!((refused.status(), parsed(&refused)), (status, body), "{path}");
    }
    let gemini = post_with(&provider, "/v1beta/models/g:generateContent?key=bad", &json!({}), "").await;
    assert_eq!((gemini.status(), &parsed(&gemini)["error"]["details"][0]["reason"]), (400, &json!("API_KEY_INVALID")));
    let contents = json!({"contents": [{"parts": [{"text": "x"}]}]});
    for headers in ["x-goog-api-key: good\r\n", "authorization: Bearer good\r\n", "x-api-key: good\r\n"] {
        assert_eq!(
            post_with(&provider, "/v1beta/models/g:generateContent", &contents, headers).await.status(),
            200,
            "{headers}"
        );
    }
}
