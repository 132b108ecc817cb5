//! Answers and streams, read and written.

use super::*;

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
    assert_eq!((PROVIDER.read_answer)(whole["response"].to_string().as_bytes()).unwrap(), answer);
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
        let answer = (PROVIDER.read_answer)(response.to_string().as_bytes()).unwrap();
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
        assert_eq!((PROVIDER.read_answer)(body.as_bytes()).unwrap_err(), kind, "{body}");
    }
}

#[test]
fn a_client_gets_every_event_in_order() {
    let request = (CLIENT.read_request)(CODEX.as_bytes()).unwrap();
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
    let whole: Value = serde_json::from_slice(&(CLIENT.write_answer)(&answer, &echo(None))).unwrap();
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
    let mut encoder = (CLIENT.encoder)(&echo(None));
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
fn a_cut_stream_ends_with_the_clients_own_numbers() {
    let chat = dialects::provider("openai_chat").unwrap();
    let client = dialects::dialect("openai_responses").unwrap();
    let mut passage = Passage::translated(chat, (CLIENT.encoder)(&echo(None)), Names::default());
    let mut out = Vec::new();
    let chunk = r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"half"}}]}"#;
    passage.feed(Bytes::from(format!("{chunk}\n\n")), &mut out).unwrap();
    assert_eq!(passage.finish(&mut out), StreamEnd::Cut);
    let (message, kind, error) = ("The provider's answer broke off.", "server_error", ErrorCode::UpstreamError);
    let code = Some("upstream_error");
    let error = ErrorView { message, kind, param: None, code, status: 502, error, request_id: None };
    out.push(passage.error_event(client, &error));
    let frames = frames_of(&out.concat());
    let last = frames.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["id"]), (&json!("response.failed"), &frames[0]["response"]["id"]));
    assert_eq!(last["response"]["error"]["code"], "upstream_error");
}
