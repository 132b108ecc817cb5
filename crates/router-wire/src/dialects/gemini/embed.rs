//! Embeddings between OpenAI's `/v1/embeddings` and Gemini's `embedContent` and `batchEmbedContents`, both ways.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::names::{Object, get, integer, list, object, text};
use crate::message::Unsupported;

/// An OpenAI request as a body for `batchEmbedContents`, which takes one text as well as many.
///
/// # Errors
/// [`Unsupported`]: the input is tokens, or no text at all.
pub fn to_gemini(body: &[u8], model: &str) -> Result<Vec<u8>, Unsupported> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let inputs = match body.get("input") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let model = format!("models/{}", model.strip_prefix("models/").unwrap_or(model));
    let request = |input: &Value| {
        let words = input.as_str().ok_or_else(|| Unsupported::new("input", "Gemini embeds text, not tokens"))?;
        let mut request = json!({"model": model, "content": {"parts": [{"text": words}]}});
        if let (Some(request), Some(size)) =
            (request.as_object_mut(), body.get("dimensions").filter(|size| size.is_u64()))
        {
            request.insert("outputDimensionality".into(), size.clone());
        }
        Ok(request)
    };
    let requests: Result<Vec<Value>, Unsupported> = inputs.into_iter().map(request).collect();
    Ok(json!({"requests": requests?}).to_string().into_bytes())
}

/// A Gemini request (one or a batch) as an OpenAI body.
///
/// # Errors
/// [`Unsupported`]: a content holds something that is no text.
pub fn to_openai(body: &[u8], model: &str) -> Result<Vec<u8>, Unsupported> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let empty = Map::new();
    let top = body.as_object().unwrap_or(&empty);
    let requests: Vec<&Object> = match list(top, "requests") {
        [] => vec![top],
        requests => requests.iter().filter_map(Value::as_object).collect(),
    };
    let mut inputs = Vec::new();
    for request in &requests {
        let mut words = String::new();
        for part in object(request, "content").map_or(&[][..], |content| list(content, "parts")) {
            match part.as_object().and_then(|part| text(part, "text")) {
                Some(piece) => words.push_str(piece),
                None => return Err(Unsupported::new("content", "only text can be embedded there")),
            }
        }
        inputs.push(words);
    }
    let mut out = json!({"model": model, "input": inputs, "encoding_format": "float"});
    let size = requests.first().and_then(|first| integer(first, "outputDimensionality"));
    if let (Some(out), Some(size)) = (out.as_object_mut(), size) {
        out.insert("dimensions".into(), size.into());
    }
    Ok(out.to_string().into_bytes())
}

/// Gemini's answer as OpenAI's; `None` if it holds no vector. `tokens` is what will be booked, since Gemini reports none. With
/// `base64` the vectors are little-endian 32-bit floats, as OpenAI's SDKs ask for them.
#[must_use]
pub fn answer_to_openai(body: &[u8], model: &str, tokens: u64, base64: bool) -> Option<Vec<u8>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let body = body.as_object()?;
    let vectors = match list(body, "embeddings") {
        [] => list(body, "embedding"),
        vectors => vectors,
    };
    let entry = |(index, vector): (usize, &Value)| {
        let values = get(vector.as_object()?, "values")?;
        let vector = if base64 { packed(values)? } else { values.clone() };
        Some(json!({"object": "embedding", "index": index, "embedding": vector}))
    };
    let data: Option<Vec<Value>> = vectors.iter().enumerate().map(entry).collect();
    let data = data.filter(|data| !data.is_empty())?;
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Some(json!({"object": "list", "data": data, "model": model, "usage": usage}).to_string().into_bytes())
}

/// OpenAI's answer as Gemini's, for one content or for a batch; `None` if it holds no vector of numbers.
#[must_use]
pub fn answer_to_gemini(body: &[u8], batch: bool) -> Option<Vec<u8>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let data = body.get("data")?.as_array()?;
    let vector =
        |entry: &Value| entry.get("embedding").filter(|found| found.is_array()).map(|found| json!({"values": found}));
    let vectors: Option<Vec<Value>> = data.iter().map(vector).collect();
    let vectors = vectors.filter(|vectors| !vectors.is_empty())?;
    let out = if batch { json!({"embeddings": vectors}) } else { json!({"embedding": vectors.first()?}) };
    Some(out.to_string().into_bytes())
}

fn packed(values: &Value) -> Option<Value> {
    let mut bytes = Vec::new();
    for value in values.as_array()? {
        let number: f32 = value.to_string().parse().ok()?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    Some(STANDARD.encode(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn requests_go_both_ways() {
        let openai = json!({"model": "m", "input": ["a", "b"], "dimensions": 3, "encoding_format": "float"});
        let gemini = to_gemini(openai.to_string().as_bytes(), "e-1").unwrap();
        assert_eq!(
            value(&gemini)["requests"][1],
            json!({"model": "models/e-1", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 3})
        );
        assert_eq!(value(&to_openai(&gemini, "m").unwrap()), openai);
        let one = json!({"content": {"parts": [{"text": "a"}]}});
        assert_eq!(value(&to_openai(one.to_string().as_bytes(), "m").unwrap())["input"], json!(["a"]));
        assert_eq!(to_gemini(br#"{"input":[[1,2]]}"#, "m").unwrap_err().param, "input");
        assert!(to_openai(br#"{"content":{"parts":[{"inlineData":{}}]}}"#, "m").is_err());
    }

    #[test]
    fn answers_go_both_ways() {
        let gemini = json!({"embeddings": [{"values": [0.5, -1]}, {"values": [2.0, 0]}]});
        let openai = answer_to_openai(gemini.to_string().as_bytes(), "m", 4, false).unwrap();
        assert_eq!(value(&openai)["data"][1], json!({"object": "embedding", "index": 1, "embedding": [2.0, 0]}));
        assert_eq!(value(&openai)["usage"]["prompt_tokens"], 4);
        assert_eq!(value(&answer_to_gemini(&openai, true).unwrap()), gemini);
        assert_eq!(value(&answer_to_gemini(&openai, false).unwrap()), json!({"embedding": {"values": [0.5, -1]}}));
        let packed = answer_to_openai(br#"{"embedding":{"values":[1]}}"#, "m", 0, true).unwrap();
        assert_eq!(value(&packed)["data"][0]["embedding"], "AACAPw==");
        for none in ["{}", "[]", r#"{"embedding":{}}"#, r#"{"data":[]}"#] {
            assert!(
                answer_to_openai(none.as_bytes(), "m", 0, false).is_none()
                    && answer_to_gemini(none.as_bytes(), true).is_none()
            );
        }
    }
}
