//! From clients: what a provider's dialect knows nothing of is dropped, passed on, or refused by name.

use router_testkit::SimProvider;
use router_testkit::clients::{CLIENTS, Want};
use serde_json::Value;

use super::providers;
use crate::world::{name_of, router, send};

/// A change to a request: the client's dialect, where (`/-` at the end: one more in that list), and what stands there then.
type Change = (&'static str, &'static str, &'static str);

/// Fields that nobody knows: answered all the same. They pass to a provider of the same dialect; some refuse them, in their own words.
const FIELDS: &[Change] = &[
    ("openai_chat", "/zz_unknown", r#"{"zz":[1]}"#),
    ("openai_chat", "/messages/0/zz_unknown", "1"),
    ("openai_chat", "/tools/0/function/zz_unknown", "true"),
    ("openai_chat", "/tools/0/zz_unknown", "[]"),
    ("openai_responses", "/zz_unknown", r#"{"zz":[1]}"#),
    ("openai_responses", "/input/0/zz_unknown", "1"),
    ("openai_responses", "/input/0/content/0/zz_unknown", "1"),
    ("openai_responses", "/reasoning/zz_unknown", "1"),
    ("anthropic", "/zz_unknown", r#"{"zz":[1]}"#),
    ("anthropic", "/messages/0/zz_unknown", "1"),
    ("anthropic", "/tools/0/zz_unknown", r#""zz""#),
    ("anthropic", "/metadata", r#"{"zz_unknown":1}"#),
    ("gemini", "/zzUnknown", r#"{"zz":[1]}"#),
    ("gemini", "/contents/0/zzUnknown", "1"),
    ("gemini", "/contents/0/parts/0/zzUnknown", "1"),
    ("gemini", "/generationConfig/zzUnknown", r#""zz""#),
    ("gemini", "/tools/0/functionDeclarations/0/zzUnknown", "1"),
];

/// Values that nobody knows: answered, or refused with a 400 that says so.
const VALUES: &[Change] = &[
    ("openai_chat", "/messages/-", r#"{"role":"zz_unknown","content":"x"}"#),
    ("openai_chat", "/messages/0/content", r#"[{"type":"zz_unknown","zz":1},{"type":"text","text":"hello there"}]"#),
    ("openai_chat", "/tools/-", r#"{"type":"zz_unknown","zz":{}}"#),
    ("openai_chat", "/tool_choice", r#""zz_unknown""#),
    ("openai_chat", "/tool_choice", r#"{"type":"zz_unknown"}"#),
    ("openai_chat", "/reasoning_effort", r#""zz_unknown""#),
    ("openai_chat", "/response_format", r#"{"type":"zz_unknown"}"#),
    ("openai_chat", "/service_tier", r#""zz_unknown""#),
    ("openai_chat", "/modalities", r#"["text","zz_unknown"]"#),
    ("openai_chat", "/verbosity", r#""zz_unknown""#),
    ("openai_chat", "/stop", r#"{"zz":1}"#),
    ("openai_chat", "/temperature", r#""hot""#),
    ("openai_responses", "/input/-", r#"{"type":"zz_unknown","zz":1}"#),
    ("openai_responses", "/input/-", r#"{"role":"zz_unknown","content":"x"}"#),
    ("openai_responses", "/input/0/content/-", r#"{"type":"zz_unknown","zz":1}"#),
    ("openai_responses", "/tools/-", r#"{"type":"zz_unknown"}"#),
    ("openai_responses", "/tool_choice", r#"{"type":"zz_unknown"}"#),
    ("openai_responses", "/reasoning/effort", r#""zz_unknown""#),
    ("openai_responses", "/reasoning/summary", r#""zz_unknown""#),
    ("openai_responses", "/include/-", r#""zz.unknown""#),
    ("openai_responses", "/text", r#"{"format":{"type":"zz_unknown"},"verbosity":"zz_unknown"}"#),
    ("openai_responses", "/truncation", r#""zz_unknown""#),
    ("anthropic", "/messages/-", r#"{"role":"zz_unknown","content":"x"}"#),
    (
        "anthropic",
        "/messages/-",
        r#"{"role":"user","content":[{"type":"zz_unknown","zz":1},{"type":"text","text":"x"}]}"#,
    ),
    (
        "anthropic",
        "/system",
        r#"[{"type":"zz_unknown"},{"type":"text","text":"x","cache_control":{"type":"zz_unknown"}}]"#,
    ),
    ("anthropic", "/tools/-", r#"{"type":"zz_unknown_20991231","name":"zz"}"#),
    ("anthropic", "/tool_choice", r#"{"type":"zz_unknown"}"#),
    ("anthropic", "/thinking", r#"{"type":"zz_unknown"}"#),
    ("anthropic", "/output_config", r#"{"effort":"zz_unknown","format":{"type":"zz_unknown"}}"#),
    ("anthropic", "/service_tier", r#""zz_unknown""#),
    ("anthropic", "/stop_sequences", r#"{"zz":1}"#),
    ("gemini", "/contents/-", r#"{"role":"zz_unknown","parts":[{"text":"x"}]}"#),
    ("gemini", "/contents/0/parts/-", r#"{"zzUnknown":{"zz":1}}"#),
    ("gemini", "/tools/-", r#"{"zzUnknown":{}}"#),
    ("gemini", "/toolConfig", r#"{"functionCallingConfig":{"mode":"ZZ_UNKNOWN"}}"#),
    ("gemini", "/generationConfig/thinkingConfig", r#"{"thinkingLevel":"ZZ_UNKNOWN"}"#),
    ("gemini", "/generationConfig/responseMimeType", r#""zz/unknown""#),
    ("gemini", "/generationConfig/responseModalities", r#"["TEXT","ZZ_UNKNOWN"]"#),
    ("gemini", "/generationConfig/mediaResolution", r#""ZZ_UNKNOWN""#),
    ("gemini", "/safetySettings", r#"[{"category":"ZZ_UNKNOWN","threshold":"ZZ_UNKNOWN"}]"#),
];

/// The body with that change.
fn changed(mut body: Value, place: &str, value: &str) -> Value {
    let value: Value = serde_json::from_str(value).expect("the tables hold JSON");
    let (parent, last) = place.rsplit_once('/').expect("a pointer");
    match body.pointer_mut(parent) {
        Some(Value::Array(list)) if last == "-" => list.push(value),
        Some(Value::Object(object)) => drop(object.insert(last.to_owned(), value)),
        _ => panic!("there is no {parent} in {body}"),
    }
    body
}

#[tokio::test]
async fn from_clients() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    let mut wrong = Vec::new();
    let all = FIELDS.iter().map(|change| (change, true)).chain(VALUES.iter().map(|change| (change, false)));
    for ((dialect, place, value), answered) in all {
        let client = CLIENTS.iter().find(|client| client.name == *dialect).expect("a client");
        for adapter in providers() {
            for stream in [false, true] {
                let model = name_of(adapter, "");
                let want = Want {
                    model: &model,
                    text: "hello there",
                    tools: &["weather"],
                    thinking: true,
                    limit: Some(5_000),
                    stream,
                    ..Want::default()
                };
                let body = changed((client.ask)(&want), place, value);
                let reply = send(&router, client, &model, stream, &body).await;
                let case = format!("{dialect} → {model}, {place}: {value}, stream: {stream}: {}", reply.text());
                let own = adapter.kind == *dialect;
                let refused = reply.status() == 400 && (!answered || own);
                let fine = reply.status() == 200 || refused;
                if !fine || !reply.is_complete() {
                    wrong.push(format!("{}: {case}", reply.status()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
