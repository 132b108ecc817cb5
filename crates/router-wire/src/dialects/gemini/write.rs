//! A neutral request as a body for Gemini.

use serde_json::{Map, Value};

use super::model::{Generation, Model};
use super::names::obj;
use super::write_parts;
use crate::dialects::Target;
use crate::message::{Content, Effort, Encoded, Format, NameRule, Names, Request, Tool, ToolChoice, Unsupported};

/// Most stop sequences.
const MAX_STOP: usize = 5;

/// Writes a body. Hints that Gemini has no place for are named in [`Encoded::dropped`].
///
/// # Errors
/// [`Unsupported`] for what must not get lost.
pub(super) fn write_request(request: &Request, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    if let Some(first) = request.unsupported.first() {
        return Err(first.clone());
    }
    let names = names(request);
    let model = Model::new(target.model);
    let mut dropped = Vec::new();
    let mut body = Map::new();
    body.insert("contents".into(), write_parts::contents(request, model, &names)?);
    let system: Vec<Value> = request
        .system
        .iter()
        .filter_map(|part| part.as_text().filter(|text| !text.is_empty()))
        .map(|text| obj([("text", text.into())]))
        .collect();
    if !system.is_empty() {
        body.insert("systemInstruction".into(), obj([("parts", system.into())]));
    }
    if !request.tools.is_empty() {
        let declarations: Result<Vec<Value>, Unsupported> =
            request.tools.iter().map(|tool| declaration(tool, &names)).collect();
        body.insert("tools".into(), Value::from(vec![obj([("functionDeclarations", declarations?.into())])]));
        if let Some(choice) = &request.tool_choice {
            body.insert("toolConfig".into(), obj([("functionCallingConfig", calling(choice, &names))]));
        }
        if request.parallel_tool_calls == Some(false) {
            dropped.push("parallel_tool_calls".to_owned());
        }
    }
    let config = config(request, target, model, &mut dropped)?;
    if !config.is_empty() {
        body.insert("generationConfig".into(), Value::Object(config));
    }
    match request.service_tier.as_deref() {
        Some(tier @ ("flex" | "priority" | "standard")) => {
            body.insert("serviceTier".into(), tier.into());
        }
        Some("auto" | "default") | None => {}
        Some(_) => dropped.push("service_tier".to_owned()),
    }
    for (name, given) in [
        ("logit_bias", request.sampling.logit_bias.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.is_some()),
    ] {
        if given {
            dropped.push(name.to_owned());
        }
    }
    let body = serde_json::to_vec(&Value::Object(body)).unwrap_or_default();
    Ok(Encoded { body, dropped, names, ..Encoded::default() })
}

fn names(request: &Request) -> Names {
    let history = request.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(call.name.as_str()),
        Content::ToolResult(result) => result.name.as_deref(),
        _ => None,
    });
    let chosen: &[String] = match &request.tool_choice {
        Some(ToolChoice::Named(name)) => std::slice::from_ref(name),
        Some(ToolChoice::Allowed { names, .. }) => names,
        _ => &[],
    };
    let tools = request.tools.iter().map(|tool| tool.name.as_str());
    Names::for_rule(NameRule::GEMINI, tools.chain(history).chain(chosen.iter().map(String::as_str)))
}

/// Tools with free text become functions with one string; their grammars cannot be kept.
fn declaration(tool: &Tool, names: &Names) -> Result<Value, Unsupported> {
    let mut declaration = Map::new();
    declaration.insert("name".into(), names.up(&tool.name).into());
    if let Some(description) = &tool.description {
        declaration.insert("description".into(), description.as_str().into());
    }
    let free = tool.custom.as_ref();
    if free.and_then(|format| format.get("type")).is_some_and(|kind| kind == "grammar") {
        return Err(Unsupported::new("tools", format!("Gemini cannot hold the grammar of the tool {}", tool.name)));
    }
    let parameters = tool.parameters.clone().or_else(|| free.map(|_| Tool::free_text()));
    if let Some(parameters) = parameters.filter(|schema| schema.as_object().is_some_and(|schema| !schema.is_empty())) {
        declaration.insert("parametersJsonSchema".into(), parameters);
    }
    Ok(Value::Object(declaration))
}

fn calling(choice: &ToolChoice, names: &Names) -> Value {
    let allowed = |list: &[String]| Value::from(list.iter().map(|name| names.up(name)).collect::<Vec<_>>());
    let (mode, list) = match choice {
        ToolChoice::Auto => ("AUTO", None),
        ToolChoice::None => ("NONE", None),
        ToolChoice::Required => ("ANY", None),
        ToolChoice::Named(name) => ("ANY", Some(allowed(std::slice::from_ref(name)))),
        ToolChoice::Allowed { names, required: true } => ("ANY", Some(allowed(names))),
        // `AUTO` takes no list; `VALIDATED` lets the model answer in text as well.
        ToolChoice::Allowed { names, required: false } => ("VALIDATED", Some(allowed(names))),
    };
    let mut calling = obj([("mode", mode.into())]);
    if let (Some(calling), Some(list)) = (calling.as_object_mut(), list) {
        calling.insert("allowedFunctionNames".into(), list);
    }
    calling
}

fn config(
    request: &Request,
    target: &Target<'_>,
    model: Model<'_>,
    dropped: &mut Vec<String>,
) -> Result<Map<String, Value>, Unsupported> {
    let mut config = Map::new();
    let cap = request.max_output_tokens.or(target.output_cap);
    if let Some(cap) = cap {
        let most = target.model_max_output.unwrap_or(u64::MAX);
        config.insert("maxOutputTokens".into(), cap.min(most).into());
    }
    let sampling = &request.sampling;
    let small = |number: &&serde_json::Number| number.as_i64().is_some_and(|seed| i32::try_from(seed).is_ok());
    let refused = &target.quirks.unsupported_params;
    for (name, ours, number, fits) in [
        ("temperature", "temperature", &sampling.temperature, true),
        ("topP", "top_p", &sampling.top_p, true),
        ("topK", "top_k", &sampling.top_k, true),
        ("presencePenalty", "presence_penalty", &sampling.presence_penalty, !model.is_level()),
        ("frequencyPenalty", "frequency_penalty", &sampling.frequency_penalty, !model.is_level()),
        ("seed", "seed", &sampling.seed, sampling.seed.as_ref().is_none_or(|seed| small(&seed))),
    ] {
        let Some(number) = number else { continue };
        if fits && !refused.iter().any(|param| param == ours) {
            config.insert(name.into(), Value::Number(number.clone()));
        } else {
            dropped.push(ours.to_owned());
        }
    }
    if let Some(wanted) = sampling.logprobs {
        config.insert("responseLogprobs".into(), wanted.into());
        if let Some(top) = sampling.top_logprobs.filter(|_| wanted) {
            config.insert("logprobs".into(), top.into());
        }
    }
    let stop: Vec<&str> = request.stop.iter().map(String::as_str).filter(|stop| !stop.is_empty()).collect();
    if stop.len() > MAX_STOP {
        return Err(Unsupported::new("stop", format!("Gemini takes at most {MAX_STOP} stop sequences")));
    }
    if !stop.is_empty() {
        config.insert("stopSequences".into(), stop.into());
    }
    format(request, model, &mut config)?;
    if let Some(wish) = &request.reasoning {
        let thinking = model.thinking(wish);
        if thinking.is_none() && wish.effort != Some(Effort::None) {
            dropped.push("reasoning".to_owned());
        }
        let says = |thinking: &Value| thinking.as_object().is_some_and(|members| !members.is_empty());
        config.extend(thinking.filter(says).map(|thinking| ("thinkingConfig".to_owned(), thinking)));
    }
    Ok(config)
}

fn format(request: &Request, model: Model<'_>, config: &mut Map<String, Value>) -> Result<(), Unsupported> {
    if request.format != Format::Text && !request.tools.is_empty() && model.generation != Generation::Level {
        let message = "models before Gemini 3 cannot both call tools and answer in JSON";
        return Err(Unsupported::new("response_format", message));
    }
    match &request.format {
        Format::Text => {}
        Format::Json => {
            config.insert("responseMimeType".into(), "application/json".into());
        }
        Format::Schema { schema, .. } => {
            config.insert("responseMimeType".into(), "application/json".into());
            config.insert("responseJsonSchema".into(), schema.clone());
        }
    }
    Ok(())
}
