//! Requests, read and written.

use super::*;

#[test]
fn an_agents_request_is_read() {
    let request = (CLIENT.read_request)(CODEX.as_bytes()).unwrap();
    assert_eq!(request.system, [Part::text("You edit code in a terminal. Be brief.")]);
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    use Role::{Assistant, System, User};
    assert_eq!(roles, [User, User, Assistant, User, Assistant, User, System, User]);
    assert_eq!(request.turns[2].parts.len(), 4);
    assert_eq!(request.turns[2].parts[3], call("call_2", "mcp__files__list", "{}", false));
    assert_eq!(request.turns[3].parts.len(), 2);
    let tools: Vec<(&str, bool)> =
        request.tools.iter().map(|tool| (tool.name.as_str(), tool.custom.is_some())).collect();
    assert_eq!(tools, [("shell", false), ("apply_patch", true), ("mcp__files__list", false)]);
    assert_eq!(request.dropped, ["input[11]", "input[12]", "tools.web_search", "client_metadata"]);
    assert_eq!(request.unsupported, []);
    let wish = request.reasoning.unwrap();
    assert_eq!((wish.effort, wish.show, wish.encrypted), (Some(Effort::Medium), Some(true), true));
    assert_eq!((request.stream, request.parallel_tool_calls), (true, Some(false)));
    assert_eq!(
        (request.tool_choice, request.prompt_cache_key),
        (Some(ToolChoice::Auto), Some("0199-conversation".into()))
    );
}

#[test]
fn what_is_written_is_read_as_the_same() {
    for body in [CODEX, FULL] {
        let mut request = (CLIENT.read_request)(body.as_bytes()).unwrap();
        let encoded = write(&request).unwrap();
        assert_eq!(encoded.lost(&request.dropped), request.dropped);
        assert!(encoded.dropped.is_empty(), "each name once: {:?}", encoded.dropped);
        let again = (CLIENT.read_request)(&encoded.body).unwrap();
        // Known losses: what was named as dropped, namespaces, the upstream's model, the model's own limit.
        request.model = "up".into();
        request.dropped.clear();
        request.extras.clear();
        request.namespaces.clear();
        request.max_output_tokens = request.max_output_tokens.map(|most| most.min(8192));
        for tool in request.tools.iter_mut().filter(|tool| tool.custom.is_none()) {
            tool.strict = tool.strict.or(Some(false));
            tool.parameters.get_or_insert_with(|| json!({"type": "object", "properties": {}}));
        }
        if let Some(wish) = &mut request.reasoning {
            wish.encrypted = true;
        }
        assert_eq!(again, request);
    }
}

#[test]
fn a_provider_gets_what_its_dialect_wants() {
    let body = written(&(CLIENT.read_request)(FULL.as_bytes()).unwrap());
    assert_eq!(body["instructions"], "Answer as JSON.");
    assert_eq!(
        body["input"][0],
        json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "In French."}]})
    );
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(
        body["tools"][1],
        json!({"type": "function", "name": "touch", "parameters": {"type": "object", "properties": {}}, "strict": false})
    );
    assert_eq!(body["reasoning"], json!({"effort": "xhigh", "summary": "auto"}));
    assert_eq!((&body["temperature"], &body["top_p"]), (&json!(0.2), &json!(1.0)));
    assert_eq!(body.get("stream"), None);
    let mut plain = read(&asks(json!("hi"), json!({"max_output_tokens": 3, "reasoning": {"effort": "none"}})));
    plain.sampling.seed = Some(1.into());
    let encoded = write(&plain).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!((&body["max_output_tokens"], body.get("include")), (&json!(16), None));
    assert_eq!(encoded.dropped, ["seed"]);
    plain.stop.push("END".into());
    assert_eq!(write(&plain).unwrap_err().param, "stop");
}

#[test]
fn history_from_elsewhere_becomes_legal() {
    let long = "x".repeat(90);
    let result = |id: &str, is_error| {
        let parts = vec![Part::text("4")];
        let result = ToolResult { call_id: id.into(), name: None, parts, is_error, custom: false };
        Part::new(Content::ToolResult(result))
    };
    let thought = |format| {
        let signature = Some(Signature::new(format, "sig"));
        Part::new(Content::Reasoning(Reasoning { text: "hm".into(), signature, redacted: false }))
    };
    let request = Request {
        model: "m".into(),
        turns: vec![
            Turn {
                role: Role::Assistant,
                parts: vec![
                    thought(SignatureFormat::Anthropic),
                    thought(SignatureFormat::OpenAi),
                    call(&long, "a.b", "{broken", false),
                    call("2", "patch", "text", true),
                    call("3", "late", "", false),
                    thought(SignatureFormat::OpenAi),
                ],
            },
            Turn { role: Role::User, parts: vec![result(&long, true), result("2", false), result("orphan", false)] },
        ],
        tools: vec![Tool {
            name: "a.b".into(),
            description: None,
            parameters: None,
            strict: None,
            custom: None,
            cache: None,
        }],
        tool_choice: Some(ToolChoice::Named("a.b".into())),
        ..Request::default()
    };
    let encoded = write(&request).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let items = body["input"].as_array().unwrap();
    let shape: Vec<&str> = items.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(
        shape,
        [
            "reasoning",
            "function_call",
            "custom_tool_call",
            "function_call",
            "function_call_output",
            "function_call_output",
            "custom_tool_call_output",
            "message"
        ]
    );
    assert_eq!(items[7]["content"], json!([{"type": "input_text", "text": "4"}]));
    assert_eq!(
        items[0],
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "sig"})
    );
    let id = items[1]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64 && items[5]["call_id"] == id, "{id}");
    assert_eq!((&items[1]["arguments"], &items[3]["arguments"]), (&json!("{broken"), &json!("{}")));
    assert_eq!((&items[4]["call_id"], &items[4]["output"]), (&json!("3"), &json!("(no result)")));
    assert_eq!(items[5]["output"], "Error: 4");
    let name = items[1]["name"].as_str().unwrap();
    assert_eq!((&body["tools"][0]["name"], &body["tool_choice"]["name"]), (&json!(name), &json!(name)));
    assert_eq!(encoded.names.down(name), "a.b");
}

#[test]
fn odd_requests_are_read_or_refused_by_name() {
    let item = |item: Value| asks(json!([item, {"role": "user", "content": "hi"}]), json!({}));
    let rows: &[(Value, &[&str], &[&str])] = &[
        (item(json!({"type": "item_reference", "id": "msg_1"})), &[], &["input[0]"]),
        (item(json!({"type": "compaction", "encrypted_content": "x"})), &[], &["input[0]"]),
        (item(json!({"type": "never_seen"})), &["input[0]"], &[]),
        (item(json!({"type": "reasoning", "id": "rs_1", "summary": []})), &["input[0]"], &[]),
        (item(json!({"role": "user", "content": [{"type": "hologram"}]})), &["input[0].content[0]"], &[]),
        (item(json!(7)), &["input[0]"], &[]),
        (asks(json!("hi"), json!({"previous_response_id": "resp_1"})), &[], &["previous_response_id"]),
        (asks(json!("hi"), json!({"conversation": {"id": "conv_1"}})), &[], &["conversation"]),
        (json!({"model": "m", "prompt": {"id": "pmpt_1"}}), &[], &["prompt"]),
        (asks(json!("hi"), json!({"background": true})), &[], &["background"]),
        (asks(json!("hi"), json!({"store": true, "truncation": "auto"})), &["store", "truncation"], &[]),
        (asks(json!("hi"), json!({"store": false, "truncation": "disabled", "background": false})), &[], &[]),
        (
            asks(json!("hi"), json!({"reasoning": {"effort": "cosmic", "context": "all"}})),
            &["reasoning.effort", "reasoning.context"],
            &[],
        ),
        (
            asks(json!("hi"), json!({"tools": [{"type": "web_search_preview"}, {"type": "tool_search"}]})),
            &["tools.web_search_preview", "tools.tool_search"],
            &[],
        ),
        (
            asks(json!("hi"), json!({"tools": [{"type": "code_interpreter"}, {"type": "new_tool"}]})),
            &[],
            &["tools[0]", "tools[1]"],
        ),
        (asks(json!("hi"), json!({"tool_choice": {"type": "web_search"}})), &[], &["tool_choice"]),
        (asks(json!("hi"), json!({"tool_choice": "whenever"})), &["tool_choice"], &[]),
        (asks(json!("hi"), json!({"text": {"format": {"type": "xml"}}})), &[], &["text.format"]),
        (
            asks(json!("hi"), json!({"include": ["reasoning.encrypted_content", "x"], "foo": 1, "bar": null})),
            &["include.x", "foo"],
            &[],
        ),
    ];
    for (body, dropped, unsupported) in rows {
        let request = read(body);
        let named: Vec<&str> = request.unsupported.iter().map(|found| found.param.as_str()).collect();
        assert_eq!(
            (request.dropped.as_slice(), named.as_slice()),
            (dropped.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().as_slice(), *unsupported),
            "{body}"
        );
        assert_eq!(write(&request).is_err(), !unsupported.is_empty());
    }
    for (body, code, param) in [
        ("[]", "invalid_json", None),
        ("{}", "missing_required_parameter", Some("model")),
        (r#"{"model":"m"}"#, "missing_required_parameter", Some("input")),
        (r#"{"model":"m","input":7}"#, "invalid_value", Some("input")),
        (r#"{"model":"m","input":"x","temperature":"warm"}"#, "invalid_value", Some("temperature")),
        (r#"{"model":"m","input":"x","max_output_tokens":-1}"#, "invalid_value", Some("max_output_tokens")),
    ] {
        let error = (CLIENT.read_request)(body.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, param), "{body}");
    }
}

#[test]
fn calls_of_hosted_tools_that_clients_run_stay_in_the_history() {
    let request = read(&asks(
        json!([
            {"type": "local_shell_call", "id": "ls_1", "call_id": "c1", "action": {"type": "exec", "command": ["ls"]}},
            {"type": "local_shell_call_output", "call_id": "c1", "output": "a"},
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}]}
        ]),
        json!({}),
    ));
    assert_eq!(request.turns[0].parts, [call("c1", "local_shell", r#"{"type":"exec","command":["ls"]}"#, false)]);
    assert!(matches!(&request.turns[1].parts[0].content, Content::ToolResult(result) if result.call_id == "c1"));
    assert_eq!((request.tools[0].name.as_str(), &request.tools[0].custom), ("functions__exec", &Some(Value::Null)));
}

#[test]
fn formats_and_choices_go_both_ways() {
    for (format, expected) in [(json!({"type": "text"}), Format::Text), (json!({"type": "json_object"}), Format::Json)]
    {
        let request = read(&asks(json!("hi"), json!({"text": {"format": format}})));
        assert_eq!(request.format, expected);
    }
    let tools = json!([{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]);
    for (choice, expected) in [
        (json!("none"), ToolChoice::None),
        (json!("required"), ToolChoice::Required),
        (json!({"type": "function", "name": "f"}), ToolChoice::Named("f".into())),
        (json!({"type": "custom", "name": "g"}), ToolChoice::Named("g".into())),
    ] {
        let request = read(&asks(json!("hi"), json!({"tools": tools, "tool_choice": choice})));
        assert_eq!(request.tool_choice, Some(expected));
        assert_eq!(written(&request)["tool_choice"], choice);
    }
    let unnamed = Format::Schema { name: None, description: None, schema: json!({}), strict: None };
    let request = Request { format: unnamed, ..read(&asks(json!("hi"), json!({}))) };
    assert_eq!(written(&request)["text"]["format"]["name"], "response");
}
