//! A neutral request as a body for `POST /api/chat`: parameters and tools; the messages are `messages`'.

use serde_json::{Map, Value, json};

use super::messages;
use crate::dialects::Target;
use crate::message::{Effort, Encoded, Format, ReasoningWish, Request, Tool, ToolChoice, Unsupported};

/// Writes a body. Hints that Ollama has no place for are named in [`Encoded::dropped`].
///
/// # Errors
/// [`Unsupported`] for what must not get lost: a call that must be made, JSON beside tools, media that Ollama does not take.
pub(super) fn write_request(request: &Request, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    if let Some(first) = request.unsupported.first() {
        return Err(first.clone());
    }
    let mut dropped = Vec::new();
    let tools = tools(request, &mut dropped)?;
    let mut body = Map::new();
    body.insert("model".to_owned(), target.model.into());
    body.insert("messages".to_owned(), messages::write(request)?.into());
    // Streams are the default there.
    body.insert("stream".to_owned(), request.stream.into());
    // A prompt that the context does not hold shall be an error, not a shorter prompt.
    body.insert("truncate".to_owned(), false.into());
    if let Some(format) = format(&request.format, !tools.is_empty())? {
        body.insert("format".to_owned(), format);
    }
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    if let Some(wish) = &request.reasoning {
        match think(wish, target) {
            Some(think) => drop(body.insert("think".to_owned(), think)),
            None if wish.effort == Some(Effort::None) => {}
            None => dropped.push("reasoning".to_owned()),
        }
    }
    let mut taken = Vec::new();
    let mut options = options(request, target, &mut taken);
    // How long the model stays in memory afterwards.
    if let Some(keep_alive) = request.extras.get("keep_alive") {
        body.insert("keep_alive".to_owned(), keep_alive.clone());
        taken.push("keep_alive");
    }
    habits(target, &mut body, &mut options, &mut dropped);
    if !options.is_empty() {
        body.insert("options".to_owned(), options.into());
    }
    dropped.extend(homeless(request).map(str::to_owned));
    Ok(Encoded { body: Value::Object(body).to_string().into_bytes(), dropped, taken, ..Encoded::default() })
}

/// The tools that may be called. Nothing makes Ollama call one.
fn tools(request: &Request, dropped: &mut Vec<String>) -> Result<Vec<Value>, Unsupported> {
    let may = |tool: &&Tool| match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        _ => true,
    };
    let tools: Vec<&Tool> = request.tools.iter().filter(may).collect();
    match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
            if !tools.is_empty() =>
        {
            return Err(Unsupported::new("tool_choice", "Ollama leaves it to the model whether it calls a tool"));
        }
        _ => {}
    }
    if request.parallel_tool_calls == Some(false) && !tools.is_empty() {
        dropped.push("parallel_tool_calls".to_owned());
    }
    if tools.iter().any(|tool| tool.strict == Some(true)) {
        dropped.push("strict".to_owned());
    }
    tools.into_iter().map(declaration).collect()
}

/// Tools with free text become functions with one string; their grammars cannot be kept.
fn declaration(tool: &Tool) -> Result<Value, Unsupported> {
    if tool.custom.as_ref().and_then(|format| format.get("type")).is_some_and(|kind| kind == "grammar") {
        return Err(Unsupported::new("tools", format!("Ollama cannot hold the grammar of the tool {}", tool.name)));
    }
    let parameters = match &tool.custom {
        Some(_) => Tool::free_text(),
        None => tool.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}})),
    };
    let mut function = json!({"name": tool.name, "parameters": parameters});
    if let (Some(function), Some(description)) = (function.as_object_mut(), &tool.description) {
        function.insert("description".to_owned(), description.as_str().into());
    }
    Ok(json!({"type": "function", "function": function}))
}

/// The form of the answer holds for every word of it, so that no tool could be called.
fn format(format: &Format, has_tools: bool) -> Result<Option<Value>, Unsupported> {
    match format {
        Format::Text => Ok(None),
        _ if has_tools => Err(Unsupported::new("response_format", "Ollama cannot both call tools and answer in JSON")),
        Format::Json => Ok(Some("json".into())),
        Format::Schema { schema, .. } => Ok(Some(schema.clone())),
    }
}

/// Whether to think, and where the family knows it, how much. A model that does not think refuses to be asked.
fn think(wish: &ReasoningWish, target: &Target<'_>) -> Option<Value> {
    if !target.thinks {
        return None;
    }
    let off = wish.effort == Some(Effort::None) || wish.budget == Some(0);
    if off || !target.model.contains("gpt-oss") {
        return Some((!off).into());
    }
    Some(match (wish.effort, wish.budget) {
        (Some(Effort::Minimal | Effort::Low), _) | (None, Some(..2_048)) => "low".into(),
        (Some(Effort::High | Effort::XHigh | Effort::Max), _) | (None, Some(4_096..)) => "high".into(),
        _ => "medium".into(),
    })
}

/// Limits and sampling, over what the client says in Ollama's own words. Without `num_ctx` a server takes its own default, which is
/// often shorter than the model's.
fn options(request: &Request, target: &Target<'_>, taken: &mut Vec<&'static str>) -> Map<String, Value> {
    let own = request.extras.get("options").and_then(Value::as_object);
    taken.extend(own.map(|_| "options"));
    // What is reserved and what the catalogue says holds for the client's own numbers, too.
    let most = |name: &str, ours: Option<u64>| {
        let theirs = own.and_then(|own| own.get(name)?.as_u64());
        ours.map(|ours| theirs.map_or(ours, |theirs| theirs.min(ours))).map(Value::from)
    };
    let sampling = &request.sampling;
    let wanted = request.max_output_tokens.or(target.output_cap);
    let cap = wanted.map(|cap| target.model_max_output.map_or(cap, |most| cap.min(most)));
    let number = |number: &Option<serde_json::Number>| number.clone().map(Value::Number);
    let stop: Vec<&String> = request.stop.iter().filter(|stop| !stop.is_empty()).collect();
    let all = [
        ("num_ctx", most("num_ctx", target.context_length)),
        ("num_predict", most("num_predict", cap)),
        ("temperature", number(&sampling.temperature)),
        ("top_p", number(&sampling.top_p)),
        ("top_k", number(&sampling.top_k)),
        ("frequency_penalty", number(&sampling.frequency_penalty)),
        ("presence_penalty", number(&sampling.presence_penalty)),
        ("seed", number(&sampling.seed)),
        ("stop", (!stop.is_empty()).then(|| json!(stop))),
    ];
    let mut options = own.cloned().unwrap_or_default();
    options.extend(all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    options
}

/// Hints that have no place there.
fn homeless(request: &Request) -> impl Iterator<Item = &'static str> {
    let sampling = &request.sampling;
    let tier = request.service_tier.as_deref().is_some_and(|tier| !matches!(tier, "auto" | "default"));
    [
        ("logit_bias", sampling.logit_bias.is_some()),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.is_some()),
        ("service_tier", tier),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
}

/// Parameters that this server refuses or calls by another name.
fn habits(
    target: &Target<'_>,
    body: &mut Map<String, Value>,
    options: &mut Map<String, Value>,
    dropped: &mut Vec<String>,
) {
    for param in &target.quirks.unsupported_params {
        if body.shift_remove(param).or_else(|| options.shift_remove(param)).is_some() {
            dropped.push(param.clone());
        }
    }
    for (ours, theirs) in &target.quirks.renamed_params {
        for fields in [&mut *body, &mut *options] {
            if let Some(value) = fields.shift_remove(ours) {
                fields.insert(theirs.clone(), value);
            }
        }
    }
}
