//! `/v1/embeddings`.

use router_core::ask::Endpoint;
use router_core::usage::Usage;
use serde_json::{Map, Value, json};

use super::request_in::ROUTED;
use crate::answer::{NotAnAnswer, examine};
use crate::dialects::{ClientEmbed, ProviderEmbed, Target};
use crate::message::{EmbedForm, EmbedRequest, Encoded, Unsupported, Vector, Vectors};
use crate::scan::{elements, last_member, push_json_string};

/// Clients of the dialect.
pub(super) static CLIENT: ClientEmbed = ClientEmbed { read_request, write_answer };

/// Providers of the dialect.
pub(super) static PROVIDER: ProviderEmbed = ProviderEmbed { method: None, write_request, read_answer };

fn read_request(body: &[u8]) -> Result<EmbedRequest, Unsupported> {
    let broken = |error| Unsupported::new("input", format!("it cannot be read for another provider: {error}"));
    let mut fields: Map<String, Value> = serde_json::from_slice(body).map_err(broken)?;
    fields.retain(|name, value| !value.is_null() && name != "model" && !ROUTED.contains(&name.as_str()));
    let inputs = match fields.shift_remove("input") {
        Some(Value::Array(list)) => list,
        one => one.into_iter().collect(),
    };
    let text = |input| match input {
        Value::String(text) => Ok(text),
        _ => Err(Unsupported::new("input", "tokens mean something to models of the same provider only; send text")),
    };
    let dimensions = match fields.shift_remove("dimensions") {
        None => None,
        Some(size) => Some(size.as_u64().ok_or_else(|| Unsupported::new("dimensions", "it is not a whole number"))?),
    };
    let packed = match fields.shift_remove("encoding_format").as_ref().map(Value::as_str) {
        None | Some(Some("float")) => false,
        Some(Some("base64")) => true,
        _ => return Err(Unsupported::new("encoding_format", "between providers it must be float or base64")),
    };
    Ok(EmbedRequest {
        inputs: inputs.into_iter().map(text).collect::<Result<_, _>>()?,
        dimensions,
        form: EmbedForm { single: false, packed },
        dropped: fields.into_iter().map(|(name, _)| name).collect(),
    })
}

fn write_answer(vectors: &Vectors, form: EmbedForm, model: &str, usage: &Usage) -> Vec<u8> {
    let mut out = br#"{"object":"list","data":["#.to_vec();
    for (index, vector) in vectors.list.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        out.extend_from_slice(format!(r#"{comma}{{"object":"embedding","index":{index},"embedding":"#).as_bytes());
        vector.write(form.packed, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(br#"],"model":"#);
    push_json_string(&mut out, model);
    let usage = json!({"prompt_tokens": usage.input, "total_tokens": usage.input});
    out.extend_from_slice(format!(r#","usage":{usage}}}"#).as_bytes());
    out
}

/// Always plain numbers: each client gets its own form of them.
fn write_request(request: &EmbedRequest, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    let mut fields = json!({"model": target.model, "input": request.inputs, "encoding_format": "float"});
    if let (Some(fields), Some(size)) = (fields.as_object_mut(), request.dimensions) {
        fields.insert("dimensions".to_owned(), size.into());
    }
    if let Some(fields) = fields.as_object_mut() {
        for (ours, theirs) in &target.quirks.renamed_params {
            if let Some(value) = fields.shift_remove(ours) {
                fields.insert(theirs.clone(), value);
            }
        }
        for param in &target.quirks.unsupported_params {
            // Vectors of another length would be other vectors.
            if fields.shift_remove(param).is_some() && param == "dimensions" {
                return Err(Unsupported::new("dimensions", "the provider does not take it"));
            }
        }
    }
    Ok(Encoded { body: fields.to_string().into_bytes(), ..Encoded::default() })
}

/// Entries stand in the order of their `index`, where they have one.
fn read_answer(body: &[u8]) -> Result<Vectors, NotAnAnswer> {
    let usage = examine(Endpoint::Embeddings, body)?.usage;
    let mut found = Vec::new();
    elements(last_member(body, "data").unwrap_or_default(), |entry| {
        let index = last_member(entry, "index").and_then(|raw| std::str::from_utf8(raw).ok()?.parse::<usize>().ok());
        found.push((index.unwrap_or(found.len()), last_member(entry, "embedding").and_then(Vector::read)));
    });
    found.sort_by_key(|(index, _)| *index);
    Vectors::of(found.into_iter().map(|(_, vector)| vector).collect(), usage)
}
