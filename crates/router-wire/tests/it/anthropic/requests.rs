//! Requests: read from clients, written for models of every age.

use super::*;

#[test]
fn any_history_becomes_one_that_the_api_takes() {
    let blank = || turn(Role::Assistant, vec![Part::text(" \n")]);
    let histories = [
        vec![],
        vec![user("")],
        vec![turn(Role::Assistant, vec![Part::text("hi  ")])],
        vec![blank(), user("a"), blank(), user("b")],
        vec![user("a"), turn(Role::System, vec![Part::text("rule")]), turn(Role::Assistant, vec![]), user("c")],
        vec![user("a"), turn(Role::Assistant, vec![call("1", ""), call("b:2", "{")]), user("none came")],
        vec![turn(Role::Assistant, vec![call("1", "[1]")])],
        vec![user("a"), turn(Role::User, vec![result("orphan", "x")])],
        vec![
            user("a"),
            turn(Role::Assistant, vec![Part::text("x"), call("a.b", "{}"), call("a:b", "{}"), call("a_b", "{}")]),
            turn(Role::User, vec![Part::text("meanwhile"), result("a:b", ""), result("a_b", "2")]),
            turn(Role::User, vec![result("a.b", "3"), result("a.b", "again"), Part::text("go on")]),
        ],
    ];
    for (index, turns) in histories.into_iter().enumerate() {
        let mut request = asking(turns);
        assert_legal(&write(&request, OLD).0);
        request.reasoning = with_effort(Effort::Max);
        request.tools = vec![tool("f")];
        request.max_output_tokens = Some(2_000);
        request.tool_choice = (index % 2 == 0).then_some(ToolChoice::Required);
        assert_legal(&write(&request, OLD).0);
    }
}

#[test]
fn results_stand_first_behind_their_calls_and_ids_stay_distinct() {
    let request = asking(vec![
        user("a"),
        turn(Role::Assistant, vec![call("c.1", "{}"), call("c:1", "{}")]),
        turn(Role::User, vec![Part::text("text"), result("c:1", "two"), result("c.1", "one")]),
    ]);
    let body = write(&request, OLD).0;
    let calls = body["messages"][1]["content"].as_array().unwrap();
    let results = body["messages"][2]["content"].as_array().unwrap();
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    assert_eq!((&results[0]["tool_use_id"], &results[1]["tool_use_id"]), (&calls[1]["id"], &calls[0]["id"]));
    assert_eq!(results[2]["text"], "text");
    assert_eq!(body["tool_choice"]["type"], "none", "a tool for form's sake is not called");
}

#[test]
fn arguments_become_an_object_whatever_they_are() {
    for (arguments, expected) in [
        (r#"{"a":1e2}"#, json!({"a": 100.0})),
        ("", json!({})),
        ("null", json!({})),
        ("[1]", json!({"_raw": "[1]"})),
        (r#"{"a":"#, json!({"_raw": "{\"a\":"})),
    ] {
        let request = asking(vec![user("a"), turn(Role::Assistant, vec![call("1", arguments)])]);
        let input = write(&request, OLD).0["messages"][1]["content"][0]["input"].clone();
        assert_eq!(input, expected, "{arguments}");
    }
}

#[test]
fn effort_in_the_words_of_the_model() {
    for (model, effort, thinking, config) in [
        (OLD, Effort::Low, json!({"type":"enabled","budget_tokens":1024}), Value::Null),
        (OLD, Effort::Max, json!({"type":"enabled","budget_tokens":16384}), Value::Null),
        (OLD, Effort::None, json!({"type":"disabled"}), Value::Null),
        (NEW, Effort::Minimal, json!({"type":"adaptive"}), json!({"effort":"low"})),
        (NEW, Effort::XHigh, json!({"type":"adaptive"}), json!({"effort":"high"})),
        ("claude-opus-4-7", Effort::XHigh, json!({"type":"adaptive"}), json!({"effort":"xhigh"})),
        ("claude-3-5-haiku-20241022", Effort::High, Value::Null, Value::Null),
    ] {
        let mut request = asking(vec![user("a")]);
        request.reasoning = with_effort(effort);
        request.max_output_tokens = Some(32_000);
        let (body, dropped) = write(&request, model);
        assert_eq!((&body["thinking"], &body["output_config"]), (&thinking, &config), "{model} {effort:?}");
        assert_eq!(dropped.contains(&"reasoning_effort".to_owned()), thinking.is_null());
    }
}

#[test]
fn thinking_gives_way_to_what_it_cannot_stand_beside() {
    let mut request = asking(vec![user("a")]);
    request.reasoning = with_effort(Effort::High);
    request.sampling.temperature = serde_json::Number::from_f64(1.7);
    request.max_output_tokens = Some(8_000);
    let (body, dropped) = write(&request, OLD);
    assert!(body["thinking"].is_object() && body.get("temperature").is_none());
    assert_eq!(dropped, ["temperature"]);

    request.tools = vec![tool("f")];
    request.tool_choice = Some(ToolChoice::Named("f".into()));
    let (body, dropped) = write(&request, OLD);
    assert_eq!((body.get("thinking"), &body["temperature"]), (None, &json!(1.0)));
    assert_eq!(dropped, ["reasoning_effort"]);

    // A loop of tools that began without signed thinking.
    request.tool_choice = None;
    let last = |first: Part| {
        vec![user("a"), turn(Role::Assistant, vec![first, call("1", "{}")]), turn(Role::User, vec![result("1", "x")])]
    };
    request.turns = last(thought("hm", SignatureFormat::OpenAi));
    let body = write(&request, OLD).0;
    assert_eq!(body.get("thinking"), None);
    assert_eq!(body["messages"][1]["content"][0]["type"], "tool_use", "a foreign proof is not sent");
    request.turns = last(thought("hm", SignatureFormat::Anthropic));
    let body = write(&request, OLD).0;
    assert_eq!(body["thinking"]["type"], "enabled");
    assert_eq!(body["messages"][1]["content"][0], json!({"type":"thinking","thinking":"hm","signature":"sig"}));
}

#[test]
fn the_limit_is_the_clients_or_the_reservations_or_the_models() {
    for (client, cap, model, expected) in [
        (Some(10), Some(20), Some(30), 10),
        (None, Some(20), Some(30), 20),
        (None, None, Some(30), 30),
        (None, None, None, 4096),
        (Some(100), None, Some(30), 30),
    ] {
        let request = Request { max_output_tokens: client, ..asking(vec![user("a")]) };
        let quirks = Quirks::default();
        let target = Target { model_max_output: model, output_cap: cap, ..Target::new(OLD, &quirks) };
        let body: Value = serde_json::from_slice(&(PROVIDER.write_request)(&request, &target).unwrap().body).unwrap();
        assert_eq!(body["max_tokens"], expected);
    }
}

#[test]
fn what_cannot_go_is_named_or_refused() {
    let mut request = asking(vec![user("a")]);
    request.sampling.seed = Some(1.into());
    request.user = Some("jane@example.com".into());
    request.service_tier = Some("flex".into());
    request.stop = vec!["\n".into(), "END".into()];
    let (body, dropped) = write(&request, OLD);
    assert_eq!(dropped, ["seed", "stop", "service_tier", "user"]);
    assert_eq!(body["stop_sequences"], json!(["END"]));
    for (user, kept) in [("u-1", true), ("+49 170 1234567", false), (r#"{"a":"b@c"}"#, true)] {
        request.user = Some(user.into());
        assert_eq!(write(&request, OLD).0.get("metadata").is_some(), kept, "{user}");
    }
    let audio = Part::new(Content::Audio(Media::from_address("data:audio/wav;base64,aaaa")));
    assert_eq!(refused(&asking(vec![turn(Role::User, vec![audio])]), OLD), "messages");
    assert_eq!(refused(&asking(vec![user("a"), turn(Role::Assistant, vec![Part::text("pre")])]), NEW), "messages");
}

#[test]
fn of_many_cache_marks_the_last_four_stay() {
    let marked = |text: &str| Part { cache: Some(CacheLife::Hour1), ..Part::text(text) };
    let mut request = asking(vec![turn(Role::User, vec![marked("c"), marked("d"), marked("e")])]);
    request.system = vec![marked("a"), marked("b")];
    let body = write(&request, OLD).0;
    assert_legal(&body);
    assert_eq!(body["system"][0].get("cache_control"), None);
    assert_eq!(body["system"][1]["cache_control"], json!({"type":"ephemeral","ttl":"1h"}));
}

#[test]
fn a_schema_is_kept_by_the_model_or_by_a_tool_that_becomes_text_again() {
    let schema = json!({"type":"object","properties":{"n":{"type":"integer","minimum":1}}});
    let mut request = asking(vec![user("a")]);
    request.format = Format::Schema { name: Some("x".into()), description: None, schema, strict: Some(true) };
    let body = write(&request, "claude-sonnet-4-5").0;
    assert_eq!(body["output_config"]["format"]["schema"]["additionalProperties"], false);
    let body = write(&request, OLD).0;
    let name = body["tool_choice"]["name"].as_str().unwrap();
    assert_eq!(body["tools"][0]["name"], name);

    let whole = json!({"type":"message","id":"msg_1","model":"m","role":"assistant","stop_reason":"tool_use",
        "content":[{"type":"tool_use","id":"t","name":name,"input":{"n":2}}],"usage":{"input_tokens":1,"output_tokens":2}});
    let answer = (PROVIDER.read_answer)(whole.to_string().as_bytes()).unwrap();
    assert_eq!((answer.parts, answer.stop), (vec![Part::text(r#"{"n":2}"#)], Stop::End));
    let (events, proper) = decode(&[
        json!({"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":1}}}),
        json!({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":name,"input":{}}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"n\":"}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"2}"}}),
        json!({"type":"content_block_stop","index":0}),
        json!({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}}),
        json!({"type":"message_stop"}),
    ]);
    let answer = collect(events);
    assert!(proper);
    assert_eq!((answer.parts, answer.stop), (vec![Part::text(r#"{"n":2}"#)], Stop::End));
}

#[test]
fn a_request_as_claude_code_writes_it_is_read_whole() {
    let request = read(&json!({
        "model": "auto:smart", "max_tokens": 32000, "stream": true,
        "system": [{"type":"text","text":"x-anthropic-billing-header: v=1"},
            {"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "messages": [
            {"role":"user","content":[{"type":"text","text":"hi"}]},
            {"role":"system","content":"mid"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},
                {"type":"server_tool_use","id":"s","name":"web_search","input":{}},
                {"type":"tool_use","id":"t1","name":"f","input":{"b":1,"a":2}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,
                "content":[{"type":"text","text":"boom"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]}]},
            {"role":"user","content":"go on"}],
        "tools": [{"name":"f","description":"d","input_schema":{"type":"object","$schema":"x"},"cache_control":{"type":"ephemeral"}}],
        "tool_choice": {"type":"any","disable_parallel_tool_use":true},
        "thinking": {"type":"adaptive"}, "output_config": {"effort":"high"},
        "context_management": {"edits":[]}, "metadata": {"user_id":"{\"session_id\":\"s\"}"}, "top_k": 5
    }));
    assert_eq!(request.system.len(), 1);
    assert_eq!(request.system[0].cache, Some(CacheLife::Hour1));
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::Assistant, Role::User]);
    assert_eq!(request.dropped, ["content block `server_tool_use`", "context_management"]);
    assert_eq!(request.turns[2].parts, [thought("hm", SignatureFormat::Anthropic), call("t1", r#"{"b":1,"a":2}"#)]);
    assert!(
        matches!(&request.turns[3].parts[0].content, Content::ToolResult(result) if result.is_error && result.parts.len() == 2)
    );
    assert_eq!((request.tool_choice, request.parallel_tool_calls), (Some(ToolChoice::Required), Some(false)));
    let wish = request.reasoning.unwrap();
    assert!(wish.adaptive && wish.effort == Some(Effort::High));
    assert_eq!(request.user.as_deref(), Some(r#"{"session_id":"s"}"#));
}

#[test]
fn hosted_tools_and_accounts_stay_with_their_maker() {
    for body in [
        json!({"messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}]}),
        json!({"messages":[],"container":"c"}),
        json!({"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"f"}}]}]}),
    ] {
        assert_eq!(read(&body).unsupported.len(), 1, "{body}");
    }
    for broken in [&b"{"[..], b"[]", b"{}", br#"{"messages":1}"#] {
        assert!((CLIENT.read_request)(broken).is_err());
    }
}

#[test]
fn requests_of_fixtures_are_read_whole_and_come_back_legal() {
    for name in ["text", "tools", "media", "schema", "reasoning"] {
        let body: Value = serde_json::from_slice(&fixture(&format!("request-{name}.json"))).unwrap();
        let request = read(&body);
        assert_eq!((request.dropped.as_slice(), request.unsupported.as_slice()), (&[][..], &[][..]), "{name}");
        let (written, dropped) = write(&request, OLD);
        assert_legal(&written);
        assert_eq!(dropped, [""; 0], "{name}");
        let again = read(&written);
        if name == "reasoning" || name == "media" {
            assert_eq!(again.turns, request.turns, "{name}");
        }
    }
}
