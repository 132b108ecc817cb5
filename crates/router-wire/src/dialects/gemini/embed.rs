//! `embedContent` and `batchEmbedContents`.

use router_core::ask::Endpoint;
use router_core::usage::Usage;
use serde_json::{Map, Value, json};

use super::names::{Object, camel, integer, list, object, text};
use crate::answer::{NotAnAnswer, examine};
use crate::dialects::{ClientEmbed, ProviderEmbed, Target};
use crate::message::{EmbedForm, EmbedRequest, Encoded, Unsupported, Vector, Vectors};
use crate::scan::{elements, last_member};

/// Clients of the dialect.
pub(super) static CLIENT: ClientEmbed = ClientEmbed { read_request, write_answer };

/// Providers of the dialect: the batch takes one text as well as many.
pub(super) static PROVIDER: ProviderEmbed =
    ProviderEmbed { method: Some("batchEmbedContents"), write_request, read_answer };

/// Most texts of a batch.
const MOST: usize = 100;

/// One content, or a batch of them, which is told by its `requests`.
fn read_request(body: &[u8]) -> Result<EmbedRequest, Unsupported> {
    let broken = |error| Unsupported::new("content", format!("it cannot be read for another provider: {error}"));
    let top: Object = serde_json::from_slice(body).map_err(broken)?;
    let single = !top.contains_key("requests");
    let one = Value::Object(top.clone());
    let requests = if single { std::slice::from_ref(&one) } else { list(&top, "requests") };
    let mut read = EmbedRequest { form: EmbedForm { single, packed: false }, ..EmbedRequest::default() };
    for (index, request) in requests.iter().filter_map(Value::as_object).enumerate() {
        let place = if single { "content".to_owned() } else { format!("requests[{index}].content") };
        read.inputs.push(words(request, &place)?);
        let dimensions = integer(request, "outputDimensionality").and_then(|size| u64::try_from(size).ok());
        if index > 0 && dimensions != read.dimensions {
            return Err(Unsupported::new("outputDimensionality", "one provider's answer has vectors of one length"));
        }
        read.dimensions = dimensions;
        for name in request.keys().map(|name| camel(name)) {
            let known = matches!(name.as_str(), "model" | "content" | "outputDimensionality");
            if !known && !read.dropped.contains(&name) {
                read.dropped.push(name);
            }
        }
    }
    if !single {
        read.dropped.extend(top.keys().filter(|name| *name != "requests" && *name != "model").cloned());
    }
    Ok(read)
}

/// The text of a content.
fn words(request: &Object, place: &str) -> Result<String, Unsupported> {
    let empty = Map::new();
    let parts = list(object(request, "content").unwrap_or(&empty), "parts").iter();
    let text = |part: &Value| part.as_object().and_then(|part| text(part, "text")).map(str::to_owned);
    let words: Option<String> = parts.map(text).collect();
    words.ok_or_else(|| Unsupported::new(place, "only text can be embedded by a provider of another dialect"))
}

fn write_answer(vectors: &Vectors, form: EmbedForm, _: &str, _: &Usage) -> Vec<u8> {
    let mut out: Vec<u8> = if form.single { br#"{"embedding":"# } else { &br#"{"embeddings":["#[..] }.to_vec();
    let most = if form.single { 1 } else { usize::MAX };
    for (index, vector) in vectors.list.iter().take(most).enumerate() {
        out.extend_from_slice(if index == 0 { br#"{"values":"# } else { br#",{"values":"# });
        vector.write(false, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(if form.single { b"}" } else { b"]}" });
    out
}

fn write_request(request: &EmbedRequest, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    if request.inputs.len() > MOST {
        return Err(Unsupported::new("input", format!("Gemini embeds at most {MOST} texts at a time")));
    }
    let model = format!("models/{}", target.model.strip_prefix("models/").unwrap_or(target.model));
    let one = |words: &String| {
        let mut one = json!({"model": model, "content": {"parts": [{"text": words}]}});
        if let (Some(one), Some(size)) = (one.as_object_mut(), request.dimensions) {
            one.insert("outputDimensionality".to_owned(), size.into());
        }
        one
    };
    let body = json!({"requests": request.inputs.iter().map(one).collect::<Vec<_>>()}).to_string().into_bytes();
    Ok(Encoded { body, ..Encoded::default() })
}

fn read_answer(body: &[u8]) -> Result<Vectors, NotAnAnswer> {
    let usage = examine(Endpoint::Embeddings, body)?.usage;
    let vector = |raw: &[u8]| last_member(raw, "values").and_then(Vector::read);
    let mut found = Vec::new();
    match last_member(body, "embeddings") {
        Some(list) => _ = elements(list, |raw| found.push(vector(raw))),
        None => found.push(last_member(body, "embedding").and_then(vector)),
    }
    Vectors::of(found, usage)
}
