//! `POST /embeddings`: unit vectors made from the input, as floats or base64.

use super::usage::tokens_of;
use super::{Call, Refusal, fingerprint};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Dimensions where the request names none; small, because nobody measures the vectors of a simulation.
const DEFAULT_DIMENSIONS: u64 = 64;
const MAX_DIMENSIONS: u64 = 8192;

/// The answer to an embeddings request.
pub(super) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    let body = call.body;
    let model = call.model()?;
    let inputs = inputs(body);
    if inputs.is_empty() {
        return Err(call.invalid("missing_required_parameter", Some("input"), "Missing required parameter: 'input'."));
    }
    let dimensions =
        body.get("dimensions").and_then(Value::as_u64).unwrap_or(DEFAULT_DIMENSIONS).clamp(1, MAX_DIMENSIONS);
    let base64 = body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            // A text has one vector, whichever endpoint is asked.
            let text = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
            let vector = vector(&text, dimensions);
            json!({"object": "embedding", "index": index, "embedding": if base64 { encoded(&vector) } else { json!(vector) }})
        })
        .collect();
    let tokens: u64 = inputs.iter().map(|input| input_tokens(input)).sum();
    let mut answer = json!({"object": "list", "data": data, "model": model});
    let usage = call.shape.usage.or(json!({"prompt_tokens": tokens, "total_tokens": tokens}));
    if let (Some(usage), Some(fields)) = (usage, answer.as_object_mut()) {
        fields.insert("usage".to_owned(), usage);
    }
    Ok(answer)
}

/// The inputs: one string, strings, one list of tokens, or lists of tokens.
fn inputs(body: &Value) -> Vec<&Value> {
    match body.get("input") {
        Some(input @ Value::String(_)) => vec![input],
        Some(input @ Value::Array(list)) if list.first().is_some_and(Value::is_number) => {
            vec![input]
        }
        Some(Value::Array(list)) => list.iter().collect(),
        _ => Vec::new(),
    }
}

fn input_tokens(input: &Value) -> u64 {
    match input {
        Value::String(text) => tokens_of(text),
        Value::Array(tokens) => tokens.len() as u64,
        _ => 0,
    }
}

/// A unit vector that depends on the input only (xorshift from its fingerprint).
pub(super) fn vector(input: &str, dimensions: u64) -> Vec<f32> {
    let mut state = fingerprint(input.as_bytes()) | 1;
    let raw: Vec<f32> = (0..dimensions)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // The upper 24 bits fit a f32 exactly: a value from -1 to 1.
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        })
        .collect();
    let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|value| value / length).collect()
}

/// Little-endian 32-bit floats in base64, as OpenAI sends them.
fn encoded(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    json!(STANDARD.encode(bytes))
}
