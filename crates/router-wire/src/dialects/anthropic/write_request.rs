//! Neutral form → a provider's request.

use serde_json::{Map, Value, json};

use super::family::Family;
use super::schema;
use super::thinking::{self, Thinking, is_forced};
use super::turns::{self, Writer};
use crate::dialects::Target;
use crate::message::{CacheLife, Content, Encoded, Format, NameRule, Names, Request, Tool, ToolChoice, Unsupported};

/// Sent where neither client nor catalogue knows a limit; every model takes it.
const MAX_TOKENS: u64 = 4_096;
/// The tool whose input is the answer, for models that cannot be held to a schema otherwise.
pub(super) const JSON_TOOL: &str = "router_json_answer";
/// More prompt-cache marks than this are an error.
const MARKS: usize = 4;
/// The API refuses tool calls in a history without tools; this one is there for form's sake and must not be called.
const NO_TOOL: &str = "unavailable";

/// Writes the body.
///
/// # Errors
/// [`Unsupported`] for what the dialect, or the model, cannot carry.
pub(super) fn write_request(request: &Request, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    if let Some(unsupported) = request.unsupported.first() {
        return Err(unsupported.clone());
    }
    let family = Family::of(target.model);
    let mut dropped = Vec::new();
    let names = Names::for_rule(NameRule::ANTHROPIC, turns::names(request));
    let mut body = Map::new();
    body.insert("model".into(), target.model.into());
    let max_tokens = max_tokens(request, target);
    body.insert("max_tokens".into(), max_tokens.into());

    let mut writer = Writer::new(request, &names, &mut dropped);
    let mut system = writer.system()?;
    let messages = writer.messages(family)?;
    let mut tools = tools(request, &names, family, &mut dropped)?;
    let mut choice = choice(request, &names);
    let held = hold_to_format(request, family, &mut tools, &mut choice, &mut system);
    if tools.is_empty() && turns::has_calls(request) {
        tools.push(json!({ "name": NO_TOOL, "description": "Not available.", "input_schema": schema::empty() }));
        choice = Some(json!({ "type": "none" }));
    }
    let forced = matches!(held, Held::ByTool) || (is_forced(request.tool_choice.as_ref()) && choice.is_some());
    let thinking = thinking::plan(request, family, max_tokens, forced);

    insert_list(&mut body, "system", system);
    body.insert("messages".into(), messages.into());
    if !tools.is_empty() {
        insert_list(&mut body, "tools", tools);
        if let Some(choice) = choice {
            body.insert("tool_choice".into(), choice);
        }
    }
    output_config(&mut body, &thinking, held);
    sampling(request, family, &thinking, &mut body, &mut dropped);
    if thinking.dropped {
        dropped.push("reasoning_effort".into());
    }
    if let Some(thinking) = thinking.thinking {
        body.insert("thinking".into(), thinking);
    }
    hints(request, &mut body, &mut dropped);
    if request.stream {
        body.insert("stream".into(), true.into());
    }
    habits(target, &mut body, &mut dropped);
    thin_out_marks(&mut body);
    Ok(Encoded { body: Value::Object(body).to_string().into_bytes(), dropped, names, ..Encoded::default() })
}

fn insert_list(body: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        body.insert(key.into(), list.into());
    }
}

fn max_tokens(request: &Request, target: &Target<'_>) -> u64 {
    let wanted = request.max_output_tokens.or(target.output_cap).or(target.model_max_output).unwrap_or(MAX_TOKENS);
    wanted.min(target.model_max_output.unwrap_or(u64::MAX)).max(1)
}

fn tools(
    request: &Request,
    names: &Names,
    family: Family,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, Unsupported> {
    let mut written = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        if let Some(ToolChoice::Allowed { names: allowed, .. }) = &request.tool_choice
            && !allowed.contains(&tool.name)
        {
            continue;
        }
        let mut object = Map::new();
        object.insert("name".into(), names.up(&tool.name).into());
        if let Some(description) = &tool.description {
            object.insert("description".into(), description.as_str().into());
        }
        let parameters = match &tool.custom {
            Some(format) if format.get("type").is_some_and(|kind| kind != "text") => {
                return Err(Unsupported::new("tools", "a custom tool with a grammar has no counterpart"));
            }
            Some(_) => Tool::free_text(),
            None => schema::parameters(tool.parameters.as_ref()),
        };
        object.insert("input_schema".into(), parameters);
        match tool.strict {
            Some(true) if family.constrains() => drop(object.insert("strict".into(), true.into())),
            Some(true) => dropped.push("strict".into()),
            _ => {}
        }
        mark(&mut object, tool.cache);
        written.push(object.into());
    }
    Ok(written)
}

/// Sets a prompt-cache mark.
pub(super) fn mark(object: &mut Map<String, Value>, cache: Option<CacheLife>) {
    let mark = match cache {
        None => return,
        Some(CacheLife::Minutes5) => json!({ "type": "ephemeral" }),
        Some(CacheLife::Hour1) => json!({ "type": "ephemeral", "ttl": "1h" }),
    };
    object.insert("cache_control".into(), mark);
}

fn choice(request: &Request, names: &Names) -> Option<Value> {
    let single = request.parallel_tool_calls == Some(false);
    let mut choice = match &request.tool_choice {
        None if single => json!({ "type": "auto" }),
        None => return None,
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => json!({ "type": "auto" }),
        Some(ToolChoice::None) => return Some(json!({ "type": "none" })),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => json!({ "type": "any" }),
        Some(ToolChoice::Named(name)) => json!({ "type": "tool", "name": names.up(name) }),
    };
    if let Some(object) = choice.as_object_mut().filter(|_| single) {
        object.insert("disable_parallel_tool_use".into(), true.into());
    }
    Some(choice)
}

/// How the answer is held to the form that the client wants.
enum Held {
    Free,
    BySchema(Value),
    ByTool,
}

fn hold_to_format(
    request: &Request,
    family: Family,
    tools: &mut Vec<Value>,
    choice: &mut Option<Value>,
    system: &mut Vec<Value>,
) -> Held {
    match &request.format {
        Format::Text => Held::Free,
        Format::Json => {
            system.push(json!({ "type": "text", "text": "Answer with one JSON object and nothing else." }));
            Held::Free
        }
        Format::Schema { schema, .. } if family.constrains() => Held::BySchema(schema::constrained(schema)),
        // A tool must be called anyway, so there is no text to hold.
        Format::Schema { .. } if is_forced(request.tool_choice.as_ref()) => Held::Free,
        Format::Schema { description, schema, .. } => {
            let description = description.as_deref().unwrap_or("Give the answer with this tool.");
            // The input must be an object; other schemas are wrapped by the model's own reading of it.
            tools.push(json!({ "name": JSON_TOOL, "description": description, "input_schema": schema::parameters(Some(schema)) }));
            let only = tools.len() == 1;
            *choice = Some(if only { json!({ "type": "tool", "name": JSON_TOOL }) } else { json!({ "type": "any" }) });
            Held::ByTool
        }
    }
}

fn output_config(body: &mut Map<String, Value>, thinking: &Thinking, held: Held) {
    let mut config = Map::new();
    if let Some(effort) = thinking.effort {
        config.insert("effort".into(), effort.into());
    }
    if let Held::BySchema(schema) = held {
        config.insert("format".into(), json!({ "type": "json_schema", "schema": schema }));
    }
    if !config.is_empty() {
        body.insert("output_config".into(), config.into());
    }
}

fn sampling(
    request: &Request,
    family: Family,
    thinking: &Thinking,
    body: &mut Map<String, Value>,
    dropped: &mut Vec<String>,
) {
    let found = &request.sampling;
    let free = family.samples() && !thinking.on;
    let both = found.temperature.is_some() && !family.samples_twice();
    for (key, value, fits) in [
        ("temperature", &found.temperature, free),
        ("top_p", &found.top_p, free && !both),
        ("top_k", &found.top_k, free),
    ] {
        match value {
            Some(value) if fits => {
                let hot = key == "temperature" && value.as_f64().is_some_and(|degrees| degrees > 1.0);
                body.insert(key.into(), if hot { json!(1.0) } else { value.clone().into() });
            }
            Some(_) => dropped.push(key.into()),
            None => {}
        }
    }
    for (name, given) in [
        ("frequency_penalty", found.frequency_penalty.is_some()),
        ("presence_penalty", found.presence_penalty.is_some()),
        ("seed", found.seed.is_some()),
        ("logit_bias", found.logit_bias.is_some()),
        ("logprobs", found.logprobs == Some(true)),
        ("top_logprobs", found.top_logprobs.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("metadata", request.metadata.is_some()),
    ] {
        if given {
            dropped.push(name.into());
        }
    }
}

fn hints(request: &Request, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let stop: Vec<&str> = request.stop.iter().map(String::as_str).filter(|stop| !stop.trim().is_empty()).collect();
    if stop.len() < request.stop.len() {
        dropped.push("stop".into());
    }
    if !stop.is_empty() {
        body.insert("stop_sequences".into(), stop.into());
    }
    match request.service_tier.as_deref() {
        Some("default") => drop(body.insert("service_tier".into(), "standard_only".into())),
        Some("auto") | None => {}
        Some(_) => dropped.push("service_tier".into()),
    }
    match &request.user {
        Some(user) if is_personal(user) => dropped.push("user".into()),
        Some(user) => drop(body.insert("metadata".into(), json!({ "user_id": user }))),
        None => {}
    }
}

/// The API forbids what identifies a person: addresses and telephone numbers.
fn is_personal(user: &str) -> bool {
    let mail = !user.starts_with('{') && user.contains('@');
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let phone = (7..=15).contains(&digits) && user.chars().all(|c| c.is_ascii_digit() || "+-() .".contains(c));
    mail || phone
}

/// Parameters that this vendor refuses or calls by another name.
fn habits(target: &Target<'_>, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    for param in &target.quirks.unsupported_params {
        if body.shift_remove(param).is_some() {
            dropped.push(param.clone());
        }
    }
    for (ours, theirs) in &target.quirks.renamed_params {
        if let Some(value) = body.shift_remove(ours) {
            body.insert(theirs.clone(), value);
        }
    }
}

/// Keeps the last four prompt-cache marks: a later one covers what an earlier one does.
fn thin_out_marks(body: &mut Map<String, Value>) {
    let mut excess = 0;
    for pass in 0..2 {
        let mut seen: usize = 0;
        for key in ["tools", "system", "messages"] {
            if let Some(value) = body.get_mut(key) {
                each_mark(value, &mut |object| {
                    seen += 1;
                    if pass == 1 && seen <= excess {
                        object.shift_remove("cache_control");
                    }
                });
            }
        }
        excess = seen.saturating_sub(MARKS);
    }
}

/// Visits objects with a mark, in order, three levels deep at most: message, block, block in a result. Never into tool inputs
/// and schemas.
fn each_mark(value: &mut Value, found: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| each_mark(value, found)),
        Value::Object(object) => {
            if let Some(content) = object.get_mut("content") {
                each_mark(content, found);
            }
            if object.contains_key("cache_control") {
                found(object);
            }
        }
        _ => {}
    }
}

/// Whether a part says anything to this API.
pub(super) fn is_blank(content: &Content) -> bool {
    matches!(content, Content::Text { text, .. } | Content::Refusal(text) if text.trim().is_empty())
}
