//! Clients' requests, translated for every provider's dialect.

use router_core::ask::Endpoint;
use router_wire::adapters::ADAPTERS;
use router_wire::dialects::{PROVIDERS, Route, Target, dialect};
use router_wire::message::Role;

use super::Input;
use super::input::assert_json;

/// `[codec, adapter, limits] body`
pub(super) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let client = input.client();
    let quirks = (input.choose(ADAPTERS).preset)().quirks;
    let flags = input.byte();
    let body = input.rest();
    let of = |codec: &str| dialect(codec).expect("every client's codec has a dialect");
    let route = |codec: &str, model: &str| Route { model: Some(model.to_owned()), ..Route::fixed(endpoint(codec)) };
    // What the client's dialect refuses goes no further; here it does, to show that it breaks nothing.
    let refused = (of(client.name).read)(&route(client.name, "m"), body).is_err();
    if let Ok(request) = (client.read_request)(body) {
        let model_max_output = (flags & 1 != 0).then_some(4_096);
        let output_cap = (flags & 2 != 0).then_some(77);
        let model = MODELS[usize::from(flags >> 2) % MODELS.len()];
        // Of what stands in no place that the client's dialect has, nothing may be left: the provider refuses that.
        let says_something = request
            .turns
            .iter()
            .filter(|turn| turn.role == Role::User)
            .any(|turn| turn.parts.iter().any(|part| part.as_text().is_some_and(|text| !text.trim().is_empty())));
        for provider in PROVIDERS {
            let (thinks, context_length) = (flags & 1 != 0, model_max_output);
            let target = Target { model, context_length, model_max_output, thinks, output_cap, quirks: &quirks };
            let Ok(encoded) = (provider.write_request)(&request, &target) else { continue };
            assert_json(&encoded.body, provider.name);
            // The same reader that a client of that dialect has: what it takes, a provider can take.
            let Some(dialect) = dialect(provider.name) else { continue };
            let read = (dialect.read)(&route(provider.name, model), &encoded.body);
            if let Some(error) = read.err().filter(|_| !refused && says_something) {
                panic!("{} to {}: {error}: {}", client.name, provider.name, String::from_utf8_lossy(&encoded.body));
            }
        }
    }
    let asked = client.embed.and_then(|client| (client.read_request)(body).ok());
    for (asked, embed) in PROVIDERS.iter().filter_map(|provider| asked.as_ref().zip(provider.embed)) {
        if let Ok(encoded) = (embed.write_request)(asked, &Target::new("m", &quirks)) {
            assert_json(&encoded.body, "embeddings");
        }
    }
}

/// Names that dialects treat differently.
const MODELS: &[&str] = &[
    "m",
    "gpt-5-mini",
    "o3",
    "claude-3-5-haiku-latest",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
];

fn endpoint(codec: &str) -> Endpoint {
    match codec {
        "openai_responses" => Endpoint::Responses,
        "anthropic" => Endpoint::Messages,
        "gemini" => Endpoint::GenerateContent,
        _ => Endpoint::ChatCompletions,
    }
}
