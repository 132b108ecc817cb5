//! Embeddings, from clients of each dialect that has them, to providers of each that makes them.

use base64::Engine;
use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};

use crate::support::{KEY, Reply, Setup, TestRouter};

const EMBEDDER: &str = "sim-embed";

/// Kind, base, where the counterpart is asked by a client of OpenAI's and by one of Gemini's, and whether it says what it used.
const PROVIDERS: [(&str, &str, &str, &str, bool); 3] = [
    ("openai_compatible", "/v1", "/v1/embeddings", "/v1/embeddings", true),
    (
        "gemini",
        "/v1beta",
        "/v1beta/models/sim-embed:batchEmbedContents",
        "/v1beta/models/sim-embed:batchEmbedContents",
        false,
    ),
    ("ollama", "/v1", "/api/embed", "/api/embed", true),
];

fn channel(setup: Setup, kind: &str, base: &str, provider: &SimProvider) -> Setup {
    let model = json!({"name": EMBEDDER, "price": {"input": 1.0}, "capabilities": ["embeddings"]});
    let entry = json!({"kind": kind, "base_url": provider.url(base), "also": []});
    let setup = setup.system(json!({"providers": {format!("sim-{kind}"): entry}}));
    let setup = setup.channel_at(kind, &provider.url(base)).and(json!({"provider": format!("sim-{kind}")}));
    setup.models(json!([model]))
}

async fn openai(router: &TestRouter, more: Value) -> Reply {
    let mut body = json!({"model": EMBEDDER, "input": ["one", "two"]});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    router.call("POST", "/v1/embeddings").bearer(KEY).json(&body).send().await
}

async fn gemini(router: &TestRouter, method: &str, body: Value) -> Reply {
    router.call("POST", &format!("/v1beta/models/{EMBEDDER}:{method}")).bearer(KEY).json(&body).send().await
}

fn content(text: &str, more: Value) -> Value {
    let mut request = json!({"model": format!("models/{EMBEDDER}"), "content": {"parts": [{"text": text}]}});
    request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request
}

#[expect(clippy::cast_possible_truncation, reason = "vectors are 32-bit floats")]
fn floats(list: &Value) -> Vec<f32> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    list.iter().map(|number| number.as_f64().expect("a number") as f32).collect()
}

fn unpacked(word: &Value) -> Vec<f32> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(word.as_str().expect("a word")).expect("base64");
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}

#[tokio::test]
async fn every_client_gets_the_same_vectors_of_a_provider_and_the_books_agree() {
    for (kind, base, for_openai, for_gemini, counts) in PROVIDERS {
        let provider = SimProvider::start().await;
        let router = channel(TestRouter::setup(), kind, base, &provider).start().await;
        let at = || provider.last_request().expect("a request").path.clone();

        let plain = openai(&router, json!({"encoding_format": "float", "dimensions": 8})).await;
        assert_eq!((plain.status(), at().as_str()), (200, for_openai), "{kind}: {}", plain.text());
        let plain = plain.json();
        let vectors = [floats(&plain["data"][0]["embedding"]), floats(&plain["data"][1]["embedding"])];
        assert!(vectors[0].len() == 8 && vectors[0] != vectors[1], "{kind}: {plain}");
        assert_eq!((&plain["object"], &plain["data"][1]["index"]), (&json!("list"), &json!(1)), "{kind}");
        assert!(plain["usage"]["prompt_tokens"].as_u64() > Some(0), "{kind}: {plain}");

        // What the SDK of OpenAI asks for, and a name that nobody else knows.
        let packed = openai(&router, json!({"encoding_format": "base64", "dimensions": 8, "user": "u"})).await;
        let dropped = if kind == "openai_compatible" { "" } else { "user" };
        assert_eq!(packed.header("x-router-dropped"), dropped, "{kind}");
        assert_eq!(unpacked(&packed.json()["data"][1]["embedding"]), vectors[1], "{kind}");

        let more = json!({"outputDimensionality": 8, "taskType": "RETRIEVAL_DOCUMENT", "title": "t"});
        let requests = json!({"requests": [content("one", more.clone()), content("two", more.clone())]});
        let batch = gemini(&router, "batchEmbedContents", requests).await;
        assert_eq!((batch.status(), at().as_str()), (200, for_gemini), "{kind}: {}", batch.text());
        let dropped = if kind == "gemini" { "" } else { "taskType, title" };
        assert_eq!(batch.header("x-router-dropped"), dropped, "{kind}");
        assert_eq!(floats(&batch.json()["embeddings"][1]["values"]), vectors[1], "{kind}: {}", batch.text());

        let single = gemini(&router, "embedContent", content("one", json!({"outputDimensionality": 8}))).await;
        assert_eq!(single.status(), 200, "{kind}: {}", single.text());
        assert_eq!(floats(&single.json()["embedding"]["values"]), vectors[0], "{kind}");

        for row in router.rows(4).await {
            let source = if counts { "reported" } else { "counted" };
            assert_eq!((row.status.as_str(), row.tokens_source.as_str()), ("completed", source), "{kind}: {row:?}");
            assert!(row.input > 0 && row.output == 0, "{kind}: {row:?}");
            assert_eq!(row.cost, row.input * 1_000, "{kind}: {row:?}");
        }
    }
}

#[tokio::test]
async fn what_a_provider_cannot_embed_goes_to_another_or_is_refused_by_name() {
    let (chat, other) = (SimProvider::start().await, SimProvider::start().await);
    let alone = channel(TestRouter::setup(), "gemini", "/v1beta", &other).start().await;
    let error = openai(&alone, json!({"input": [[1, 2]]})).await.error(400, "unsupported_parameter");
    assert_eq!(error["param"], "input");

    let both = channel(channel(TestRouter::setup(), "gemini", "/v1beta", &other), "openai_compatible", "/v1", &chat);
    let both = both.start().await;
    let reply = openai(&both, json!({"input": [[1, 2]]})).await;
    assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "openai_compatible"), "{}", reply.text());

    let alone = channel(TestRouter::setup(), "openai_compatible", "/v1", &chat).start().await;
    let lengths = [content("one", json!({"outputDimensionality": 8})), content("two", json!({}))];
    let reply = gemini(&alone, "batchEmbedContents", json!({"requests": lengths})).await;
    assert_eq!((reply.status(), reply.header("x-router-error")), (400, "unsupported_parameter"), "{}", reply.text());
    let field = &reply.json()["error"]["details"][1]["fieldViolations"][0]["field"];
    assert_eq!(field, "outputDimensionality", "{}", reply.text());
}

#[tokio::test]
async fn an_answer_without_a_vector_for_each_text_is_none() {
    let lone = json!({"embeddings": [{"values": [0.5, 0.25]}]});
    let odd = json!({"embeddings": [{"values": [0.5]}, {"values": ["x"]}]});
    let error = json!({"error": {"code": 500, "message": "m", "status": "INTERNAL"}});
    for answer in [lone, odd, json!({}), error] {
        let (first, second) = (SimProvider::start().await, SimProvider::start().await);
        let setup = channel(TestRouter::setup(), "gemini", "/v1beta", &first);
        let router = channel(setup, "openai_compatible", "/v1", &second).start().await;
        first.set(Script::json(200, &answer));
        let reply = openai(&router, json!({})).await;
        assert_eq!((reply.status(), reply.header("x-router-channel")), (200, "openai_compatible"), "{}", reply.text());
        assert_eq!(router.row().await.attempts.len(), 2, "{answer}");
    }
}
