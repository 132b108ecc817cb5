//! Embeddings between dialects: what each provider is sent, and what each client gets of its answer.

use router_core::usage::Usage;
use router_wire::adapters::Quirks;
use router_wire::answer::NotAnAnswer;
use router_wire::dialects::{ClientEmbed, ProviderEmbed, Target, dialect, provider};
use router_wire::message::{EmbedForm, EmbedRequest, Vectors};
use serde_json::{Value, json};

fn client(name: &str) -> &'static ClientEmbed {
    dialect(name).unwrap().codec.unwrap().embed.unwrap()
}

fn made_by(name: &str) -> &'static ProviderEmbed {
    provider(name).unwrap().embed.unwrap()
}

fn read(name: &str, body: &Value) -> EmbedRequest {
    (client(name).read_request)(body.to_string().as_bytes()).unwrap()
}

fn refused(name: &str, body: &Value) -> String {
    (client(name).read_request)(body.to_string().as_bytes()).unwrap_err().param
}

fn written(name: &str, request: &EmbedRequest, quirks: &Quirks) -> Result<Value, String> {
    let encoded = (made_by(name).write_request)(request, &Target::new("up", quirks));
    encoded.map(|encoded| serde_json::from_slice(&encoded.body).unwrap()).map_err(|why| why.param)
}

fn content(text: &str) -> Value {
    json!({"parts": [{"text": text}]})
}

#[test]
fn one_request_in_every_dialect() {
    let openai = json!({"model": "m", "input": ["a", "b"], "dimensions": 3, "encoding_format": "base64", "user": "u"});
    let gemini = json!({"requests": [
        {"model": "models/m", "content": content("a"), "outputDimensionality": 3, "taskType": "RETRIEVAL_QUERY", "title": "t"},
        {"model": "models/m", "content": {"parts": [{"text": ""}, {"text": "b"}]}, "output_dimensionality": "3", "task_type": "X"},
    ]});
    let (of_openai, of_gemini) = (read("openai_chat", &openai), read("gemini", &gemini));
    assert_eq!((of_openai.dropped.join(" "), of_gemini.dropped.join(" ")), ("user".into(), "taskType title".into()));
    assert_eq!(of_openai.form, EmbedForm { single: false, packed: true });
    assert_eq!(of_gemini.form, EmbedForm::default());
    for request in [of_openai, of_gemini] {
        let sent = |name| written(name, &request, &Quirks::default()).unwrap();
        let chat = json!({"model": "up", "input": ["a", "b"], "encoding_format": "float", "dimensions": 3});
        assert_eq!((sent("openai_chat"), sent("openai_responses")), (chat.clone(), chat));
        let one = |text| json!({"model": "models/up", "content": content(text), "outputDimensionality": 3});
        assert_eq!(sent("gemini"), json!({"requests": [one("a"), one("b")]}));
        assert_eq!(sent("ollama"), json!({"model": "up", "input": ["a", "b"], "truncate": false, "dimensions": 3}));
    }
    assert_eq!(made_by("gemini").method, Some("batchEmbedContents"));
    let single = read("gemini", &json!({"content": content("a"), "title": "t"}));
    assert_eq!(
        (single.form.single, single.inputs, single.dropped),
        (true, vec!["a".to_owned()], vec!["title".to_owned()])
    );
    assert_eq!(read("openai_chat", &json!({"model": "m", "input": "a", "dimensions": null})).inputs, ["a"]);
}

#[test]
fn what_would_be_another_vector_is_refused_by_name() {
    for (body, param) in [
        (json!({"input": [1, 2]}), "input"),
        (json!({"input": [[1, 2]]}), "input"),
        (json!({"input": "a", "dimensions": "3"}), "dimensions"),
        (json!({"input": "a", "encoding_format": "int8"}), "encoding_format"),
    ] {
        assert_eq!(refused("openai_chat", &body), param, "{body}");
    }
    let picture = json!({"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]});
    assert_eq!(refused("gemini", &json!({"content": picture})), "content");
    assert_eq!(
        refused("gemini", &json!({"requests": [{"content": content("a")}, {"content": picture}]})),
        "requests[1].content"
    );
    let lengths =
        json!({"requests": [{"content": content("a"), "outputDimensionality": 3}, {"content": content("b")}]});
    assert_eq!(refused("gemini", &lengths), "outputDimensionality");

    let plain = Quirks::default();
    let many = EmbedRequest { inputs: vec!["a".into(); 101], ..EmbedRequest::default() };
    assert_eq!(written("gemini", &many, &plain).unwrap_err(), "input");
    assert!(written("ollama", &many, &plain).is_ok());
    let habits = Quirks::default().with(["drops=dimensions", "drops=encoding_format"]);
    let short = EmbedRequest { inputs: vec!["a".into()], dimensions: Some(3), ..EmbedRequest::default() };
    assert_eq!(written("openai_chat", &short, &habits).unwrap_err(), "dimensions");
    let any = EmbedRequest { dimensions: None, ..short };
    assert_eq!(written("openai_chat", &any, &habits).unwrap(), json!({"model": "up", "input": ["a"]}));
}

#[test]
fn one_answer_of_every_dialect_for_every_client() {
    let openai = json!({"object": "list", "model": "x", "usage": {"prompt_tokens": 4, "total_tokens": 4},
        "data": [{"index": 1, "embedding": [2.0, 0]}, {"index": 0, "embedding": [0.5, -1]}]});
    let packed =
        json!({"data": [{"embedding": "AAAAPwAAgL8="}, {"embedding": "AAAAQAAAAAA="}], "usage": {"prompt_tokens": 4}});
    let gemini =
        json!({"embeddings": [{"values": [0.5, -1]}, {"values": [2.0, 0]}], "usageMetadata": {"promptTokenCount": 4}});
    let ollama = json!({"model": "x", "embeddings": [[0.5, -1], [2.0, 0]], "prompt_eval_count": 4, "load_duration": 1});
    let close = |found: &Value, wanted: [f64; 2]| {
        let found: Vec<f64> = found.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        assert_eq!(found, wanted);
    };
    for (name, answer) in [("openai_chat", openai), ("openai_chat", packed), ("gemini", gemini), ("ollama", ollama)] {
        let vectors = (made_by(name).read_answer)(answer.to_string().as_bytes()).unwrap();
        let used = vectors.usage.unwrap();
        assert_eq!((vectors.list.len(), used.input, used.output), (2, 4, 0), "{name}");
        let given = |client_name: &str, form| -> Value {
            serde_json::from_slice(&(client(client_name).write_answer)(&vectors, form, "mine", &used)).unwrap()
        };
        let list = given("openai_chat", EmbedForm::default());
        close(&list["data"][0]["embedding"], [0.5, -1.0]);
        close(&list["data"][1]["embedding"], [2.0, 0.0]);
        assert_eq!(
            (&list["data"][1]["index"], &list["model"], &list["object"]),
            (&json!(1), &json!("mine"), &json!("list"))
        );
        assert_eq!(list["usage"], json!({"prompt_tokens": 4, "total_tokens": 4}));
        let list = given("openai_chat", EmbedForm { packed: true, single: false });
        assert_eq!(list["data"][0]["embedding"], "AAAAPwAAgL8=");
        close(&given("gemini", EmbedForm::default())["embeddings"][1]["values"], [2.0, 0.0]);
        close(&given("gemini", EmbedForm { single: true, packed: false })["embedding"]["values"], [0.5, -1.0]);
    }
    let single = br#"{"embedding":{"values":[0.25]}}"#;
    assert_eq!((made_by("gemini").read_answer)(single).unwrap().list.len(), 1);
}

#[test]
fn what_is_no_answer_with_vectors() {
    let bad = NotAnAnswer::Bad("an entry of the answer holds no vector");
    for (name, body, expected) in [
        ("openai_chat", r#"{"error":{"message":"m"}}"#, NotAnAnswer::Error),
        ("openai_chat", r#"{"data":[]}"#, NotAnAnswer::Empty),
        ("openai_chat", r#"{"data":[{"embedding":[]}]}"#, bad),
        ("openai_chat", r#"{"data":[{"embedding":["a"]}]}"#, bad),
        ("gemini", r#"{"embeddings":[{}]}"#, bad),
        ("gemini", r#"{"embedding":{}}"#, NotAnAnswer::Empty),
        ("gemini", r#"{"error":{"code":500}}"#, NotAnAnswer::Error),
        ("ollama", r#"{"error":"model 'x' not found"}"#, NotAnAnswer::Error),
        ("ollama", r#"{"embeddings":[[1],[null]]}"#, bad),
        ("ollama", "<html>", NotAnAnswer::Bad("the answer is a web page")),
    ] {
        assert_eq!((made_by(name).read_answer)(body.as_bytes()).unwrap_err(), expected, "{name}: {body}");
    }
    let uncounted = (made_by("ollama").read_answer)(br#"{"embeddings":[[1]]}"#).unwrap();
    assert_eq!((uncounted.usage, uncounted.list.len()), (None::<Usage>, 1));
    assert_eq!(Vectors::default().usage, None);
}
