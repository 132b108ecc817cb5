//! Requests and answers in the neutral form, each for one thing that translation must carry or say that it cannot.

use router_core::usage::Usage;
use router_wire::message::{
    Answer, CacheLife, Content, Effort, Format, Media, MediaSource, Part, Reasoning, ReasoningWish, Request, Role,
    Sampling, Signature, SignatureFormat, Stop, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
use serde_json::{Number, json};

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn user(parts: Vec<Part>) -> Turn {
    turn(Role::User, parts)
}

fn said(text: &str) -> Request {
    Request { turns: vec![user(vec![Part::text(text)])], ..Request::default() }
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        description: Some(format!("Does {name}")),
        parameters: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})),
        strict: None,
        custom: None,
        cache: None,
    }
}

fn call(id: &str, name: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), r#"{"a":"1"}"#.into());
    Part::new(Content::ToolCall(ToolCall { id, name, arguments, custom: false, signature: None }))
}

fn result(id: &str, name: &str, parts: Vec<Part>) -> ToolResult {
    ToolResult { call_id: id.into(), name: Some(name.into()), parts, is_error: false, custom: false }
}

fn answered(result: ToolResult) -> Part {
    Part::new(Content::ToolResult(result))
}

fn media(source: MediaSource, kind: Option<&str>) -> Media {
    Media { source, media_type: kind.map(str::to_owned), name: None, detail: None }
}

fn png() -> Media {
    media(MediaSource::Base64("iVBORw0KGgo=".into()), Some("image/png"))
}

fn number(value: f64) -> Option<Number> {
    Number::from_f64(value)
}

/// A conversation in which one call was made and answered so.
fn after_a_call(result: ToolResult) -> Request {
    Request {
        tools: vec![tool("f")],
        turns: vec![
            user(vec![Part::text("go")]),
            turn(Role::Assistant, vec![call(&result.call_id, "f")]),
            user(vec![answered(result)]),
        ],
        ..Request::default()
    }
}

/// Requests by name.
pub(super) fn requests() -> Vec<(&'static str, Request)> {
    [conversation(), numbers(), tools(), parts(), wishes(), extras()].into_iter().flatten().collect()
}

fn conversation() -> Vec<(&'static str, Request)> {
    let turns = vec![
        user(vec![Part::text("one")]),
        turn(Role::Assistant, vec![Part::text("two")]),
        user(vec![Part::text("three"), Part::text("four")]),
    ];
    let system = vec![Part::text("be brief")];
    let mut middle = turns.clone();
    middle.insert(2, turn(Role::System, vec![Part::text("now in German")]));
    vec![
        ("text", Request { system: system.clone(), turns: turns.clone(), ..Request::default() }),
        ("stream", Request { stream: true, ..said("hi") }),
        (
            "system-parts",
            Request { system: [system, vec![Part::text("be kind")]].concat(), turns, ..Request::default() },
        ),
        ("system-later", Request { turns: middle, ..Request::default() }),
    ]
}

fn numbers() -> Vec<(&'static str, Request)> {
    let with = |sampling| Request { sampling, ..said("hi") };
    let none = Sampling::default;
    vec![
        ("sampling", with(Sampling { temperature: number(0.5), top_p: number(0.9), ..none() })),
        ("top-k", with(Sampling { top_k: Some(40.into()), ..none() })),
        ("penalties", with(Sampling { frequency_penalty: number(0.25), presence_penalty: number(0.5), ..none() })),
        ("seed", with(Sampling { seed: Some(7.into()), ..none() })),
        ("logit-bias", with(Sampling { logit_bias: Some(json!({"7": -1})), ..none() })),
        ("logprobs", with(Sampling { logprobs: Some(true), top_logprobs: Some(2), ..none() })),
        ("limit", Request { max_output_tokens: Some(100), ..said("hi") }),
        ("stop", Request { stop: vec!["END".into(), "STOP".into()], ..said("hi") }),
        ("five-stops", Request { stop: (0..5).map(|n| format!("END{n}")).collect(), ..said("hi") }),
    ]
}

fn tools() -> Vec<(&'static str, Request)> {
    let with = |choice| Request { tools: vec![tool("f"), tool("g")], tool_choice: Some(choice), ..said("hi") };
    let strict = Tool { strict: Some(true), ..tool("f") };
    let free = Tool { custom: Some(json!({"type": "text"})), parameters: None, ..tool("free") };
    let custom_call = Part::new(Content::ToolCall(ToolCall {
        id: "call_1".into(),
        name: "free".into(),
        arguments: "a text".into(),
        custom: true,
        signature: None,
    }));
    let custom_result = ToolResult { custom: true, ..result("call_1", "free", vec![Part::text("ok")]) };
    let parallel = vec![
        user(vec![Part::text("go")]),
        turn(Role::Assistant, vec![Part::text("I look."), call("call_1", "f"), call("call_2", "g")]),
        user(vec![
            answered(result("call_1", "f", vec![Part::text("1")])),
            answered(result("call_2", "g", vec![Part::text("2")])),
            Part::text("go on"),
        ]),
    ];
    let failed = ToolResult { is_error: true, ..result("call_1", "f", vec![Part::text("no")]) };
    let shown = result("call_1", "f", vec![Part::text("see"), Part::new(Content::Image(png()))]);
    vec![
        ("tool-auto", with(ToolChoice::Auto)),
        ("tool-none", with(ToolChoice::None)),
        ("tool-required", with(ToolChoice::Required)),
        ("tool-named", with(ToolChoice::Named("g".into()))),
        ("tool-allowed", with(ToolChoice::Allowed { names: vec!["g".into()], required: true })),
        ("one-call", Request { tools: vec![tool("f")], parallel_tool_calls: Some(false), ..said("hi") }),
        ("strict-tool", Request { tools: vec![strict], ..said("hi") }),
        ("bare-tool", Request { tools: vec![Tool { parameters: None, description: None, ..tool("f") }], ..said("hi") }),
        ("calls", Request { tools: vec![tool("f"), tool("g")], turns: parallel, ..Request::default() }),
        ("failed-call", after_a_call(failed)),
        ("image-result", after_a_call(shown)),
        (
            "custom-tool",
            Request {
                tools: vec![free],
                turns: vec![
                    user(vec![Part::text("go")]),
                    turn(Role::Assistant, vec![custom_call]),
                    user(vec![answered(custom_result)]),
                ],
                ..Request::default()
            },
        ),
    ]
}

fn parts() -> Vec<(&'static str, Request)> {
    let with =
        |content| Request { turns: vec![user(vec![Part::text("look"), Part::new(content)])], ..Request::default() };
    let pdf =
        Media { name: Some("a.pdf".into()), ..media(MediaSource::Base64("JVBERi0x".into()), Some("application/pdf")) };
    let text = media(MediaSource::Text("plain".into()), Some("text/plain"));
    let url = |address: &str| media(MediaSource::Url(address.into()), None);
    let marked = |text| Part { cache: Some(CacheLife::Minutes5), ..Part::text(text) };
    vec![
        ("image", with(Content::Image(png()))),
        ("image-url", with(Content::Image(url("https://example.com/a.png")))),
        ("image-detail", with(Content::Image(Media { detail: Some("low".into()), ..png() }))),
        ("image-stored", with(Content::Image(media(MediaSource::Stored("file-1".into()), None)))),
        ("document", with(Content::File(pdf))),
        ("document-text", with(Content::File(text))),
        ("document-url", with(Content::File(url("https://example.com/a.pdf")))),
        ("sound", with(Content::Audio(media(MediaSource::Base64("UklGRg==".into()), Some("audio/wav"))))),
        (
            "cache",
            Request {
                system: vec![marked("long")],
                tools: vec![Tool { cache: Some(CacheLife::Hour1), ..tool("f") }],
                turns: vec![user(vec![marked("also long"), Part::text("short")])],
                ..Request::default()
            },
        ),
    ]
}

fn wishes() -> Vec<(&'static str, Request)> {
    let with = |wish| Request { reasoning: Some(wish), max_output_tokens: Some(8_000), ..said("think") };
    let none = ReasoningWish::default;
    let thought = |format, redacted: bool| {
        let text = if redacted { String::new() } else { "hm".to_owned() };
        let signature = Some(Signature::new(format, "c2lnbmVk"));
        let own = Part::new(Content::Reasoning(Reasoning { text, signature, redacted }));
        let turns = vec![
            user(vec![Part::text("go")]),
            turn(Role::Assistant, vec![own, Part::text("so"), call("call_1", "f")]),
            user(vec![answered(result("call_1", "f", vec![Part::text("1")]))]),
        ];
        Request { tools: vec![tool("f")], turns, ..Request::default() }
    };
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let format = |name: Option<&str>, description: Option<&str>, strict| Request {
        format: Format::Schema {
            name: name.map(str::to_owned),
            description: description.map(str::to_owned),
            schema: schema.clone(),
            strict,
        },
        ..said("a city")
    };
    vec![
        ("effort", with(ReasoningWish { effort: Some(Effort::High), ..none() })),
        ("effort-none", with(ReasoningWish { effort: Some(Effort::None), ..none() })),
        ("budget", with(ReasoningWish { budget: Some(2_048), ..none() })),
        ("adaptive", with(ReasoningWish { adaptive: true, ..none() })),
        ("thought-anthropic", thought(SignatureFormat::Anthropic, false)),
        ("thought-anthropic-redacted", thought(SignatureFormat::Anthropic, true)),
        ("thought-openai", thought(SignatureFormat::OpenAi, false)),
        ("thought-gemini", thought(SignatureFormat::Gemini, false)),
        ("json", Request { format: Format::Json, ..said("as JSON") }),
        ("schema", format(None, None, None)),
        ("schema-named", format(Some("city"), Some("A city"), Some(true))),
    ]
}

fn extras() -> Vec<(&'static str, Request)> {
    vec![
        ("user", Request { user: Some("user-17".into()), ..said("hi") }),
        ("tier", Request { service_tier: Some("flex".into()), ..said("hi") }),
        ("cache-key", Request { prompt_cache_key: Some("c-4".into()), ..said("hi") }),
        ("metadata", Request { metadata: Some(json!({"team": "a"})), ..said("hi") }),
        ("verbosity", Request { verbosity: Some("low".into()), ..said("hi") }),
    ]
}

/// Answers by name.
pub(super) fn answers() -> Vec<(&'static str, Answer)> {
    let usage = Some(Usage { input: 20, output: 10, ..Usage::default() });
    let full =
        Usage { input: 1_110, cached_input: 1_000, cache_write: 100, output: 50, reasoning: 40, ..Usage::default() };
    let hour = Usage { cache_write: 0, cache_write_1h: 100, ..full };
    let text = || Part::text("hello");
    let with = |parts, stop| Answer { parts, stop, usage, ..Answer::default() };
    let thought = |format, redacted: bool| {
        let text = if redacted { String::new() } else { "hm".to_owned() };
        let signature = Some(Signature::new(format, "c2lnbmVk"));
        Part::new(Content::Reasoning(Reasoning { text, signature, redacted }))
    };
    let plain = Part::new(Content::Reasoning(Reasoning { text: "hm".into(), ..Reasoning::default() }));
    let cited = Part::new(Content::Text {
        text: "hello".into(),
        citations: vec![json!({"url": "https://example.com/", "title": "E"})],
    });
    let signed_call = Part::new(Content::ToolCall(ToolCall {
        id: "call_1".into(),
        name: "f".into(),
        arguments: r#"{"a":"1"}"#.into(),
        custom: false,
        signature: Some(Signature::new(SignatureFormat::Gemini, "c2lnbmVk")),
    }));
    vec![
        ("text", with(vec![text()], Stop::End)),
        ("cited", with(vec![cited], Stop::End)),
        ("refusal", with(vec![Part::new(Content::Refusal("no".into()))], Stop::Refusal)),
        ("thought", with(vec![plain, text()], Stop::End)),
        ("thought-anthropic", with(vec![thought(SignatureFormat::Anthropic, false), text()], Stop::End)),
        ("thought-redacted", with(vec![thought(SignatureFormat::Anthropic, true), text()], Stop::End)),
        ("thought-openai", with(vec![thought(SignatureFormat::OpenAi, false), text()], Stop::End)),
        ("thought-gemini", with(vec![thought(SignatureFormat::Gemini, false), text()], Stop::End)),
        ("calls", with(vec![text(), call("call_1", "f"), call("call_2", "f")], Stop::ToolUse)),
        ("only-calls", with(vec![call("call_1", "f")], Stop::ToolUse)),
        ("signed-call", with(vec![signed_call], Stop::ToolUse)),
        ("length", with(vec![text()], Stop::Length)),
        ("sequence", with(vec![text()], Stop::Sequence(Some("END".into())))),
        ("pause", with(vec![text()], Stop::Pause)),
        ("usage", Answer { usage: Some(full), ..with(vec![text()], Stop::End) }),
        ("usage-hour", Answer { usage: Some(hour), ..with(vec![text()], Stop::End) }),
        ("tier", Answer { service_tier: Some("default".into()), ..with(vec![text()], Stop::End) }),
    ]
}
