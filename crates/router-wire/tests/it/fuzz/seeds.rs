//! Inputs made of the fixtures: every body in its own dialect.

use router_core::ask::Endpoint;
use router_wire::adapters::ADAPTERS;
use router_wire::dialects::{DIALECTS, PROVIDERS, clients};
use router_wire::lists::FAMILIES;

use crate::matrix::fixtures;

type Seeds = Vec<(String, Vec<u8>)>;

/// The seeds of that target by name; none for one that is not known here.
pub(super) fn of(target: &str) -> Seeds {
    match target {
        "bodies" => [bodies(), forms()].concat(),
        "requests" => requests(),
        "answers" => [answers(), errors()].concat(),
        "streams" => streams(),
        "lists" => lists(),
        _ => Seeds::new(),
    }
}

fn seed(choices: &[u8], body: &[u8]) -> Vec<u8> {
    [choices, body].concat()
}

/// The place of something in a list, as an input chooses it.
fn place<T>(list: &[T], wanted: impl Fn(&T) -> bool) -> u8 {
    list.iter().position(wanted).and_then(|at| u8::try_from(at).ok()).expect("it is in a list of fewer than 256")
}

fn bodies() -> Seeds {
    let mut seeds = Seeds::new();
    for codec in clients() {
        let dialect = place(DIALECTS, |dialect| dialect.name == codec.name);
        // Gemini's paths are no fixed ones; its bodies name no model.
        let (endpoint, flags) = match DIALECTS[usize::from(dialect)].routes.first() {
            Some((_, endpoint)) => (*endpoint, 0b10_0111),
            None => (Endpoint::GenerateContent, 0b10_1111),
        };
        let endpoint = place(Endpoint::ALL, |known| *known == endpoint);
        for (index, fixture) in fixtures(codec.name, "request-").into_iter().enumerate() {
            let index = u8::try_from(index).unwrap();
            let choices = [flags, index % 4, dialect, endpoint, index % u8::try_from(ADAPTERS.len()).unwrap()];
            seeds.push((format!("{}-{}", codec.name, fixture.name), seed(&choices, &fixture.bytes)));
        }
    }
    seeds
}

fn forms() -> Seeds {
    let form = b"--x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n\x00\xff\r\n--x-1\r\ncontent-disposition: form-data; name=model\r\n\r\nm-1\r\n--x-1--\r\n";
    let early = b"--x-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm-1\r\n--x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n--x-\r\n--x-1\r\ncontent-disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--x-1\r\nX: y\r\ncontent-disposition: form-data; name=\"language\"\r\n\r\n\r\n--x-1--\r\nbehind";
    let bodies: [(Endpoint, &[u8]); 6] = [
        (Endpoint::Transcriptions, form),
        (Endpoint::Translations, early),
        (Endpoint::Rerank, br#"{"model":"m","query":"q","documents":["a","b"]}"#),
        (Endpoint::Speech, br#"{"model":"m","input":"x","stream_format":"sse"}"#),
        (Endpoint::Estimate, br#"{"model":"m","contents":[{"parts":[{"text":"x"}]}]}"#),
        (Endpoint::ImageGenerations, br#"{"prompt":"x","n":2,"provider":{"order":["a"]},"models":["b"]}"#),
    ];
    let dialect = place(DIALECTS, |dialect| dialect.name == "openai");
    let seeds = bodies.into_iter().map(|(endpoint, body)| {
        let choices = [0b111, 0, dialect, place(Endpoint::ALL, |known| *known == endpoint), 0];
        (endpoint.as_str().to_owned(), seed(&choices, body))
    });
    seeds.collect()
}

fn requests() -> Seeds {
    let mut seeds = Seeds::new();
    for (codec, client) in clients().zip(0..) {
        for (fixture, index) in fixtures(codec.name, "request-").into_iter().zip(0_u8..) {
            let choices = [client, index % u8::try_from(ADAPTERS.len()).unwrap(), index * 4 + 1];
            seeds.push((format!("{}-{}", codec.name, fixture.name), seed(&choices, &fixture.bytes)));
        }
    }
    seeds.push(("embeddings".into(), seed(&[0, 0, 0], br#"{"model":"m","input":["a","b"],"dimensions":3}"#)));
    let contents = br#"{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":3}]}"#;
    seeds.push(("contents".into(), seed(&[3, 0, 0], contents)));
    seeds
}

fn answers() -> Seeds {
    let mut seeds = Seeds::new();
    for (codec, provider) in PROVIDERS.iter().zip(0..) {
        for fixture in fixtures(codec.name, "answer-").into_iter().chain(fixtures(codec.name, "stream-")) {
            for (client, target) in clients().zip(0..) {
                let name = format!("{}-{}-{}", codec.name, client.name, fixture.name);
                seeds.push((name, seed(&[provider, target, 0, 0, 0, 0, 0], &fixture.bytes)));
            }
        }
    }
    for (name, provider, body) in [
        ("vectors-chat", 0, &br#"{"data":[{"index":1,"embedding":[0.5,-1e0]},{"index":0,"embedding":"AACAPw=="}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#[..]),
        ("vectors-gemini", 3, br#"{"embeddings":[{"values":[0.5,-1]},{"values":[2.0,0]}],"usageMetadata":{"promptTokenCount":3}}"#),
        ("vector-gemini", 3, br#"{"embedding":{"values":[0.5,-1]}}"#),
        ("vectors-ollama", 4, br#"{"model":"m","embeddings":[[0.5,-1],[2.0,0]],"prompt_eval_count":3}"#),
    ] {
        for client in [0, 3] {
            seeds.push((format!("{name}-{client}"), seed(&[provider, client, 5, 0, 0, 0, 0], body)));
        }
    }
    for (name, body) in [
        ("usage-chat", &br#"{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1},"completion_tokens_details":{"reasoning_tokens":2},"cost":0.0012}"#[..]),
        ("usage-anthropic", br#"{"input_tokens":9,"output_tokens":3,"cache_read_input_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2}}"#),
        ("usage-gemini", br#"{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":2,"cachedContentTokenCount":1,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3}]}"#),
    ] {
        seeds.push((name.into(), seed(&[0, 0, 5, 0, 0, 0, 0], body)));
    }
    seeds
}

/// Every tenth of the known error bodies, with a wait in every form.
fn errors() -> Seeds {
    let waits = ["7", "0.5", "1m2.5s", "Mon, 23 Nov 2026 12:00:30 GMT", "2026-11-23T12:00:30Z", "1795437000", "250ms"];
    let mut seeds = Seeds::new();
    for (line, index) in include_str!("../../golden/errors.jsonl").lines().step_by(10).zip(0_u8..) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let body = row["body"].as_str().map_or_else(|| row["body"].to_string(), str::to_owned);
        let adapter = place(ADAPTERS, |adapter| adapter.name == row["adapter"]);
        let wait = waits[usize::from(index) % waits.len()];
        let choices = [0, 0, 0, adapter, index, index, u8::try_from(wait.len()).unwrap()];
        seeds.push((format!("error-{index}"), seed(&choices, format!("{wait}{body}").as_bytes())));
    }
    seeds
}

fn streams() -> Seeds {
    let mut seeds = Seeds::new();
    for (codec, provider) in PROVIDERS.iter().zip(0_u8..) {
        for (fixture, index) in fixtures(codec.name, "answer-").into_iter().zip(0_u8..) {
            let body = ["\u{feff} ".as_bytes(), &fixture.bytes].concat();
            for way in [0, 1, 2, 3] {
                let name = format!("{}-{}-{way}", codec.name, fixture.name);
                seeds.push((name, seed(&[way, provider, index % 4, 1, 1, 1, 90], &body)));
            }
        }
        for (fixture, index) in fixtures(codec.name, "stream-").into_iter().zip(0_u8..) {
            let text = String::from_utf8(fixture.bytes.clone()).unwrap();
            // Other line ends, and a byte order mark in front.
            let other = format!("\u{feff}{}", text.replace('\n', ["\r\n", "\r"][usize::from(index % 2)]));
            for way in [0, 1, 3] {
                let choices = [way, provider, index % 4, 1, 1, 1, 1 + index];
                seeds.push((format!("{}-{}-{way}-other", codec.name, fixture.name), seed(&choices, other.as_bytes())));
            }
            for (client, way) in [(0, 0b1000), (0, 0b1), (index % 4, 0b11), (3, 0b111)] {
                let choices = [way, provider, client, 1 + index, 40, 3, 200];
                let name = format!("{}-{}-{way}-{client}", codec.name, fixture.name);
                seeds.push((name, seed(&choices, &fixture.bytes)));
            }
        }
    }
    seeds
}

/// Each family's own shape, read by each family.
fn lists() -> Seeds {
    let bodies: [(&str, &[u8]); 8] = [
        ("openai", br#"{"object":"list","data":[{"id":"a/b:c","max_model_len":8192,"active":true}]}"#),
        ("bare", br#"[{"id":"a","context_length":"4096"}]"#),
        ("anthropic", br#"{"data":[{"id":"c","max_input_tokens":9,"capabilities":{"thinking":{"supported":true}}}],"has_more":true,"last_id":"c"}"#),
        ("gemini", br#"{"models":[{"name":"models/g","inputTokenLimit":9,"supportedGenerationMethods":["generateContent"]}],"nextPageToken":"t&u=../x"}"#),
        ("openrouter", br#"{"data":[{"id":"v/m","architecture":{"input_modalities":["image"]},"pricing":{"prompt":"0.00000125","completion":"-1","overrides":[{"min_prompt_tokens":9}]},"supported_parameters":["tools"]}]}"#),
        ("pricing", br#"{"data":[{"model_name":"m","quota_type":0,"model_ratio":0.07142857142857142,"completion_ratio":3e1,"enable_groups":["vip"]}],"group_ratio":{"vip":0.8}}"#),
        ("tags", br#"{"models":[{"name":"l:latest","model":"l:latest"}]}"#),
        ("shown", br#"{"capabilities":["completion"],"model_info":{"general.architecture":"llama","llama.context_length":9}}"#),
    ];
    let mut seeds = Seeds::new();
    for (family, place) in FAMILIES.iter().zip(0_u8..) {
        for (name, body) in bodies {
            seeds.push((format!("{}-{name}", family.name), seed(&[place, 0], body)));
        }
    }
    seeds
}
