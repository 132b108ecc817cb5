//! `POST /api/embed`.

use router_core::ask::Endpoint;
use serde_json::{Value, json};

use crate::answer::{NotAnAnswer, examine};
use crate::dialects::{ProviderEmbed, Target};
use crate::message::{EmbedRequest, Encoded, Unsupported, Vector, Vectors};
use crate::scan::{elements, last_member};
use crate::usage::from_ollama;

/// Providers of the dialect.
pub(super) static PROVIDER: ProviderEmbed = ProviderEmbed { method: None, write_request, read_answer };

/// A text that is too long for the model shall be an error, as elsewhere, and not a vector of its beginning.
fn write_request(request: &EmbedRequest, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    let mut body = json!({"model": target.model, "input": request.inputs, "truncate": false});
    if let (Some(body), Some(size)) = (body.as_object_mut(), request.dimensions) {
        body.insert("dimensions".to_owned(), size.into());
    }
    Ok(Encoded { body: body.to_string().into_bytes(), ..Encoded::default() })
}

fn read_answer(body: &[u8]) -> Result<Vectors, NotAnAnswer> {
    examine(Endpoint::Embeddings, body)?;
    let mut found = Vec::new();
    elements(last_member(body, "embeddings").unwrap_or_default(), |raw| found.push(Vector::read(raw)));
    let counted = last_member(body, "prompt_eval_count").and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
    Vectors::of(found, from_ollama(&json!({"prompt_eval_count": counted})))
}
