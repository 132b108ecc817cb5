//! Anthropic's codec from the outside: requests that the API takes, answers and streams both ways, whatever comes.

use bytes::Bytes;
use router_core::usage::Usage;
use router_wire::adapters::Quirks;
use router_wire::answer::NotAnAnswer;
use router_wire::dialects::{Codec, Echo, Target, codec};
use router_wire::message::{
    Answer, CacheLife, Collector, Content, Effort, Event, Format, Media, Part, Reasoning, ReasoningWish, Request, Role,
    Signature, SignatureFormat, Stop, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
use router_wire::sse;
use serde_json::{Value, json};

const NEW: &str = "claude-opus-4-6";
const OLD: &str = "claude-sonnet-4-20250514";

fn anthropic() -> &'static Codec {
    codec("anthropic").unwrap()
}

fn read(body: &Value) -> Request {
    (anthropic().read_request)(&serde_json::to_vec(body).unwrap()).unwrap()
}

fn target<'a>(model: &'a str, quirks: &'a Quirks) -> Target<'a> {
    Target { model, model_max_output: None, output_cap: None, quirks }
}

fn write(request: &Request, model: &str) -> (Value, Vec<String>) {
    let quirks = Quirks::default();
    let encoded = (anthropic().write_request)(request, &target(model, &quirks)).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped)
}

fn refused(request: &Request, model: &str) -> String {
    let quirks = Quirks::default();
    (anthropic().write_request)(request, &target(model, &quirks)).unwrap_err().param
}

fn echo() -> Echo<'static> {
    Echo { model: "m", id: "x1", created: 7, usage_wanted: true, input_tokens: 3, request: None }
}

fn call(id: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), "f".into(), arguments.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom: false, signature: None }))
}

fn result(id: &str, text: &str) -> Part {
    let (call_id, parts) = (id.into(), vec![Part::text(text)]);
    Part::new(Content::ToolResult(ToolResult { call_id, name: None, parts, is_error: false, custom: false }))
}

fn thought(text: &str, format: SignatureFormat) -> Part {
    let signature = Some(Signature::new(format, "sig"));
    Part::new(Content::Reasoning(Reasoning { text: text.into(), signature, redacted: false }))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn user(text: &str) -> Turn {
    turn(Role::User, vec![Part::text(text)])
}

fn asking(turns: Vec<Turn>) -> Request {
    Request { model: "m".into(), turns, ..Request::default() }
}

fn tool(name: &str) -> Tool {
    Tool { name: name.into(), description: None, parameters: None, strict: None, custom: None, cache: None }
}

fn with_effort(effort: Effort) -> Option<ReasoningWish> {
    Some(ReasoningWish { effort: Some(effort), ..ReasoningWish::default() })
}

/// What the API checks of every request, as far as we know it.
fn assert_legal(body: &Value) {
    let max_tokens = body["max_tokens"].as_u64().unwrap();
    assert!(max_tokens > 0);
    let messages = body["messages"].as_array().unwrap();
    let mut expected = "user";
    let mut open: Vec<String> = Vec::new();
    for message in messages {
        assert_eq!(message["role"], expected, "{body:#}");
        expected = if expected == "user" { "assistant" } else { "user" };
        let blocks = message["content"].as_array().unwrap();
        assert!(!blocks.is_empty(), "{body:#}");
        let mut results_over = false;
        for block in blocks {
            match block["type"].as_str().unwrap() {
                "tool_result" => {
                    assert!(!results_over, "results come first: {body:#}");
                    let id = block["tool_use_id"].as_str().unwrap();
                    let place = open.iter().position(|open| open == id);
                    open.remove(place.unwrap_or_else(|| panic!("{id} has no call: {body:#}")));
                }
                kind => {
                    results_over = true;
                    assert!(kind != "text" || !block["text"].as_str().unwrap().trim().is_empty(), "{body:#}");
                }
            }
        }
        assert!(open.is_empty(), "calls without results {open:?}: {body:#}");
        for block in blocks.iter().filter(|block| block["type"] == "tool_use") {
            let id = block["id"].as_str().unwrap();
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{id}");
            assert!(block["input"].is_object());
            open.push(id.to_owned());
        }
    }
    assert!(open.is_empty());
    if body.to_string().contains("\"tool_use\"") {
        assert!(body["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    }
    if body["thinking"]["type"] == "enabled" {
        let budget = body["thinking"]["budget_tokens"].as_u64().unwrap();
        assert!((1_024..max_tokens).contains(&budget), "{body:#}");
    }
    if matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive")) {
        assert!(!matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")), "{body:#}");
        assert!(body.get("temperature").is_none() && body.get("top_k").is_none());
    }
    assert!(body.to_string().matches("\"cache_control\"").count() <= 4);
    assert!(body.get("temperature").is_none_or(|degrees| degrees.as_f64().unwrap() <= 1.0));
}

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
        let target = Target { model: OLD, model_max_output: model, output_cap: cap, quirks: &quirks };
        let body: Value =
            serde_json::from_slice(&(anthropic().write_request)(&request, &target).unwrap().body).unwrap();
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
    let answer = (anthropic().read_answer)(whole.to_string().as_bytes()).unwrap();
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
        assert!((anthropic().read_request)(broken).is_err());
    }
}

fn decode(stream: &[Value]) -> (Vec<Event>, bool) {
    let mut decoder = (anthropic().decoder)();
    let mut events = Vec::new();
    for value in stream {
        decoder.event(value.to_string().as_bytes(), &mut events);
    }
    let proper = decoder.end(&mut events);
    (events, proper)
}

fn collect(events: Vec<Event>) -> Answer {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    collector.finish()
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let (events, proper) = decode(&[
        json!({"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}),
        json!({"type":"ping"}),
        json!({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}),
        json!({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}),
        json!({"type":"content_block_stop","index":0}),
        json!({"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}),
        json!({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}),
        json!({"type":"content_block_stop","index":1}),
        json!({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}),
        json!({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}),
        json!({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}),
        json!({"type":"content_block_stop","index":2}),
        json!({"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t2","name":"f","input":{}}}),
        json!({"type":"content_block_stop","index":3}),
        json!({"type":"brand_new","x":1}),
        json!({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}}),
        json!({"type":"message_delta","delta":{},"usage":{"output_tokens":7,"input_tokens":null}}),
        json!({"type":"message_stop"}),
    ]);
    assert!(proper);
    assert!(events.iter().any(|event| *event
        == Event::ToolStart { index: 1, id: "t2".into(), name: "f".into(), custom: false, signature: None }));
    let streamed = collect(events);
    let whole = json!({"type":"message","id":"msg_1","model":"claude","stop_reason":"tool_use","content":[
        {"type":"thinking","thinking":"hm","signature":"sig"},{"type":"server_tool_use","id":"s","name":"web_search","input":{}},
        {"type":"tool_use","id":"t1","name":"f","input":{"a":1}},{"type":"tool_use","id":"t2","name":"f","input":{}}],
        "usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":7}});
    assert_eq!(streamed, (anthropic().read_answer)(whole.to_string().as_bytes()).unwrap());
    assert_eq!(streamed.usage, Some(Usage { input: 15, cached_input: 5, output: 7, ..Usage::default() }));
}

#[test]
fn odd_streams_end_as_they_should() {
    let start = json!({"type":"message_start","message":{}});
    let text = json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}});
    let stop = json!({"type":"message_delta","delta":{"stop_reason":"strange_new"}});
    assert!(!decode(&[start.clone(), text.clone()]).1, "cut");
    assert!(decode(&[start.clone(), text.clone(), stop]).1, "only the last event is missing");
    let error = json!({"type":"error","error":{"type":"overloaded_error","message":"x"}});
    let (events, proper) = decode(&[start, text, error]);
    assert!(!proper && matches!(events.last(), Some(Event::Error(_))));
    for junk in ["", "oops", "[]", "null", "{\"type\":1}", "{\"type\":\"content_block_start\"}"] {
        (anthropic().decoder)().event(junk.as_bytes(), &mut Vec::new());
    }
}

#[test]
fn what_is_no_answer_is_told_apart() {
    for (body, expected) in [
        ("", NotAnAnswer::Empty),
        ("<html>", NotAnAnswer::Bad("the answer is a web page")),
        ("event: message_start\n", NotAnAnswer::Stream),
        (r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#, NotAnAnswer::Error),
        (r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#, NotAnAnswer::Empty),
        ("{", NotAnAnswer::Bad("the answer is broken JSON")),
    ] {
        assert_eq!((anthropic().read_answer)(body.as_bytes()).unwrap_err(), expected, "{body}");
    }
    let refusal = br#"{"type":"message","content":[],"stop_reason":"refusal"}"#;
    assert_eq!((anthropic().read_answer)(refusal).unwrap().stop, Stop::Refusal);
}

/// Encodes, checks the order of frames as a strict client would, and gives the data of all of them.
fn encode(events: &[Event], usage: Option<&Usage>) -> Vec<Value> {
    let mut encoder = (anthropic().encoder)(&echo());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    encoder.end(usage, &mut out);
    let text = String::from_utf8(out).unwrap();
    let mut all = Vec::new();
    let mut open = None;
    for frame in text.split_terminator("\n\n") {
        let (name, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        match data["type"].as_str().unwrap() {
            "content_block_start" => assert_eq!(open.replace(data["index"].clone()), None),
            "content_block_delta" => assert_eq!(open.as_ref(), Some(&data["index"])),
            "content_block_stop" => assert_eq!(open.take().as_ref(), Some(&data["index"])),
            "message_delta" | "message_stop" => assert_eq!(open, None),
            _ => {}
        }
        all.push(data);
    }
    let count = |kind: &str| all.iter().filter(|data| data["type"] == kind).count();
    assert_eq!((count("message_start"), count("message_delta"), count("message_stop")), (1, 1, 1));
    assert_eq!(all.last().unwrap()["type"], "message_stop");
    all
}

#[test]
fn interleaved_calls_come_out_one_after_the_other() {
    let start = |index: usize| Event::ToolStart {
        index,
        id: format!("t{index}"),
        name: "f".into(),
        custom: false,
        signature: None,
    };
    let more = |index, delta: &str| Event::ToolArguments { index, delta: delta.into() };
    let events = [
        Event::Start { id: None, model: None },
        Event::Text("a".into()),
        start(0),
        more(0, "{\"x\":"),
        start(1),
        more(1, "{\"y\":"),
        more(0, "1}"),
        Event::Text("b".into()),
        more(1, "2}"),
        Event::Stop(Stop::End),
        Event::Usage(Usage { input: 10, cached_input: 4, output: 5, ..Usage::default() }),
    ];
    let frames = encode(&events, None);
    assert_eq!(frames[0]["message"]["usage"]["input_tokens"], 3);
    let delta = &frames[frames.len() - 2];
    assert_eq!(delta["delta"]["stop_reason"], "tool_use");
    assert_eq!((&delta["usage"]["input_tokens"], &delta["usage"]["cache_read_input_tokens"]), (&json!(6), &json!(4)));
    let (events, proper) = decode(&frames);
    let answer = collect(events);
    assert!(proper);
    assert_eq!(answer.parts, [Part::text("a"), call("t0", "{\"x\":1}"), call("t1", "{\"y\":2}"), Part::text("b")]);
}

#[test]
fn answers_go_out_and_come_back_whole_and_streamed() {
    let mut gemini = call("t1", "{\"a\":1}");
    if let Content::ToolCall(call) = &mut gemini.content {
        call.signature = Some(Signature::new(SignatureFormat::Gemini, "g"));
    }
    let secret = Reasoning {
        text: String::new(),
        signature: Some(Signature::new(SignatureFormat::OpenAi, "e")),
        redacted: true,
    };
    let unsigned = Part::new(Content::Reasoning(Reasoning { text: "bare".into(), ..Reasoning::default() }));
    let answer = Answer {
        id: Some("msg_x1".into()),
        model: Some("m".into()),
        parts: vec![
            thought("hm", SignatureFormat::Anthropic),
            thought("ho", SignatureFormat::Gemini),
            Part::new(Content::Reasoning(secret)),
            unsigned,
            Part::text("text"),
            gemini.clone(),
            call("t2", "{}"),
        ],
        stop: Stop::ToolUse,
        usage: Some(Usage { input: 9, cache_write: 2, output: 5, reasoning: 1, ..Usage::default() }),
        service_tier: Some("default".into()),
    };
    let whole = (anthropic().write_answer)(&answer, &echo());
    assert_eq!((anthropic().read_answer)(&whole).unwrap(), answer);
    let frames = encode(&answer.clone().into_events(), answer.usage.as_ref());
    // In a stream the proof stands before its call; back in a request it is the call's again.
    let content: Vec<Value> = serde_json::from_slice::<Value>(&whole).unwrap()["content"].as_array().unwrap().clone();
    let request = read(&json!({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":content}]}));
    assert_eq!(request.turns[1].parts, answer.parts);
    let streamed = collect(decode(&frames).0);
    assert_eq!(
        (streamed.stop, streamed.usage, streamed.service_tier),
        (answer.stop, answer.usage, answer.service_tier)
    );
    let kinds = |parts: &[Part]| parts.iter().filter(|part| part.as_text().is_some()).count();
    assert_eq!(kinds(&streamed.parts), kinds(&answer.parts));
    // To Anthropic only its own goes.
    let body = write(&request, OLD).0;
    let sent: Vec<&str> =
        body["messages"][1]["content"].as_array().unwrap().iter().filter_map(|b| b["type"].as_str()).collect();
    assert_eq!(sent, ["thinking", "text", "tool_use", "tool_use"]);
}

#[test]
fn reasons_to_stop_go_both_ways() {
    for (reason, back) in [
        ("end_turn", "end_turn"),
        ("stop_sequence", "stop_sequence"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("compaction", "max_tokens"),
        ("tool_use", "end_turn"),
        ("pause_turn", "pause_turn"),
        ("refusal", "refusal"),
        ("brand_new", "end_turn"),
    ] {
        let body = json!({"content":[{"type":"text","text":"a"}],"stop_reason":reason,"stop_sequence":"END"});
        let answer = (anthropic().read_answer)(body.to_string().as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&(anthropic().write_answer)(&answer, &echo())).unwrap();
        assert_eq!(written["stop_reason"], back, "{reason}");
        assert_eq!(written["id"], "msg_x1");
    }
}

#[test]
fn an_empty_stream_is_still_one_that_clients_read() {
    let frames = encode(&[], Some(&Usage { input: 1, output: 0, ..Usage::default() }));
    assert_eq!(frames.len(), 3);
}

#[expect(clippy::disallowed_methods, reason = "fixtures are files")]
fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/translate/anthropic");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// The events of a stream that comes in two chunks.
fn decode_cut(stream: &[u8], cut: usize) -> (Vec<Event>, bool) {
    let mut splitter = sse::Splitter::new(1 << 20);
    let mut decoder = (anthropic().decoder)();
    let mut events = Vec::new();
    let mut take = |block: Bytes, events: &mut Vec<Event>| {
        for frame in sse::frames(&block) {
            if let Some(data) = sse::read(&frame).data {
                decoder.event(&data, events);
            }
        }
    };
    for chunk in [&stream[..cut], &stream[cut..]] {
        let frames = splitter.push(Bytes::copy_from_slice(chunk)).unwrap();
        take(frames.joined, &mut events);
        take(frames.whole, &mut events);
    }
    take(splitter.finish(), &mut events);
    let proper = decoder.end(&mut events);
    (events, proper)
}

#[test]
fn streams_of_fixtures_say_what_their_answers_say_however_they_are_cut() {
    let words = |answer: &Answer| {
        let text: String = answer.parts.iter().filter_map(Part::as_text).collect();
        let rest: Vec<Part> = answer.parts.iter().filter(|part| part.as_text().is_none()).cloned().collect();
        (text, rest, answer.stop.clone(), answer.usage, answer.service_tier.clone())
    };
    for name in ["text", "tools", "reasoning", "length", "refusal"] {
        let stream = fixture(&format!("stream-{name}.sse"));
        let whole = (anthropic().read_answer)(&fixture(&format!("answer-{name}.json"))).unwrap();
        let (first, _) = decode_cut(&stream, 0);
        for cut in 0..=stream.len() {
            let (events, proper) = decode_cut(&stream, cut);
            assert!(proper && events == first, "{name} cut at {cut}");
        }
        assert_eq!(words(&collect(first.clone())), words(&whole), "{name}");
        // Out to a client and in again it still says that.
        let usage = whole.usage;
        assert_eq!(words(&collect(decode(&encode(&first, usage.as_ref())).0)), words(&whole), "{name}");
    }
    let (events, proper) = decode_cut(&fixture("stream-error.sse"), 0);
    assert!(!proper && matches!(events.last(), Some(Event::Error(_))));
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
