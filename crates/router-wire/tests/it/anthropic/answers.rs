//! Answers and streams, both ways.

use super::*;

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
    assert_eq!(streamed, (PROVIDER.read_answer)(whole.to_string().as_bytes()).unwrap());
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
        (PROVIDER.decoder)().event(junk.as_bytes(), &mut Vec::new());
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
        assert_eq!((PROVIDER.read_answer)(body.as_bytes()).unwrap_err(), expected, "{body}");
    }
    let refusal = br#"{"type":"message","content":[],"stop_reason":"refusal"}"#;
    assert_eq!((PROVIDER.read_answer)(refusal).unwrap().stop, Stop::Refusal);
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
    let whole = (CLIENT.write_answer)(&answer, &echo());
    assert_eq!((PROVIDER.read_answer)(&whole).unwrap(), answer);
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
        let answer = (PROVIDER.read_answer)(body.to_string().as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&(CLIENT.write_answer)(&answer, &echo())).unwrap();
        assert_eq!(written["stop_reason"], back, "{reason}");
        assert_eq!(written["id"], "msg_x1");
    }
}

#[test]
fn an_empty_stream_is_still_one_that_clients_read() {
    let frames = encode(&[], Some(&Usage { input: 1, output: 0, ..Usage::default() }));
    assert_eq!(frames.len(), 3);
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
        let whole = (PROVIDER.read_answer)(&fixture(&format!("answer-{name}.json"))).unwrap();
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
