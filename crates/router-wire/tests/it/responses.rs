//! The Responses codec: an agent's request and stream in full, and the traps of the dialect one by one.

use bytes::Bytes;
use router_core::ask::Endpoint;
use router_core::catalog::{Capabilities, Capability};
use router_core::fault::ErrorCode;
use router_core::usage::Usage;
use router_wire::adapters::{self, Quirks};
use router_wire::answer::NotAnAnswer;
use router_wire::dialects::{self, Echo, ErrorView, Intake, Passing, RequestError, Target, openai_responses::CODEC};
use router_wire::message::{
    Answer, Collector, Content, Effort, Encoded, Event, Format, Part, Reasoning, Request, Role, Signature,
    SignatureFormat, Stop, Tool, ToolCall, ToolChoice, ToolResult, Turn, Unsupported,
};
use router_wire::sse::{self, Splitter};
use serde_json::{Value, json};

const CODEX: &str = include_str!("../golden/translate/openai_responses/request-codex.json");
const FULL: &str = include_str!("../golden/translate/openai_responses/request-full.json");
const AGENT: &str = include_str!("../golden/responses/agent.sse");

fn read(body: &Value) -> Request {
    (CODEC.read_request)(body.to_string().as_bytes()).unwrap()
}

/// A request with this `input` and these further members.
fn asks(input: Value, more: Value) -> Value {
    let mut body = json!({"model": "m", "input": input});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn write(request: &Request) -> Result<Encoded, Unsupported> {
    let quirks = Quirks { developer_role: true, ..Quirks::default() };
    let target = Target { model: "up", model_max_output: Some(8192), output_cap: None, quirks: &quirks };
    (CODEC.write_request)(request, &target)
}

fn written(request: &Request) -> Value {
    serde_json::from_slice(&write(request).unwrap().body).unwrap()
}

fn echo<'a>(request: Option<&'a Request>) -> Echo<'a> {
    Echo { model: "auto:code", id: "abc", created: 7, usage_wanted: false, input_tokens: 0, request }
}

/// The events of a stream cut into these chunks, and whether it had its proper end.
fn decode<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
    let (mut splitter, mut decoder, mut events) = (Splitter::new(1 << 20), (CODEC.decoder)(), Vec::new());
    let mut take = |block: Bytes, events: &mut Vec<Event>| {
        for frame in sse::frames(&block) {
            if let Some(data) = sse::read(&frame).data {
                decoder.event(&data, events);
            }
        }
    };
    for chunk in chunks {
        let frames = splitter.push(Bytes::copy_from_slice(chunk)).unwrap();
        take(frames.joined, &mut events);
        take(frames.whole, &mut events);
    }
    take(splitter.finish(), &mut events);
    let ended = decoder.end(&mut events);
    (events, ended)
}

fn collect(events: impl IntoIterator<Item = Event>) -> Answer {
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.take(event));
    collector.finish()
}

/// The frames that a client gets for these events, each checked: `event:` is its `data.type`, numbers without gaps.
fn encode(events: &[Event], request: Option<&Request>, usage: Option<&Usage>) -> (Vec<u8>, Vec<Value>) {
    let mut encoder = (CODEC.encoder)(&echo(request));
    let mut bytes = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut bytes));
    encoder.end(usage, &mut bytes);
    let frames = frames_of(&bytes);
    (bytes, frames)
}

fn frames_of(bytes: &[u8]) -> Vec<Value> {
    let block = Bytes::copy_from_slice(bytes);
    let mut frames = Vec::new();
    for frame in sse::frames(&block) {
        let event = sse::read(&frame);
        let value: Value = serde_json::from_slice(&event.data.unwrap()).unwrap();
        assert_eq!(value["type"].as_str().unwrap().as_bytes(), event.name, "{value}");
        assert_eq!(value["sequence_number"], frames.len(), "{value}");
        frames.push(value);
    }
    frames
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

/// Every item of the last event was built by the events before it, under one id and one place.
fn consistent(frames: &[Value]) {
    let last = &frames.last().unwrap()["response"];
    for (place, item) in last["output"].as_array().unwrap().iter().enumerate() {
        let of_item = |kind: &str| {
            let name = format!("response.{kind}");
            let here = move |frame: &&Value| frame["type"] == name.as_str() && frame["output_index"] == place;
            frames.iter().filter(here).collect::<Vec<_>>()
        };
        let (added, done) = (of_item("output_item.added"), of_item("output_item.done"));
        assert_eq!((added.len(), done.len()), (1, 1), "{item}");
        assert_eq!(added[0]["item"]["id"], item["id"]);
        assert_eq!(&done[0]["item"], item);
        for frame in frames.iter().filter(|frame| frame["output_index"] == place && frame.get("item_id").is_some()) {
            assert_eq!(frame["item_id"], item["id"], "{frame}");
        }
        let deltas =
            |kind: &str| -> String { of_item(kind).iter().map(|frame| frame["delta"].as_str().unwrap()).collect() };
        let whole = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match item["type"].as_str().unwrap() {
            "message" => {
                let texts: String = item["content"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|part| part.get("text").or(part.get("refusal")).unwrap().as_str().unwrap())
                    .collect();
                assert_eq!(deltas("output_text.delta").len() + deltas("refusal.delta").len(), texts.len());
                assert_eq!(of_item("content_part.added").len(), item["content"].as_array().unwrap().len());
                assert_eq!(of_item("content_part.done").len(), item["content"].as_array().unwrap().len());
            }
            "reasoning" => assert_eq!(deltas("reasoning_summary_text.delta"), whole("/summary/0/text")),
            "function_call" => assert_eq!(deltas("function_call_arguments.delta"), whole("/arguments")),
            "custom_tool_call" => assert_eq!(deltas("custom_tool_call_input.delta"), whole("/input")),
            _ => {}
        }
    }
}

fn call(id: &str, name: &str, arguments: &str, custom: bool) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom, signature: None }))
}

#[test]
fn an_agents_request_is_read() {
    let request = (CODEC.read_request)(CODEX.as_bytes()).unwrap();
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
        let mut request = (CODEC.read_request)(body.as_bytes()).unwrap();
        let encoded = write(&request).unwrap();
        assert_eq!(encoded.dropped, request.dropped);
        let again = (CODEC.read_request)(&encoded.body).unwrap();
        // Known losses: what was named as dropped, namespaces, the upstream's model, the model's own limit.
        request.model = "up".into();
        request.dropped.clear();
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
    let body = written(&(CODEC.read_request)(FULL.as_bytes()).unwrap());
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
        let error = (CODEC.read_request)(body.as_bytes()).unwrap_err();
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
fn a_stream_is_read_the_same_at_any_chunking() {
    let (events, ended) = decode(std::iter::once(AGENT.as_bytes()));
    assert!(ended);
    let starts = events.iter().filter(|event| matches!(event, Event::Start { .. })).count();
    assert_eq!(starts, 1);
    for size in 1..64 {
        assert_eq!(decode(AGENT.as_bytes().chunks(size)), (events.clone(), true), "chunks of {size}");
    }
    let answer = collect(events);
    assert_eq!((answer.id.as_deref(), answer.model.as_deref()), (Some("resp_up"), Some("gpt-5")));
    assert_eq!((answer.stop.clone(), answer.service_tier.as_deref()), (Stop::ToolUse, Some("default")));
    let usage = answer.usage.unwrap();
    assert_eq!(
        (usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning),
        (100, 40, 10, 30, 12)
    );
    // The whole answer that the last event repeats says the same.
    let last = AGENT.rsplit("data: ").next().unwrap();
    let whole: Value = serde_json::from_str(last.trim()).unwrap();
    assert_eq!((CODEC.read_answer)(whole["response"].to_string().as_bytes()).unwrap(), answer);
}

#[test]
fn items_come_whatever_events_bring_them() {
    let frames: Vec<&str> = AGENT.split_inclusive("\n\n").collect();
    let without = |word: &str| -> String { frames.iter().filter(|frame| !frame.contains(word)).copied().collect() };
    let told = |stream: &str| {
        let (events, ended) = decode(std::iter::once(stream.as_bytes()));
        assert!(ended);
        collect(events).parts
    };
    let whole = told(AGENT);
    let last = [frames[0], frames[frames.len() - 1]].concat();
    for stream in [without("delta\""), without("output_item.added"), without("output_item.done"), last] {
        let mut parts = told(&stream);
        // A proof that comes after the text, and citations told before it: all there, though not in their place.
        parts.retain(|part| !matches!(&part.content, Content::Reasoning(found) if found.text.is_empty()));
        let said = |parts: &[Part]| -> Vec<String> {
            parts
                .iter()
                .map(|part| match &part.content {
                    Content::Text { text, .. } => text.clone(),
                    Content::Reasoning(found) => found.text.clone(),
                    Content::ToolCall(call) => format!("{} {} {}", call.id, call.name, call.arguments),
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(said(&parts), said(&whole), "{stream}");
    }
    let (events, ended) = decode(std::iter::once(without("response.completed").as_bytes()));
    assert!(!ended && !events.iter().any(|event| matches!(event, Event::Stop(_))));
}

#[test]
fn failures_are_told_with_their_usage() {
    let failed = r#"data: {"type":"response.failed","sequence_number":3,"response":{"id":"r","status":"failed","instructions":"x","error":{"code":"rate_limit_exceeded","message":"Rate limit reached. Please try again in 1.2s."},"usage":{"input_tokens":5,"output_tokens":1,"total_tokens":6}}}"#;
    let (events, ended) = decode(std::iter::once(failed.as_bytes()));
    assert!(!ended);
    let [Event::Usage(usage), Event::Error(error)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(usage.input, 5);
    let error: Value = serde_json::from_slice(error).unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    for (data, has_error) in [
        (r#"{"type":"error","code":"server_error","message":"oops","param":null}"#, true),
        (r#"{"error":{"message":"oops"}}"#, true),
        (r#"{"type":"response.failed","response":{}}"#, true),
        (r#"{"type":"response.unheard.of","error":"no"}"#, false),
        ("[DONE]", false),
        ("", false),
        ("{\"type\":", false),
    ] {
        let (events, ended) = decode(std::iter::once(format!("data: {data}\n\n").as_bytes()));
        assert_eq!((events.iter().any(|event| matches!(event, Event::Error(_))), ended), (has_error, false), "{data}");
    }
}

#[test]
fn an_incomplete_answer_says_why_and_is_counted() {
    for (reason, stop) in
        [("max_output_tokens", Stop::Length), ("content_filter", Stop::Refusal), ("new", Stop::Length)]
    {
        let response = json!({"id": "r", "status": "incomplete", "incomplete_details": {"reason": reason}, "output": [], "usage": {"input_tokens": 9, "output_tokens": 3}});
        let answer = (CODEC.read_answer)(response.to_string().as_bytes()).unwrap();
        assert_eq!((answer.stop, answer.usage.unwrap().output), (stop.clone(), 3));
        let data = format!("data: {}\n\n", json!({"type": "response.incomplete", "response": response}));
        let answer = collect(decode(std::iter::once(data.as_bytes())).0);
        assert_eq!((answer.stop, answer.usage.unwrap().output), (stop.clone(), 3));
        let (_, frames) = encode(
            &[Event::Text("a".into()), Event::Stop(stop)],
            None,
            Some(&Usage { input: 9, output: 3, ..Usage::default() }),
        );
        let last = frames.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(
            last["response"]["incomplete_details"]["reason"],
            if reason == "new" { "max_output_tokens" } else { reason }
        );
        assert_eq!(last["response"]["usage"]["total_tokens"], 12);
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    }
    for (body, kind) in [
        ("", NotAnAnswer::Empty),
        (r#"{"status":"completed","output":[]}"#, NotAnAnswer::Empty),
        (r#"{"status":"failed","error":{"code":"server_error"},"output":[]}"#, NotAnAnswer::Error),
        (r#"{"error":{"message":"no"}}"#, NotAnAnswer::Error),
        ("event: response.created\ndata: {}\n\n", NotAnAnswer::Stream),
        ("<html>", NotAnAnswer::Bad("the answer is not a JSON object")),
        (r#"{"choices":[]}"#, NotAnAnswer::Bad("the answer has no output")),
    ] {
        assert_eq!((CODEC.read_answer)(body.as_bytes()).unwrap_err(), kind, "{body}");
    }
}

#[test]
fn a_client_gets_every_event_in_order() {
    let request = (CODEC.read_request)(CODEX.as_bytes()).unwrap();
    let signature = Signature::new(SignatureFormat::Anthropic, "sig");
    let events = [
        Event::Start { id: Some("up".into()), model: Some("claude".into()) },
        Event::Reasoning("hm".into()),
        Event::ReasoningSignature { signature: signature.clone(), redacted: false },
        Event::Ping,
        Event::Text("I ".into()),
        Event::Text("look.".into()),
        Event::Citation(json!({"url": "https://example.org", "title": "E"})),
        Event::ToolStart { index: 0, id: "t1".into(), name: "mcp__files__list".into(), custom: false, signature: None },
        Event::ToolStart { index: 1, id: "t2".into(), name: "apply_patch".into(), custom: false, signature: None },
        Event::ToolArguments { index: 1, delta: r#"{"input":"*** Be"#.into() },
        Event::ToolArguments { index: 1, delta: r#"gin\n"}"#.into() },
        Event::ToolEnd { index: 0 },
        Event::Stop(Stop::ToolUse),
    ];
    let usage = Usage { input: 10, cached_input: 4, output: 6, reasoning: 1, ..Usage::default() };
    let (bytes, frames) = encode(&events, Some(&request), Some(&usage));
    consistent(&frames);
    assert_eq!(
        kinds(&frames),
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "keepalive",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.annotation.added",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "custom_tool_call_input.delta",
            "custom_tool_call_input.done",
            "output_item.done",
            "completed",
        ]
    );
    let response = &frames.last().unwrap()["response"];
    assert_eq!(response["id"], "resp_abc");
    assert_eq!(
        (&response["model"], &response["store"], &response["created_at"]),
        (&json!("auto:code"), &json!(false), &json!(7))
    );
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 4);
    let output = &response["output"];
    assert_eq!(
        (&output[2]["name"], &output[2]["namespace"], &output[2]["arguments"]),
        (&json!("list"), &json!("mcp__files__"), &json!("{}"))
    );
    assert_eq!((&output[3]["type"], &output[3]["input"]), (&json!("custom_tool_call"), &json!("*** Begin\n")));
    assert_eq!(output[1]["content"][0]["annotations"][0]["end_index"], 7);
    // The client sends the items back, and the proof is Anthropic's again.
    let next = read(&asks(output.clone(), json!({})));
    let Content::Reasoning(back) = &next.turns[0].parts[0].content else { panic!("{next:?}") };
    assert_eq!(back.signature, Some(signature));
    assert_eq!(next.turns[0].parts[2], call("t1", "mcp__files__list", "{}", false));
    // Our own decoder reads our own stream.
    let (again, ended) = decode(std::iter::once(bytes.as_slice()));
    assert!(ended);
    assert_eq!(collect(again).usage, Some(usage));
}

#[test]
fn whole_and_streamed_answers_are_one() {
    let signature = Signature::new(SignatureFormat::Gemini, "sig");
    let mut signed = call("t1", "look", "", false);
    if let Content::ToolCall(call) = &mut signed.content {
        call.signature = Some(signature.clone());
    }
    let redacted = Reasoning {
        text: String::new(),
        signature: Some(Signature::new(SignatureFormat::Anthropic, "x")),
        redacted: true,
    };
    let answer = Answer {
        id: Some("up".into()),
        model: Some("m".into()),
        parts: vec![
            Part::new(Content::Reasoning(redacted.clone())),
            Part::text("Voilà"),
            Part::new(Content::Refusal("but no".into())),
            signed,
            call("t2", "look", r#"{"a":1}"#, false),
        ],
        stop: Stop::ToolUse,
        usage: Some(Usage { input: 1, output: 2, ..Usage::default() }),
        service_tier: Some("flex".into()),
    };
    let whole: Value = serde_json::from_slice(&(CODEC.write_answer)(&answer, &echo(None))).unwrap();
    let (_, frames) = encode(&answer.clone().into_events(), None, None);
    consistent(&frames);
    assert_eq!(frames.last().unwrap()["response"], whole);
    let shape: Vec<&str> =
        whole["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(shape, ["reasoning", "message", "reasoning", "function_call", "function_call"]);
    let next = read(&asks(whole["output"].clone(), json!({})));
    assert_eq!(next.turns[0].parts[0], Part::new(Content::Reasoning(redacted)));
    let Content::ToolCall(back) = &next.turns[0].parts[3].content else { panic!("{next:?}") };
    assert_eq!(back.signature, Some(signature));
    for field in [
        "id",
        "created_at",
        "model",
        "object",
        "output",
        "parallel_tool_calls",
        "tool_choice",
        "tools",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "temperature",
        "top_p",
    ] {
        assert!(whole.get(field).is_some(), "{field}");
    }
}

#[test]
fn an_error_ends_the_stream_with_the_next_number() {
    let mut encoder = (CODEC.encoder)(&echo(None));
    let mut bytes = Vec::new();
    encoder.event(&Event::Text("a".into()), &mut bytes);
    let error = ErrorView {
        message: "All channels are busy.",
        kind: "server_error",
        param: None,
        code: Some("overloaded"),
        status: 503,
        error: ErrorCode::Overloaded,
        request_id: None,
    };
    assert!(encoder.error(&error, &mut bytes));
    let frames = frames_of(&bytes);
    let last = frames.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.failed"), &json!("failed")));
    assert_eq!(last["response"]["error"], json!({"code": "server_is_overloaded", "message": "All channels are busy."}));
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
    assert_eq!((codex.cache_key.as_deref(), codex.state_id), (Some("0199-conversation"), None));
    assert!(codex.ask.input_tokens_bound as usize >= CODEX.len() / 2);
}

#[test]
fn state_is_known_by_its_id_and_nonsense_refused_by_name() {
    for (more, id) in [
        (json!({"previous_response_id": "resp_1"}), Some("resp_1")),
        (json!({"conversation": "conv_1"}), Some("conv_1")),
        (json!({"conversation": {"id": "conv_2"}}), Some("conv_2")),
        (json!({"previous_response_id": null}), None),
    ] {
        assert_eq!(take(&asks(json!("hi"), more)).unwrap().state_id.as_deref(), id);
    }
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
    assert_eq!(dialects::of_errors("/v1/responses/resp_1").name, "openai_responses");
}

#[test]
fn the_same_dialect_passes_byte_for_byte() {
    let body = r#"{ "input":"hi","foo":1.50, "model":"auto:code","models":["b"],"store":true}"#;
    let (dialect, route) = dialects::by_path("/v1/responses", "").unwrap();
    let intake = (dialect.read)(&route, body.as_bytes()).unwrap();
    assert_eq!(intake.fallback_models, ["b"]);
    let preset = (adapters::by_name("openai").preset)();
    let spliced = |output_cap| {
        let passing = Passing { body: body.as_bytes(), intake: &intake, model: "gpt-5", output_cap, preset: &preset };
        String::from_utf8((dialect.splice)(&passing)).unwrap()
    };
    assert_eq!(spliced(None), r#"{ "input":"hi","foo":1.50, "model":"gpt-5","store":true}"#);
    assert_eq!(spliced(Some(9)), r#"{"max_output_tokens":16, "input":"hi","foo":1.50, "model":"gpt-5","store":true}"#);
}
