//! What a provider is able to do arrives at every client.

use router_testkit::SimProvider;
use router_testkit::answers::tokens_of;
use router_testkit::clients::{Client, Said, Stop, Want, events};
use serde_json::{Value, json};

use super::adapters::{Ability, Adapter, supported};
use super::support::{KEY, TestRouter};
use super::world::{PICTURE, ask, clients, name_of, router, send};

/// Every pair of a client and an adapter with an ability.
fn pairs(ability: Ability) -> Vec<(&'static Client, &'static Adapter, String)> {
    let able = supported().filter(|adapter| adapter.abilities.contains(&ability)).collect::<Vec<_>>();
    let pairs = clients().flat_map(|client| able.iter().map(move |adapter| (client, *adapter, name_of(adapter, ""))));
    pairs.collect()
}

/// Asks once whole and once as a stream: both must say the same, usage included.
async fn both(router: &TestRouter, client: &Client, want: Want<'_>) -> Said {
    let whole = ask(router, client, &want).await;
    let streamed = ask(router, client, &Want { stream: true, ..want }).await;
    assert_eq!(streamed, whole, "{} → {}: a stream says what a whole answer says", client.name, want.model);
    whole
}

#[tokio::test]
async fn texts_with_their_usage() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::Text) {
        let said = both(&router, client, Want { model: &model, text: "hello there", ..Want::default() }).await;
        let place = format!("{} → {model}: {said:?}", client.name);
        assert_eq!(said.text, "Simulated answer to: hello there", "{place}");
        assert_eq!((said.stop, said.output), (Stop::End, tokens_of(&said.text)), "{place}");
        assert_eq!(said.input, 4 + tokens_of("hello there"), "{place}");
        assert!(said.calls.is_empty() && said.thought.is_empty(), "{place}");
    }
}

#[tokio::test]
async fn tools_and_the_answer_to_their_results() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::Tools) {
        let want = Want {
            model: &model,
            text: r#"call weather with {"city": "Paris"}"#,
            tools: &["weather", "time"],
            ..Want::default()
        };
        let said = both(&router, client, want).await;
        assert_eq!((said.stop, said.text.as_str()), (Stop::Calls, ""), "{} → {model}: {said:?}", client.name);
        assert_eq!(said.calls, [("weather".to_owned(), json!({"city": "Paris"}))], "{} → {model}", client.name);
        assert_eq!(
            round(&router, client, &want, &["sunny"]).await.text,
            "Simulated answer to: the tool said: sunny",
            "{} → {model}",
            client.name
        );
    }
}

#[tokio::test]
async fn several_calls_in_one_answer() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::ParallelTools) {
        let want = Want { model: &model, text: "both in parallel", tools: &["weather", "time"], ..Want::default() };
        let said = both(&router, client, want).await;
        let names: Vec<&str> = said.calls.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["weather", "time"], "{} → {model}", client.name);
        let answer = round(&router, client, &want, &["sunny", "noon"]).await;
        assert_eq!(answer.text, "Simulated answer to: the tool said: sunny, noon", "{} → {model}", client.name);
    }
}

#[tokio::test]
async fn pictures() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::Images) {
        let want = Want { model: &model, text: "what is it", ..Want::default() };
        let blind = ask(&router, client, &want).await;
        let seen = ask(&router, client, &Want { picture: Some(PICTURE), ..want }).await;
        // The provider counts 85 tokens for a picture that it was given.
        assert_eq!(seen.input, blind.input + 85, "{} → {model}", client.name);
        assert!(
            provider.last_request().is_some_and(|request| request.text().contains(PICTURE)),
            "{} → {model}",
            client.name
        );
    }
}

#[tokio::test]
async fn documents_by_a_schema() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::Documents) {
        let said =
            both(&router, client, Want { model: &model, text: "a city", document: true, ..Want::default() }).await;
        let document: Value = serde_json::from_str(&said.text).unwrap_or_default();
        assert_eq!(document, json!({"city": "simulated city"}), "{} → {model}: {said:?}", client.name);
        assert_eq!((said.stop, said.calls.len()), (Stop::End, 0), "{} → {model}", client.name);
    }
}

#[tokio::test]
async fn limits_on_the_output() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    let text = "so many words ".repeat(20);
    for (client, _, model) in pairs(Ability::Limit) {
        let said = both(&router, client, Want { model: &model, text: &text, limit: Some(16), ..Want::default() }).await;
        assert_eq!((said.stop, said.output), (Stop::Length, 16), "{} → {model}: {said:?}", client.name);
    }
}

#[tokio::test]
async fn thoughts() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::Thoughts) {
        let said =
            both(&router, client, Want { model: &model, text: "hello there", thinking: true, ..Want::default() }).await;
        assert_eq!(said.thought, "Simulated thought about: hello there", "{} → {model}: {said:?}", client.name);
        assert_eq!(said.text, "Simulated answer to: hello there", "{} → {model}", client.name);
        assert_eq!(said.output, tokens_of(&said.text) + tokens_of(&said.thought), "{} → {model}", client.name);
    }
}

#[tokio::test]
async fn proofs_of_thoughts_come_back_to_who_made_them() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for (client, _, model) in pairs(Ability::Proofs) {
        let want = Want {
            model: &model,
            text: r#"call weather with {"city": "Paris"}"#,
            tools: &["weather"],
            thinking: true,
            ..Want::default()
        };
        // The counterpart refuses the second turn if the proof is missing or changed.
        let answer = round(&router, client, &want, &["sunny"]).await;
        assert_eq!(answer.text, "Simulated answer to: the tool said: sunny", "{} → {model}", client.name);
    }
}

#[tokio::test]
async fn vectors() {
    let provider = SimProvider::start().await;
    let router = router(&provider).await;
    for adapter in supported().filter(|adapter| adapter.abilities.contains(&Ability::Vectors)) {
        let model = name_of(adapter, "");
        let ask = async |path: String, body: Value| {
            let reply = router.call("POST", &path).bearer(KEY).json(&body).send().await;
            assert_eq!(reply.status(), 200, "{path} → {model}: {}", reply.text());
            reply.json()
        };
        let openai = json!({"model": model, "input": ["one", "two"], "dimensions": 8, "encoding_format": "float"});
        let openai = ask("/v1/embeddings".to_owned(), openai).await;
        assert!(openai["usage"]["prompt_tokens"].as_u64() > Some(0), "{model}: {openai}");
        let of_openai = |place: usize| openai["data"][place]["embedding"].clone();
        assert_eq!(of_openai(0).as_array().map(Vec::len), Some(8), "{model}: {openai}");
        assert_ne!(of_openai(0), of_openai(1), "{model}");
        let text = |text: &str| json!({"content": {"parts": [{"text": text}]}, "outputDimensionality": 8});
        let gemini = |method: &str| format!("/v1beta/models/{model}:{method}");
        let both = ask(gemini("batchEmbedContents"), json!({"requests": [text("one"), text("two")]})).await;
        assert_eq!(both["embeddings"][1]["values"], of_openai(1), "{model}");
        let one = ask(gemini("embedContent"), text("one")).await;
        assert_eq!(one["embedding"]["values"], of_openai(0), "{model}");
    }
}

/// Asks, gives the results of the calls, and reads the answer to them, whole and streamed.
async fn round(router: &TestRouter, client: &Client, want: &Want<'_>, results: &[&str]) -> Said {
    let mut body = (client.ask)(want);
    let first = send(router, client, want.model, false, &body).await;
    assert_eq!(first.status(), 200, "{} → {}: {}", client.name, want.model, first.text());
    (client.go_on)(&mut body, &first.json(), results);
    let second = send(router, client, want.model, false, &body).await;
    assert_eq!(second.status(), 200, "{} → {}: {}", client.name, want.model, second.text());
    let whole = (client.read)(&second.json());
    if body.get("messages").is_some() || body.get("input").is_some() {
        body["stream"] = json!(true);
    }
    let streamed = send(router, client, want.model, true, &body).await;
    assert_eq!((client.gather)(&events(&streamed.text())).text, whole.text, "{} → {}", client.name, want.model);
    whole
}
