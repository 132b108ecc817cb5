//! Gemini's codec from the outside: what goes up, what comes down, and streams cut into any events.

use router_core::usage::Usage;
use router_wire::adapters::Quirks;
use router_wire::answer::NotAnAnswer;
use router_wire::dialects::gemini::{CLIENT, PROVIDER};
use router_wire::dialects::{Echo, Target};
use router_wire::message::{
    Collector, Content, Effort, Event, Format, Media, Part, ReasoningWish, Request, Role, Signature, SignatureFormat,
    Stop, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
use serde_json::{Value, json};

fn read(body: &Value) -> Request {
    (CLIENT.read_request)(&serde_json::to_vec(body).unwrap()).unwrap()
}

fn target<'a>(model: &'a str, quirks: &'a Quirks) -> Target<'a> {
    Target::new(model, quirks)
}

fn write(request: &Request, model: &str) -> (Value, Vec<String>) {
    let quirks = Quirks::default();
    let encoded = (PROVIDER.write_request)(request, &target(model, &quirks)).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped)
}

fn refused(request: &Request, model: &str) -> String {
    let quirks = Quirks::default();
    (PROVIDER.write_request)(request, &target(model, &quirks)).unwrap_err().param
}

fn echo() -> Echo<'static> {
    Echo { model: "m", id: "x1", created: 7, usage_wanted: true, input_tokens: 3, request: None }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom: false, signature: None }))
}

fn result(id: &str, text: &str) -> Part {
    let (call_id, parts) = (id.into(), vec![Part::text(text)]);
    Part::new(Content::ToolResult(ToolResult { call_id, name: None, parts, is_error: false, custom: false }))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn events(stream: &[Value]) -> (Vec<Event>, bool) {
    let mut decoder = (PROVIDER.decoder)();
    let mut events = Vec::new();
    for value in stream {
        decoder.event(value.to_string().as_bytes(), &mut events);
    }
    let proper = decoder.end(&mut events);
    (events, proper)
}

#[test]
fn a_request_comes_back_as_it_was_read() {
    let body = json!({
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0="}}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": true, "thoughtSignature": "c2ln"},
                {"text": "so", "thoughtSignature": "dGV4dA=="},
                {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}, "thoughtSignature": "Y2FsbA=="},
                {"functionCall": {"id": "b", "name": "f", "args": {}}}
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "a", "name": "f", "response": {"output": "ok"}}},
                {"functionResponse": {"id": "b", "name": "f", "response": {"error": "no"}}},
                {"text": "go on"}
            ]}
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "temperature": 0.10, "topP": 0.5, "topK": 4, "maxOutputTokens": 9, "seed": 5, "stopSequences": ["x"],
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": true}
        }
    });
    let request = read(&body);
    assert_eq!((request.dropped.len(), request.unsupported.len()), (0, 0));
    let (written, dropped) = write(&request, "gemini-3-pro");
    assert_eq!(written, body);
    assert_eq!(dropped, [""; 0]);
    assert_eq!(read(&written), request);
}

#[test]
fn both_spellings_and_googles_schema_are_read() {
    let request = read(&json!({
        "system_instruction": "s",
        "contents": "hello",
        "tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f", "g"]}},
        "generation_config": {"max_output_tokens": 3, "stop_sequences": ["a"], "response_mime_type": "application/json",
            "thinking_config": {"thinking_budget": 0}, "media_resolution": "LOW"},
        "safety_settings": [], "labels": {"a": "b"}
    }));
    assert_eq!(request.system, [Part::text("s")]);
    assert_eq!(request.turns, [turn(Role::User, vec![Part::text("hello")])]);
    let parameters = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    assert_eq!(request.tools[0].parameters, Some(parameters));
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { names: vec!["f".into(), "g".into()], required: true }));
    assert_eq!((request.max_output_tokens, request.format), (Some(3), Format::Json));
    assert_eq!(request.reasoning.unwrap().effort, Some(Effort::None));
    let mut dropped = request.dropped;
    dropped.sort();
    assert_eq!(dropped, ["generationConfig.media_resolution", "labels", "safety_settings"]);
}

#[test]
fn what_only_google_can_do_is_unsupported_and_named() {
    for (field, param) in [
        (json!({"tools": [{"googleSearch": {}}]}), "tools[0].googleSearch"),
        (json!({"tools": [{"functionDeclarations": []}, {"code_execution": {}}]}), "tools[1].code_execution"),
        (json!({"cachedContent": "cachedContents/1"}), "cachedContent"),
        (json!({"generationConfig": {"candidateCount": 2}}), "generationConfig.candidateCount"),
        (json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}), "generationConfig.responseModalities"),
        (json!({"generationConfig": {"responseMimeType": "text/x.enum"}}), "generationConfig.responseMimeType"),
    ] {
        let mut body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
        body.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        let request = read(&body);
        assert_eq!(request.unsupported.first().map(|first| first.param.as_str()), Some(param));
        assert_eq!(refused(&request, "gemini-3-pro"), param);
    }
    let video = json!({"contents": [{"parts": [{"fileData": {"mimeType": "video/mp4", "fileUri": "https://x"}}]}]});
    assert_eq!(read(&video).unsupported[0].param, "contents[0].parts[0]");
}

#[test]
fn calls_without_ids_are_matched_by_name_and_order() {
    let request = read(&json!({"contents": [
        {"role": "model", "parts": [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "g"}}, {"functionCall": {"name": "f"}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "g", "response": {"a": 1}}},
            {"functionResponse": {"id": "invented", "name": "f", "response": {"output": [1]}}},
            {"functionResponse": {"name": "f", "response": {"output": "2"}}}
        ]}
    ]}));
    let calls: Vec<&str> = request.turns[0]
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call.id.as_str()),
            _ => None,
        })
        .collect();
    let results: Vec<(&str, &str)> = request.turns[1]
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolResult(result) => Some((result.call_id.as_str(), result.parts[0].as_text().unwrap())),
            _ => None,
        })
        .collect();
    assert_eq!(results, [(calls[1], r#"{"a":1}"#), (calls[0], "[1]"), (calls[2], "2")]);
    assert!(calls[0] != calls[1] && calls[1] != calls[2] && calls[0] != calls[2]);
}

/// T77: names recovered by id, results in the order of their calls, missing ones filled, orphans kept as text.
#[test]
fn results_follow_their_calls() {
    let request = Request {
        turns: vec![
            turn(Role::User, vec![Part::text("hi")]),
            turn(Role::Assistant, vec![call("1", "f", r#"{"a":1}"#), call("2", "g", "{broken"), call("3", "h", "")]),
            turn(Role::User, vec![Part::text("and"), result("2", r#"{"$ref":"x"}"#)]),
            turn(Role::User, vec![result("1", r#"{"ok":true}"#), result("9", "lost")]),
        ],
        ..Request::default()
    };
    let (body, _) = write(&request, "gemini-2.5-flash");
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "f", "args": {"a": 1}}},
                {"functionCall": {"name": "g", "args": {"_raw": "{broken"}}},
                {"functionCall": {"name": "h", "args": {}}}
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"ok": true}}},
                {"functionResponse": {"name": "g", "response": {"output": r#"{"$ref":"x"}"#}}},
                {"functionResponse": {"name": "h", "response": {"output": "(no result)"}}},
                {"text": "Result of the tool call: lost"},
                {"text": "and"}
            ]}
        ])
    );
    let (body, _) = write(&request, "gemini-3-flash");
    let parts = &body["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(parts[1].get("thoughtSignature"), None);
    assert_eq!(
        (&parts[0]["functionCall"]["id"], &body["contents"][2]["parts"][1]["functionResponse"]["id"]),
        (&json!("1"), &json!("2"))
    );
}

/// T85, T86 and the hints of the parameter table.
#[test]
fn parameters_fit_the_generation_of_the_model() {
    let number = |text: &str| Some(serde_json::from_str(text).unwrap());
    let mut request = Request::default();
    request.sampling.seed = number("1099511627776");
    request.sampling.presence_penalty = number("0.5");
    request.user = Some("u".into());
    request.reasoning = Some(ReasoningWish { effort: Some(Effort::None), budget: None, ..ReasoningWish::default() });
    let (body, dropped) = write(&request, "gemini-2.5-pro");
    assert_eq!(body["generationConfig"], json!({"presencePenalty": 0.5, "thinkingConfig": {"thinkingBudget": 128}}));
    assert_eq!(dropped, ["seed", "user"]);
    let (body, dropped) = write(&request, "gemini-3-pro");
    assert_eq!(body["generationConfig"], json!({"thinkingConfig": {"thinkingLevel": "LOW"}}));
    assert_eq!(dropped, ["presence_penalty", "seed", "user"]);
    request.stop = vec!["x".into(); 6];
    assert_eq!(refused(&request, "gemini-3-pro"), "stop");
}

#[test]
fn limits_are_clamped_and_the_reserved_cap_is_sent() {
    let quirks = Quirks::default();
    for (asked, reserved, most, sent) in [
        (Some(9), Some(5), None, json!(9)),
        (None, Some(5), None, json!(5)),
        (Some(9), None, Some(8), json!(8)),
        (None, None, Some(8), json!(null)),
    ] {
        let request = Request { max_output_tokens: asked, ..Request::default() };
        let target = Target { model_max_output: most, output_cap: reserved, ..Target::new("gemini-3-pro", &quirks) };
        let body: Value = serde_json::from_slice(&(PROVIDER.write_request)(&request, &target).unwrap().body).unwrap();
        assert_eq!(body["generationConfig"]["maxOutputTokens"], sent);
    }
}

/// T84: any schema goes as JSON Schema, references included; names are made legal and come back.
#[test]
fn tools_go_with_their_json_schema() {
    let schema = json!({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "type": ["object", "null"], "additionalProperties": false});
    let tool = |name: &str, parameters: Option<Value>, custom: Option<Value>| Tool {
        name: name.into(),
        description: None,
        parameters,
        strict: Some(true),
        custom,
        cache: None,
    };
    let mut request = Request {
        tools: vec![
            tool("mcp/find", Some(schema.clone()), None),
            tool("plain", Some(json!({})), None),
            tool("free", None, Some(Value::Null)),
        ],
        tool_choice: Some(ToolChoice::Named("mcp/find".into())),
        parallel_tool_calls: Some(false),
        ..Request::default()
    };
    let (body, dropped) = write(&request, "gemini-2.5-pro");
    let declarations = &body["tools"][0]["functionDeclarations"];
    assert_eq!(declarations[0], json!({"name": "mcp_find", "parametersJsonSchema": schema}));
    assert_eq!(declarations[1], json!({"name": "plain"}));
    assert_eq!(declarations[2]["parametersJsonSchema"]["required"], json!(["input"]));
    assert_eq!(
        body["toolConfig"]["functionCallingConfig"],
        json!({"mode": "ANY", "allowedFunctionNames": ["mcp_find"]})
    );
    assert_eq!(dropped, ["parallel_tool_calls"]);
    request.format = Format::Json;
    assert_eq!(refused(&request, "gemini-2.5-pro"), "response_format");
    write(&request, "gemini-3-pro");
    request.tools.push(tool("patch", None, Some(json!({"type": "grammar"}))));
    assert_eq!(refused(&request, "gemini-3-pro"), "tools");
}

#[test]
fn only_bytes_and_googles_own_files_go_up() {
    let image = |address: &str| {
        let parts = vec![Part::new(Content::Image(Media::from_address(address)))];
        Request { turns: vec![turn(Role::User, parts)], ..Request::default() }
    };
    assert_eq!(refused(&image("http://169.254.169.254/x.png"), "gemini-3-pro"), "messages");
    let (body, _) = write(&image("data:;base64,/9j/4AAQ"), "gemini-3-pro");
    assert_eq!(body["contents"][0]["parts"][0]["inlineData"]["mimeType"], "image/jpeg");
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/1";
    let (body, _) = write(&image(uri), "gemini-3-pro");
    assert_eq!(body["contents"][0]["parts"][0], json!({"fileData": {"fileUri": uri}}));
}

#[test]
fn foreign_signatures_come_home_and_go_nowhere_else() {
    let signature = Signature::new(SignatureFormat::Anthropic, "EqQ=");
    let thinking = router_wire::message::Reasoning { text: "hm".into(), signature: Some(signature), redacted: false };
    let answer = router_wire::message::Answer {
        parts: vec![Part::new(Content::Reasoning(thinking.clone()))],
        ..Default::default()
    };
    let body: Value = serde_json::from_slice(&(CLIENT.write_answer)(&answer, &echo())).unwrap();
    let content = body["candidates"][0]["content"].clone();
    let request = read(&json!({"contents": [content]}));
    assert_eq!(request.turns[0].parts, [Part::new(Content::Reasoning(thinking))]);
    let (up, _) = write(&request, "gemini-3-pro");
    assert_eq!(up["contents"], json!([{"role": "user", "parts": [{"text": "."}]}]));
}

/// T78 and the usage rules.
#[test]
fn calls_of_different_events_end_in_tool_use() {
    let chunk = |part: Value| json!({"candidates": [{"content": {"role": "model", "parts": [part]}}], "responseId": "r", "modelVersion": "v"});
    let (events, proper) = events(&[
        chunk(json!({"text": "hm", "thought": true})),
        chunk(json!({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"})),
        chunk(json!({"functionCall": {"name": "f", "args": {"a": 1}}})),
        chunk(json!({"text": ""})),
        json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}}),
        json!({"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6}}),
    ]);
    assert!(proper);
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    let answer = collector.finish();
    assert_eq!((answer.id.as_deref(), answer.model.as_deref(), &answer.stop), (Some("r"), Some("v"), &Stop::ToolUse));
    assert_eq!(answer.usage, Some(Usage { input: 4, output: 2, ..Usage::default() }));
    let calls: Vec<&ToolCall> = answer
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        })
        .collect();
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0].id, calls[1].id);
    assert_eq!(calls[0].signature, Some(Signature::new(SignatureFormat::Gemini, "c2ln")));
    assert!(
        calls.iter().all(|call| call.arguments == r#"{"a":1}"# && call.signature.is_none() == (call.id == calls[1].id))
    );
}

/// T79, T80, T83 and the table of finish reasons.
#[test]
fn odd_answers_are_told_apart() {
    let read = |body: &str| (PROVIDER.read_answer)(body.as_bytes());
    let finished = |reason: &str, parts: &str| {
        read(&format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"{reason}"}}]}}"#))
    };
    let text = r#"{"text":"a"}"#;
    for (reason, stop) in [
        ("STOP", Stop::End),
        ("MAX_TOKENS", Stop::Length),
        ("CONTINUATION", Stop::Length),
        ("SAFETY", Stop::Refusal),
        ("MODEL_ARMOR", Stop::Refusal),
        ("IMAGE_SAFETY", Stop::Refusal),
        ("OTHER", Stop::End),
        ("BRAND_NEW", Stop::End),
        ("MALFORMED_FUNCTION_CALL", Stop::End),
    ] {
        assert_eq!(finished(reason, text).unwrap().stop, stop, "{reason}");
    }
    assert_eq!(finished("STOP", r#"{"functionCall":{"name":"f"}}"#).unwrap().stop, Stop::ToolUse);
    assert_eq!(finished("MAX_TOKENS", "").unwrap().stop, Stop::Length);
    let blocked =
        read(r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":5}}"#).unwrap();
    assert_eq!((blocked.stop, blocked.usage.unwrap().input), (Stop::Refusal, 5));
    for empty in [
        r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#,
        r#"{"candidates":[{"content":{},"finishReason":"STOP"}]}"#,
        "{}",
        "[]",
        "",
    ] {
        assert_eq!(read(empty).unwrap_err(), NotAnAnswer::Empty, "{empty}");
    }
    for error in [r#"{"error":{"code":429}}"#, r#"[{"error":{"code":429}}]"#] {
        assert_eq!(read(error).unwrap_err(), NotAnAnswer::Error);
    }
    assert_eq!(read("data: {}\n\n").unwrap_err(), NotAnAnswer::Stream);
    assert!(matches!(read("<html>").unwrap_err(), NotAnAnswer::Bad(_)));
    assert!(matches!(read("{").unwrap_err(), NotAnAnswer::Bad(_)));
    // A stream that came as one array.
    let array = format!(
        r#"[{{"candidates":[{{"content":{{"parts":[{text}]}}}}]}},{{"candidates":[{{"content":{{"parts":[{text}]}},"finishReason":"STOP"}}]}}]"#
    );
    assert_eq!(read(&array).unwrap().parts, [Part::text("aa")]);
    assert!(!events(&[json!({"candidates": [{"content": {"parts": [{"text": "cut"}]}}]})]).1);
}

#[test]
fn a_stream_is_written_in_whole_parts_and_read_back_the_same() {
    let usage = Usage { input: 9, output: 5, reasoning: 2, ..Usage::default() };
    let written = [
        Event::Reasoning("h".into()),
        Event::Reasoning("m".into()),
        Event::ReasoningSignature { signature: Signature::new(SignatureFormat::Anthropic, "s"), redacted: false },
        Event::Text("hel".into()),
        Event::Text("lo".into()),
        Event::Ping,
        Event::ToolStart { index: 0, id: "t0".into(), name: "f".into(), custom: false, signature: None },
        Event::ToolStart { index: 1, id: "t1".into(), name: "g".into(), custom: false, signature: None },
        Event::ToolArguments { index: 0, delta: "{\"a\"".into() },
        Event::ToolArguments { index: 1, delta: "{}".into() },
        Event::ToolArguments { index: 0, delta: ":1}".into() },
        Event::ToolEnd { index: 0 },
        Event::Stop(Stop::ToolUse),
    ];
    let mut encoder = (CLIENT.encoder)(&echo());
    let mut out = Vec::new();
    written.iter().for_each(|event| encoder.event(event, &mut out));
    encoder.end(Some(&usage), &mut out);
    let stream = String::from_utf8(out).unwrap();
    let objects: Vec<Value> = stream
        .split_terminator("\r\n\r\n")
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let parts: Vec<&Value> = objects.iter().map(|object| &object["candidates"][0]["content"]["parts"][0]).collect();
    assert_eq!(parts[4], &json!({"functionCall": {"id": "t0", "name": "f", "args": {"a": 1}}}));
    assert_eq!(parts[5], &json!({"functionCall": {"id": "t1", "name": "g", "args": {}}}));
    // A client that keeps every event as a content brings the whole thought back with its signature.
    let contents: Vec<&Value> = objects.iter().map(|object| &object["candidates"][0]["content"]).collect();
    let request = read(&json!({"contents": contents}));
    assert_eq!(request.turns.len(), 1);
    let signature = Some(Signature::new(SignatureFormat::Anthropic, "s"));
    let whole = router_wire::message::Reasoning { text: "hm".into(), signature, redacted: false };
    assert_eq!(request.turns[0].parts[0], Part::new(Content::Reasoning(whole)));
    let last = objects.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(
        last["usageMetadata"],
        json!({"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 14})
    );
    assert!(objects.iter().rev().skip(1).all(|object| object["candidates"][0].get("finishReason").is_none()));
    let (events, proper) = events(&objects);
    assert!(proper && events.contains(&Event::Stop(Stop::ToolUse)) && events.contains(&Event::Usage(usage)));
}

#[test]
fn nothing_that_a_provider_or_client_sends_is_a_panic() {
    let odd = [
        "null",
        "[]",
        "[[]]",
        "\"x\"",
        "{\"candidates\":null}",
        "{\"candidates\":[null]}",
        "{\"candidates\":[{\"content\":[]}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[1,{\"functionCall\":{}},{\"inlineData\":{}},{\"text\":3}]}}]}",
        "{",
        "",
        "{\"usageMetadata\":[]}",
        "{\"contents\":3}",
        "{\"contents\":[{\"parts\":[{\"functionResponse\":{}},{\"new\":{}}]}],\"tools\":3,\"toolConfig\":[]}",
    ];
    for text in odd {
        let mut events = Vec::new();
        let mut decoder = (PROVIDER.decoder)();
        decoder.event(text.as_bytes(), &mut events);
        decoder.end(&mut events);
        let _ = (PROVIDER.read_answer)(text.as_bytes());
        if let Ok(request) = (CLIENT.read_request)(text.as_bytes()) {
            write(&request, "gemini-3-pro");
        }
    }
}
