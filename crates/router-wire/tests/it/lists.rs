//! Lists of models, in the shapes that providers give them.

use router_core::catalog::Capabilities;
use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier};
use router_wire::adapters::by_name;
use router_wire::lists::{FAMILIES, Family, Listed, NotAList, Page, Place, family};

fn read(family: &Family, json: &str) -> Page {
    family.read(None, json.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}: {json}", family.name))
}

fn only(family: &Family, json: &str) -> Listed {
    let mut page = read(family, json);
    assert_eq!(page.models.len(), 1, "{json}");
    page.models.remove(0)
}

fn names(set: Capabilities) -> Vec<&'static str> {
    set.names().collect()
}

#[test]
fn pages_are_where_each_provider_has_them() {
    for (kind, base_url, next, urls) in [
        ("openai", "https://h/v1", None, vec!["https://h/v1/models"]),
        (
            "anthropic",
            "https://h/v1/",
            Some("claude-x"),
            vec!["https://h/v1/models?limit=1000", "https://h/v1/models?limit=1000&after_id=claude-x"],
        ),
        (
            "gemini",
            "https://h/v1beta",
            Some("a+b=&c"),
            vec![
                "https://h/v1beta/models?pageSize=1000",
                "https://h/v1beta/models?pageSize=1000&pageToken=a%2Bb%3D%26c",
            ],
        ),
        (
            "siliconflow",
            "https://h/v1",
            Some("embedding"),
            vec!["https://h/v1/models?sub_type=chat", "https://h/v1/models?sub_type=embedding"],
        ),
        ("ollama", "http://h:1/v1", None, vec!["http://h:1/api/tags"]),
        ("ollama", "http://h:1", None, vec!["http://h:1/api/tags"]),
        ("azure_openai", "https://h/openai/v1", None, vec!["https://h/openai/v1/models"]),
    ] {
        let preset = (by_name(kind).preset)();
        let place = Place { base_url, preset: &preset };
        let family = family(kind, &preset.dialect);
        let asked = std::iter::once(None).chain(next.map(Some));
        assert_eq!(asked.map(|next| (family.url)(&place, next)).collect::<Vec<_>>(), urls, "{kind}");
    }
    let mut preset = (by_name("azure_openai").preset)();
    preset.api_version = Some("2024-10-21".to_owned());
    let place = Place { base_url: "https://h/openai", preset: &preset };
    let azure = family("azure_openai", "openai_chat");
    assert_eq!((azure.url)(&place, None), "https://h/openai/models?api-version=2024-10-21");
    let place = Place { base_url: "https://h/v1", preset: &preset };
    let prices = family("tuzi", "openai_chat").prices.expect("a list of prices");
    assert_eq!((prices.url)(&place), "https://h/api/pricing");
}

#[test]
fn names_alone_are_a_list_too() {
    let list = r#"{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1,"owned_by":"system"},
        {"id":"gpt-5","shape":{"new":[1,null]},"max_model_len":"not a number"},{"id":"meta/llama","max_model_len":131072},
        {"id":""},{"id":7},{"id":"a\nb"},{"no":"name"},"text",null]}"#;
    let models = read(family("openai", "openai_chat"), list).models;
    let told: Vec<_> = models.iter().map(|model| (model.id.as_str(), model.context_length)).collect();
    assert_eq!(told, [("gpt-4o-mini", None), ("gpt-5", None), ("meta/llama", Some(131_072))]);
    assert!(models.iter().all(|model| model.price.is_none() && model.can.is_empty() && model.active));
    let bare = only(family("openai_compatible", "openai_chat"), r#"[{"id":"a/b","context_length":8192}]"#);
    assert_eq!((bare.id.as_str(), bare.context_length), ("a/b", Some(8_192)));
}

#[test]
fn groq_tells_what_is_active() {
    let list = r#"{"data":[{"id":"llama-3.1-8b-instant","active":true,"context_window":131072,"max_completion_tokens":8192},
        {"id":"whisper-large-v3","active":false,"context_window":448}]}"#;
    let models = read(family("groq", "openai_chat"), list).models;
    let [llama, whisper] = models.as_slice() else { panic!("{models:?}") };
    assert_eq!((llama.context_length, llama.max_output_tokens, llama.active), (Some(131_072), Some(8_192), true));
    assert_eq!((whisper.active, names(whisper.cannot)), (false, vec!["chat"]));
}

#[test]
fn anthropic_goes_on_after_the_last_id() {
    let list = r#"{"data":[{"type":"model","id":"claude-sonnet-5","display_name":"Claude Sonnet 5","created_at":"2026-01-01T00:00:00Z",
        "max_input_tokens":200000,"max_tokens":64000,"capabilities":{"image_input":{"supported":true},"thinking":{"supported":true,
        "types":{}},"pdf_input":{"supported":false},"structured_outputs":true,"levitation":{"supported":true}}}],
        "has_more":true,"first_id":"claude-sonnet-5","last_id":"claude-sonnet-5"}"#;
    let anthropic = family("anthropic", "anthropic");
    let page = read(anthropic, list);
    assert_eq!(page.next.as_deref(), Some("claude-sonnet-5"));
    let model = &page.models[0];
    assert_eq!(model.display_name.as_deref(), Some("Claude Sonnet 5"));
    assert_eq!((model.context_length, model.max_output_tokens), (Some(200_000), Some(64_000)));
    assert_eq!(names(model.can), ["vision", "json_schema", "reasoning", "chat"]);
    assert_eq!(names(model.cannot), ["file_input"]);
    assert_eq!(read(anthropic, r#"{"data":[],"has_more":false,"last_id":null}"#), Page::default());
}

#[test]
fn gemini_names_methods_and_the_next_page() {
    let list = r#"{"models":[{"name":"models/gemini-3-pro","displayName":"Gemini 3 Pro","inputTokenLimit":1048576,"outputTokenLimit":65536,
        "supportedGenerationMethods":["generateContent","countTokens","foreseeWeather"],"thinking":true},
        {"name":"models/gemini-embedding-001","inputTokenLimit":2048,"supportedGenerationMethods":["embedContent"]}],
        "nextPageToken":"t-2"}"#;
    let gemini = family("gemini", "gemini");
    let page = read(gemini, list);
    assert_eq!(page.next.as_deref(), Some("t-2"));
    let [chat, embed] = page.models.as_slice() else { panic!("{page:?}") };
    assert_eq!(
        (chat.id.as_str(), chat.context_length, chat.max_output_tokens),
        ("gemini-3-pro", Some(1_048_576), Some(65_536))
    );
    assert_eq!((names(chat.can), names(chat.cannot)), (vec!["reasoning", "chat"], vec!["embeddings"]));
    assert_eq!((names(embed.can), names(embed.cannot)), (vec!["embeddings"], vec!["chat"]));
    assert!(gemini.is_same("gemini-3-pro", "models/gemini-3-pro"));
    assert_eq!(read(gemini, "{}"), Page::default());
}

#[test]
fn openrouter_prices_are_exact_and_less_than_nothing_is_unknown() {
    let list = r#"{"data":[{"id":"vendor/m","canonical_slug":"vendor/m-1","name":"Vendor: M","context_length":1000000,
        "architecture":{"input_modalities":["text","image","smell"],"output_modalities":["text"],"tokenizer":"Other"},
        "pricing":{"prompt":"0.00000125","completion":"0.00001","request":"0","image":"0.005","web_search":"0.01",
          "internal_reasoning":"0","input_cache_read":"0.000000125","discount":0,
          "overrides":[{"min_prompt_tokens":200000,"prompt":"0.0000025","completion":"0.000015"},
                       {"utc_start":"0100","utc_end":"0500","prompt":"0.000001"}]},
        "top_provider":{"context_length":1000000,"max_completion_tokens":65536,"is_moderated":false},
        "supported_parameters":["tools","reasoning","response_format","temperature"],"per_request_limits":null},
      {"id":"openrouter/auto","pricing":{"prompt":"-1","completion":"-1"}},
      {"id":"vendor/m:free","pricing":{"prompt":"0","completion":"0"},"top_provider":{"context_length":32768,"max_completion_tokens":null}},
      {"id":"vendor/half","pricing":{"prompt":"0.1"}}]}"#;
    let models = read(family("openrouter", "openai_chat"), list).models;
    let [model, auto, free, half] = models.as_slice() else { panic!("{models:?}") };
    let tier =
        Tier { above_tokens: 200_000, input: Rate(2_500_000_000), output: Rate(15_000_000_000), ..Tier::default() };
    let price = Price {
        input: Rate(1_250_000_000),
        output: Rate(10_000_000_000),
        cached_input: Some(Rate(125_000_000)),
        tiers: vec![tier],
        ..Price::default()
    };
    assert_eq!(model.price.as_ref(), Some(&price));
    assert_eq!((model.context_length, model.max_output_tokens), (Some(1_000_000), Some(65_536)));
    assert_eq!(names(model.can), ["function_calling", "vision", "json_mode", "reasoning", "chat"]);
    assert!(names(model.cannot).contains(&"json_schema") && names(model.cannot).contains(&"audio_input"));
    assert_eq!((&auto.price, &half.price), (&None, &None));
    assert_eq!((free.price.as_ref(), free.context_length), (Some(&Price::default()), Some(32_768)));
}

#[test]
fn new_api_prices_are_ratios_of_ratios() {
    let tuzi = family("tuzi", "openai_chat");
    let list = r#"{"data":[{"id":"a","supported_endpoint_types":["openai","telepathy"]},{"id":"b"},{"id":"c"},{"id":"d"},{"id":"e"},{"id":"f"}]}"#;
    let mut models = read(tuzi, list).models;
    assert_eq!(names(models[0].can), ["chat"]);
    let pricing = r#"{"success":true,"data":[
        {"model_name":"a","quota_type":0,"model_ratio":1.25,"model_price":0,"completion_ratio":8,"cache_ratio":0.1,"create_cache_ratio":0,"enable_groups":["vip","default"]},
        {"model_name":"b","quota_type":1,"model_ratio":0,"model_price":0.1,"completion_ratio":0,"enable_groups":["vip","gold"]},
        {"model_name":"c","quota_type":0,"model_ratio":0.07142857142857142,"completion_ratio":3,"enable_groups":["default"]},
        {"model_name":"d","quota_type":0,"model_ratio":1,"completion_ratio":1,"billing_expr":"tokens * 2","enable_groups":["default"]},
        {"model_name":"f","quota_type":0,"model_ratio":"a lot","enable_groups":["default"]},
        {"model_name":"elsewhere","quota_type":0,"model_ratio":1}],
      "group_ratio":{"default":1,"vip":0.8,"gold":1.5}}"#;
    let count = tuzi.prices.expect("prices").complete(pricing.as_bytes(), &mut models);
    assert_eq!(count, Ok(3));
    let price = |input, output| Price { input: Rate(input), output: Rate(output), ..Price::default() };
    let a = Price { cached_input: Some(Rate(250_000_000)), ..price(2_500_000_000, 20_000_000_000) };
    let b = Price { per_request: Nano(150_000_000), ..Price::default() };
    let prices: Vec<_> = models.into_iter().map(|model| model.price).collect();
    assert_eq!(prices, [Some(a), Some(b), Some(price(142_857_143, 428_571_429)), None, None, None]);
}

#[test]
fn siliconflow_is_asked_kind_by_kind() {
    let siliconflow = family("siliconflow", "openai_chat");
    let (mut asked, mut told) = (None, Vec::new());
    loop {
        let page = siliconflow.read(asked.as_deref(), br#"{"data":[{"id":"BAAI/bge-m3"}]}"#).expect("a list");
        let model = &page.models[0];
        told.push((asked.unwrap_or_default(), names(model.can), names(model.cannot)));
        asked = page.next;
        if asked.is_none() {
            break;
        }
    }
    assert_eq!(told.first(), Some(&(String::new(), vec!["chat"], vec![])));
    assert!(told.contains(&("embedding".to_owned(), vec!["embeddings"], vec!["chat"])), "{told:?}");
    assert_eq!(told.last(), Some(&("*".to_owned(), vec![], vec![])));
}

#[test]
fn ollama_is_asked_about_each_model() {
    let ollama = family("ollama", "ollama");
    let list =
        r#"{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","size":1,"details":{"family":"llama"}}]}"#;
    let mut model = only(ollama, list);
    assert!(ollama.is_same(&model.id, "llama3.2") && !ollama.is_same(&model.id, "llama3.2:1b"));
    let about = ollama.about.expect("questions");
    assert_eq!((about.body)(&model), r#"{"model":"llama3.2:latest"}"#);
    about.complete(b"<html>", &mut model);
    assert_eq!(model, only(ollama, list));
    let shown = br#"{"capabilities":["completion","tools","dancing"],"model_info":{"general.architecture":"llama","llama.context_length":131072}}"#;
    about.complete(shown, &mut model);
    assert_eq!((names(model.can), model.context_length), (vec!["function_calling", "chat"], Some(131_072)));
    assert_eq!(names(model.cannot), ["vision", "reasoning", "embeddings"]);
}

#[test]
fn azure_names_what_could_be_deployed() {
    let azure = family("azure_openai", "openai_chat");
    let list = r#"{"data":[{"id":"gpt-4o","status":"succeeded","capabilities":{"fine_tune":false,"inference":true,"completion":true,
        "chat_completion":true,"embeddings":false},"lifecycle_status":"generally-available"}],"object":"list"}"#;
    let model = only(azure, list);
    assert_eq!((names(model.can), names(model.cannot), model.active), (vec!["chat"], vec!["embeddings"], true));
    assert!(!azure.complete);
}

#[test]
fn what_is_no_list_is_none() {
    for family in FAMILIES {
        for body in
            ["", "<html>", "null", "7", r#""Invalid token""#, r#"{"error":{"message":"x"}}"#, r#"{"data":{}}"#, "[1"]
        {
            assert_eq!(family.read(None, body.as_bytes()), Err(NotAList), "{}: {body}", family.name);
        }
        assert_eq!(family.read(None, b"\xff\xfe"), Err(NotAList), "{}", family.name);
    }
}
