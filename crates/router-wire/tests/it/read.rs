//! Reading requests: what is refused with which code, what is needed, how many tokens.

use router_core::ask::Endpoint::{self, ChatCompletions, Completions, Embeddings};
use router_wire::dialects::{self, Intake, RequestError, Route};

fn read(endpoint: Endpoint, body: &str) -> Result<Intake, RequestError> {
    (dialects::DIALECTS[0].read)(&Route::fixed(endpoint), body.as_bytes())
}

/// A chat body with these further members.
fn chat(more: &str) -> Result<Intake, RequestError> {
    read(ChatCompletions, &format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{more}}}"#))
}

#[test]
fn paths_lead_to_the_dialect() {
    let endpoint = |path| dialects::by_path(path, "").map(|(_, route)| route.endpoint);
    assert_eq!(endpoint("/v1/chat/completions"), Some(ChatCompletions));
    assert_eq!(endpoint("/chat/completions"), Some(ChatCompletions));
    assert_eq!(endpoint("/v1/completions"), Some(Completions));
    assert_eq!(endpoint("/v1/embeddings"), Some(Embeddings));
    assert_eq!(endpoint("/v1/chat/completions/"), None);
}

#[test]
fn refusals_carry_code_and_param() {
    let deep = format!(r#"{{"model":"m","messages":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    let many = format!(r#"{{"model":"m","messages":[{}]}}"#, vec!["{}"; 2049].join(","));
    let rows: &[(Endpoint, &str, &str, Option<&str>)] = &[
        (ChatCompletions, "", "invalid_json", None),
        (ChatCompletions, "[]", "invalid_json", None),
        (ChatCompletions, r#"{"model":"m","#, "invalid_json", None),
        (ChatCompletions, r#"{"model":"m","model":"m"}"#, "duplicate_key", Some("model")),
        (ChatCompletions, r#"{"foo":1,"foo":1}"#, "duplicate_key", Some("foo")),
        (ChatCompletions, &deep, "json_too_deep", None),
        (ChatCompletions, &many, "invalid_value", Some("messages")),
        (ChatCompletions, "{}", "missing_required_parameter", Some("model")),
        (ChatCompletions, r#"{"model":null}"#, "missing_required_parameter", Some("model")),
        (ChatCompletions, r#"{"model":""}"#, "invalid_value", Some("model")),
        (ChatCompletions, r#"{"model":7}"#, "invalid_value", Some("model")),
        (ChatCompletions, r#"{"model":"m"}"#, "missing_required_parameter", Some("messages")),
        (ChatCompletions, r#"{"model":"m","messages":[]}"#, "invalid_value", Some("messages")),
        (ChatCompletions, r#"{"model":"m","messages":"hi"}"#, "invalid_value", Some("messages")),
        (ChatCompletions, r#"{"model":"m","messages":{"a":1}}"#, "invalid_value", Some("messages")),
        (ChatCompletions, r#"{"model":"m","messages":[1],"stream":"true"}"#, "invalid_value", Some("stream")),
        (ChatCompletions, r#"{"model":"m","messages":[1],"stream":1}"#, "invalid_value", Some("stream")),
        (
            ChatCompletions,
            r#"{"model":"m","messages":[1],"stream_options":true}"#,
            "invalid_value",
            Some("stream_options"),
        ),
        (ChatCompletions, r#"{"model":"m","messages":[1],"max_tokens":0}"#, "invalid_value", Some("max_tokens")),
        (ChatCompletions, r#"{"model":"m","messages":[1],"max_tokens":-1}"#, "invalid_value", Some("max_tokens")),
        (ChatCompletions, r#"{"model":"m","messages":[1],"max_tokens":1.5}"#, "invalid_value", Some("max_tokens")),
        (ChatCompletions, r#"{"model":"m","messages":[1],"max_tokens":"5"}"#, "invalid_value", Some("max_tokens")),
        (
            ChatCompletions,
            r#"{"model":"m","messages":[1],"max_tokens":99999999999999999999}"#,
            "invalid_value",
            Some("max_tokens"),
        ),
        (
            ChatCompletions,
            r#"{"model":"m","messages":[1],"max_completion_tokens":0}"#,
            "invalid_value",
            Some("max_completion_tokens"),
        ),
        (ChatCompletions, r#"{"model":"m","messages":[1],"n":0}"#, "invalid_value", Some("n")),
        (ChatCompletions, r#"{"model":"m","messages":[1],"n":129}"#, "invalid_value", Some("n")),
        (Completions, r#"{"model":"m","prompt":{}}"#, "invalid_value", Some("prompt")),
        (Completions, r#"{"model":"m","best_of":0}"#, "invalid_value", Some("best_of")),
        (Embeddings, r#"{"model":"m"}"#, "missing_required_parameter", Some("input")),
        (Embeddings, r#"{"model":"m","input":[]}"#, "invalid_value", Some("input")),
        (Embeddings, r#"{"model":"m","input":7}"#, "invalid_value", Some("input")),
    ];
    for (endpoint, body, code, param) in rows {
        let shown: String = body.chars().take(80).collect();
        let error = read(*endpoint, body).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (*code, *param), "{shown}");
        assert!(error.message.ends_with('.'), "{}", error.message);
    }
}

#[test]
fn nulls_and_unknown_fields_are_fine() {
    let found = chat(
        r#","stream":null,"n":null,"max_tokens":null,"stop":null,"tools":[],"foo":{"a":[]},"stream_options":null"#,
    )
    .unwrap();
    assert_eq!((found.ask.stream, found.ask.answers, found.ask.max_output_tokens), (false, 1, None));
    assert_eq!(found.ask.needs.names().collect::<Vec<_>>(), ["chat"]);
    assert!(!found.usage_wanted && !found.reasoning_wanted && found.ask.models.is_empty());
    assert!(chat(r#","x":"\ud83d""#).is_ok(), "a lone surrogate is the provider's business");
}

#[test]
fn needs_follow_from_what_the_body_uses() {
    for (more, needs) in [
        (r#","tools":[{"type":"function"}]"#, "function_calling chat"),
        (r#","functions":[{}]"#, "function_calling chat"),
        (r#","response_format":{"type":"text"}"#, "chat"),
        (r#","response_format":{"type":"json_object"}"#, "json_mode chat"),
        (r#","response_format":{"json_schema":{"type":"object"},"type":"json_schema"}"#, "json_schema chat"),
        (r#","stream":true"#, "streaming chat"),
        (r#","modalities":["text","audio"],"audio":{}"#, "audio_output chat"),
        (r#","modalities":["image","text"]"#, "chat image_output"),
        (r#","web_search_options":{}"#, "web_search chat"),
    ] {
        assert_eq!(chat(more).unwrap().ask.needs.names().collect::<Vec<_>>().join(" "), needs, "{more}");
    }
    let parts = r#"{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"u"}},{"type":"input_audio","input_audio":{}},{"type":"file","file":{}}]}]}"#;
    let names: Vec<_> = read(ChatCompletions, parts).unwrap().ask.needs.names().collect();
    assert_eq!(names, ["vision", "audio_input", "file_input", "chat"]);
    let embed = read(Embeddings, r#"{"model":"m","input":"a","stream":true}"#).unwrap().ask;
    assert_eq!((embed.needs.names().collect::<Vec<_>>().join(" ").as_str(), embed.stream), ("embeddings", false));
}

#[test]
fn hints_are_read() {
    assert!(chat(r#","reasoning_effort":"high""#).unwrap().reasoning_wanted);
    assert!(!chat(r#","reasoning_effort":"none""#).unwrap().reasoning_wanted);
    assert!(chat(r#","reasoning":{"effort":"low"}"#).unwrap().reasoning_wanted);
    assert!(chat(r#","stream":true,"stream_options":{"include_usage":true}"#).unwrap().usage_wanted);
    assert!(!chat(r#","stream":true,"stream_options":{"include_usage":false}"#).unwrap().usage_wanted);
    let found = chat(r#","models":["a","b\u0020c"],"prompt_cache_key":"k""#).unwrap();
    assert_eq!(found.ask.models, ["a", "b c"]);
    assert_eq!(found.cache_key.as_deref(), Some("k"));
}

#[test]
fn a_list_of_models_names_the_model_too() {
    let listed = |models: &str| {
        read(ChatCompletions, &format!(r#"{{"models":{models},"messages":[{{"role":"user","content":"a"}}]}}"#))
    };
    let ask = listed(r#"["a","b"]"#).unwrap().ask;
    assert_eq!((ask.model.as_str(), ask.models), ("a", vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(listed("[]").unwrap_err().code, "missing_required_parameter");
    assert_eq!(listed(r#""a""#).unwrap_err().param.as_deref(), Some("models"));
}

#[test]
fn limits_and_answers() {
    assert_eq!(chat(r#","max_tokens":5,"max_completion_tokens":9,"n":3"#).unwrap().ask.max_output_tokens, Some(9));
    assert_eq!(chat(r#","max_tokens":50,"max_completion_tokens":9"#).unwrap().ask.max_output_tokens, Some(50));
    for (body, answers) in [
        (r#"{"model":"m","prompt":"a","n":2}"#, 2),
        (r#"{"model":"m","prompt":"a","n":2,"best_of":5}"#, 5),
        (r#"{"model":"m","prompt":["a","b","c"],"n":2}"#, 6),
        (r#"{"model":"m","prompt":[1,2,3]}"#, 1),
        (r#"{"model":"m","prompt":[[1],[2]]}"#, 2),
        (r#"{"model":"m"}"#, 1),
    ] {
        assert_eq!(read(Completions, body).unwrap().ask.answers, answers, "{body}");
    }
}

#[test]
fn tokens_are_estimated_and_bounded() {
    let tokens = |body: &str| {
        let ask = read(if body.contains("\"input\"") { Embeddings } else { ChatCompletions }, body).unwrap().ask;
        assert!(ask.input_tokens <= ask.input_tokens_bound, "{body}");
        (ask.input_tokens, ask.input_tokens_bound)
    };
    // 40 ASCII characters are 10 tokens, one message 4, priming 3.
    let text = "a".repeat(40);
    assert_eq!(tokens(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#)).0, 17);
    let chinese = "中".repeat(40);
    assert_eq!(tokens(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{chinese}"}}]}}"#)).0, 47);
    let escaped = "\\u4e2d".repeat(40);
    assert_eq!(tokens(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{escaped}"}}]}}"#)).0, 47);
    assert_eq!(tokens(r#"{"model":"m","input":[1,2,3]}"#).0, 3);
    assert_eq!(tokens(r#"{"model":"m","input":["abcd","ef"]}"#).0, 2);
    let image = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}]}}]}}"#,
        "A".repeat(3_000_000)
    );
    let (estimate, bound) = tokens(&image);
    assert!(estimate < 1_000 && (50_000..51_000).contains(&bound), "{estimate} {bound}");
    let tools = tokens(
        r#"{"model":"m","messages":[{}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#,
    );
    assert!(tools.0 > 20 && tools.1 > 600);
}

#[test]
fn wishes_about_providers_are_read() {
    use router_core::pricing::Rate;
    use router_core::wish::Sort;
    let wish =
        |fields: &str| chat(&format!(r#","provider":{fields}"#)).map(|found| found.ask.provider.expect("a wish"));
    let all = wish(
        r#"{"order":["OpenAI","deepinfra/turbo"],"only":null,"ignore":["x"],"sort":{"by":"throughput"},"data_collection":"deny",
            "max_price":{"prompt":0.5,"completion":"1.25","request":0.01,"image":1},"allow_fallbacks":false,"require_parameters":true}"#,
    )
    .unwrap();
    assert_eq!(
        (all.order.as_slice(), all.ignore.as_slice()),
        (["OpenAI", "deepinfra/turbo"].map(String::from).as_slice(), ["x".to_owned()].as_slice())
    );
    assert_eq!((all.sort, all.allow_fallbacks, all.require_parameters), (Some(Sort::Throughput), false, true));
    assert_eq!(all.max_price.prompt, Some(Rate(500_000_000)));
    assert_eq!(all.max_price.completion, Some(Rate(1_250_000_000)));
    assert!(wish("{}").unwrap().allow_fallbacks);
    assert_eq!(wish(r#"{"sort":"price"}"#).unwrap().sort, Some(Sort::Price));
    for (fields, param, allowed) in [
        (r#","provider":"openai""#, "provider", "an object"),
        (r#","provider":{"order":"openai"}"#, "provider.order", "a list"),
        (r#","provider":{"only":[1]}"#, "provider.only", "a list"),
        (r#","provider":{"sort":"speed"}"#, "provider.sort", "price, throughput, latency"),
        (r#","provider":{"max_price":3}"#, "provider.max_price", "an object"),
        (r#","provider":{"max_price":{"prompt":"cheap"}}"#, "provider.max_price.prompt", "USD per million tokens"),
        (r#","provider":{"max_price":{"prompt":-1}}"#, "provider.max_price.prompt", "USD per million tokens"),
        (r#","provider":{"allow_fallbacks":"no"}"#, "provider.allow_fallbacks", "true or false"),
        (r#","models":"a""#, "models", "a list"),
        (r#","models":["a",7]"#, "models", "a list"),
    ] {
        let error = chat(fields).expect_err(fields);
        assert_eq!((error.code, error.param.as_deref()), ("invalid_value", Some(param)), "{fields}");
        assert!(error.message.contains(allowed), "{fields}: {}", error.message);
    }
    let needs = |fields: &str| chat(fields).unwrap().ask.needs.has(router_core::catalog::Capability::Reasoning);
    assert!(needs(r#","reasoning_effort":"high","provider":{"require_parameters":true}"#));
    assert!(!needs(r#","reasoning_effort":"high""#));
}
