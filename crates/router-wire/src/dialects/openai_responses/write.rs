//! Neutral → a request to a provider of Responses.
//!
//! Nothing is stored there (`store: false`), so reasoning comes back encrypted wherever there is any; models that do not reason
//! refuse to be asked for it. A limit below 16 tokens is raised to 16, the least that the API takes.

use serde_json::{Map, Value, json};

use super::request::EFFORTS;
use super::{tools, write_input};
use crate::dialects::Target;
use crate::message::{
    Content, Effort, Encoded, Format, NameRule, Names, ReasoningWish, Request, Sampling, Unsupported,
};

/// The least that `max_output_tokens` may be.
pub(super) const LEAST_OUTPUT: u64 = 16;

/// Writes the body.
pub(super) fn write_request(request: &Request, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    if let Some(unsupported) = request.unsupported.first() {
        return Err(unsupported.clone());
    }
    if !request.stop.is_empty() {
        return Err(Unsupported::new("stop", "the provider's dialect has no stop sequences"));
    }
    let names = Names::for_rule(NameRule::OPENAI, names(request));
    let mut dropped = Vec::new();
    let mut body = Map::new();
    body.insert("model".into(), target.model.into());
    let mut system = request.system.iter().filter_map(|part| part.as_text());
    if let Some(first) = system.next() {
        body.insert("instructions".into(), first.into());
    }
    let role = if target.quirks.developer_role { "developer" } else { "system" };
    body.insert("input".into(), write_input::items(system, &request.turns, role, &names)?.into());
    write_tools(request, &names, &mut body);
    let most = request.max_output_tokens.or(target.output_cap);
    if let Some(most) = most.map(|most| most.min(target.model_max_output.unwrap_or(most)).max(LEAST_OUTPUT)) {
        body.insert("max_output_tokens".into(), most.into());
    }
    sampling(&request.sampling, &mut body, &mut dropped);
    text(request, &mut body);
    if let Some(wish) = &request.reasoning {
        reasoning(wish, &mut body);
    }
    body.insert("store".into(), false.into());
    if request.stream {
        body.insert("stream".into(), true.into());
    }
    let words = [
        ("safety_identifier", &request.user),
        ("service_tier", &request.service_tier),
        ("prompt_cache_key", &request.prompt_cache_key),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            body.insert(name.into(), word.as_str().into());
        }
    }
    if let Some(metadata) = request.metadata.as_ref().filter(|metadata| metadata.is_object()) {
        body.insert("metadata".into(), metadata.clone());
    }
    let body = apply_quirks(body, target, &mut dropped);
    Ok(Encoded { body: serde_json::to_vec(&body).unwrap_or_default(), dropped, names, ..Encoded::default() })
}

/// All names of tools that the request uses.
fn names(request: &Request) -> impl Iterator<Item = &str> {
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let called = parts.filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    request.tools.iter().map(|tool| tool.name.as_str()).chain(called)
}

fn write_tools(request: &Request, names: &Names, body: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    let written: Vec<Value> = request.tools.iter().map(|tool| tools::write(tool, names.up(&tool.name))).collect();
    body.insert("tools".into(), written.into());
    if let Some(choice) = &request.tool_choice {
        body.insert("tool_choice".into(), tools::write_choice(choice, &request.tools, names));
    }
    if let Some(parallel) = request.parallel_tool_calls {
        body.insert("parallel_tool_calls".into(), parallel.into());
    }
}

/// Log probabilities are among the dropped: no answer could carry them back.
fn sampling(sampling: &Sampling, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    for (name, number) in [("temperature", &sampling.temperature), ("top_p", &sampling.top_p)] {
        if let Some(number) = number {
            body.insert(name.into(), number.clone().into());
        }
    }
    let hints = [
        ("top_k", sampling.top_k.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
        ("logit_bias", sampling.logit_bias.is_some()),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some()),
    ];
    dropped.extend(hints.iter().filter(|(_, said)| *said).map(|(name, _)| (*name).to_owned()));
}

fn text(request: &Request, body: &mut Map<String, Value>) {
    let mut text = Map::new();
    if let Some(format) = write_format(&request.format) {
        text.insert("format".into(), format);
    }
    if let Some(verbosity) = &request.verbosity {
        text.insert("verbosity".into(), verbosity.as_str().into());
    }
    if !text.is_empty() {
        body.insert("text".into(), text.into());
    }
}

/// The format; `None` for plain text. A schema gets a name if it has none: here it must have one.
pub(super) fn write_format(format: &Format) -> Option<Value> {
    let Format::Schema { name, description, schema, strict } = format else {
        return (*format == Format::Json).then(|| json!({"type": "json_object"}));
    };
    let name = name.as_deref().unwrap_or("response");
    let names = Names::for_rule(NameRule::OPENAI, std::iter::once(name));
    let mut written = json!({"type": "json_schema", "name": names.up(name), "schema": schema});
    if let Some(object) = written.as_object_mut() {
        object.extend(description.as_deref().map(|text| ("description".into(), text.into())));
        object.extend(strict.map(|strict| ("strict".into(), strict.into())));
    }
    Some(written)
}

fn reasoning(wish: &ReasoningWish, body: &mut Map<String, Value>) {
    let effort = wish.effort.or(wish.budget.map(effort_of));
    let mut written = Map::new();
    if let Some(name) = effort.and_then(effort_name) {
        written.insert("effort".into(), name.into());
    }
    if wish.show == Some(true) {
        written.insert("summary".into(), "auto".into());
    }
    if !written.is_empty() {
        body.insert("reasoning".into(), written.into());
    }
    if effort != Some(Effort::None) {
        body.insert("include".into(), json!(["reasoning.encrypted_content"]));
    }
}

pub(super) fn effort_name(effort: Effort) -> Option<&'static str> {
    EFFORTS.iter().find(|(known, _)| *known == effort).map(|(_, name)| *name)
}

const fn effort_of(budget: u64) -> Effort {
    match budget {
        0 => Effort::None,
        1..2048 => Effort::Low,
        2048..4096 => Effort::Medium,
        _ => Effort::High,
    }
}

fn apply_quirks(mut body: Map<String, Value>, target: &Target<'_>, dropped: &mut Vec<String>) -> Map<String, Value> {
    for name in &target.quirks.unsupported_params {
        if body.shift_remove(name).is_some() {
            dropped.push(name.clone());
        }
    }
    for (ours, theirs) in &target.quirks.renamed_params {
        if let Some(value) = body.shift_remove(ours) {
            body.insert(theirs.clone(), value);
        }
    }
    body
}
