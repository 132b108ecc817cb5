//! The body for a provider of the same dialect: every member as the client wrote it, but for the model's name where a body
//! holds one, the reserved cap where the client named none, and the fields that speak to this router.

use router_core::ask::Endpoint;
use serde_json::Value;

use super::names::camel;
use crate::dialects::Passing;
use crate::scan::{Field, members, push_member, unescape};

/// Writes the body. What needs no change is copied as bytes.
pub(super) fn splice(passing: &Passing<'_>) -> Vec<u8> {
    let cap = passing.output_cap.filter(|_| passing.intake.ask.endpoint == Endpoint::GenerateContent);
    let cap = cap.filter(|_| passing.intake.ask.max_output_tokens.is_none());
    let mut out = b"{".to_vec();
    let mut capped = false;
    members(passing.body, |key, value| {
        let name = unescape(key);
        if Field::from_name(&name).is_some_and(|field| passing.routing_fields().contains(&field)) {
            return true;
        }
        match (camel(&name).as_str(), cap) {
            ("model", _) => push_member(key, model(passing.model).as_bytes(), &mut out),
            ("requests" | "generateContentRequest", _) => push_member(key, &renamed(value, passing.model), &mut out),
            ("generationConfig", Some(cap)) => {
                capped = true;
                // What is neither an object nor nothing is the provider's to refuse.
                let is_config = value.starts_with(b"{") || value == b"null";
                if is_config {
                    push_member(key, &with_cap(value, cap), &mut out)
                } else {
                    push_member(key, value, &mut out)
                }
            }
            _ => push_member(key, value, &mut out),
        }
        true
    });
    if let Some(cap) = cap.filter(|_| !capped) {
        push_member(b"generationConfig", &with_cap(b"{}", cap), &mut out);
    }
    out.push(b'}');
    out
}

fn with_cap(config: &[u8], cap: u64) -> Vec<u8> {
    let mut out = b"{".to_vec();
    members(config, |key, value| {
        // A null stands for no limit.
        if camel(&unescape(key)) != "maxOutputTokens" {
            push_member(key, value, &mut out);
        }
        true
    });
    push_member(b"maxOutputTokens", cap.to_string().as_bytes(), &mut out);
    out.push(b'}');
    out
}

fn model(name: &str) -> String {
    let name = name.strip_prefix("models/").unwrap_or(name);
    Value::from(format!("models/{name}")).to_string()
}

/// The requests of a batch, and the request inside `countTokens`, name the model again; it must be the one of the path.
fn renamed(value: &[u8], name: &str) -> Vec<u8> {
    let Ok(mut inner) = serde_json::from_slice::<Value>(value) else { return value.to_vec() };
    let name = name.strip_prefix("models/").unwrap_or(name);
    let requests = match &mut inner {
        Value::Array(list) => list.iter_mut().collect(),
        one => vec![one],
    };
    for request in requests.into_iter().filter_map(Value::as_object_mut) {
        request.insert("model".into(), format!("models/{name}").into());
    }
    inner.to_string().into_bytes()
}
