//! Reads what is written for Ollama's own API back into the neutral form. No client speaks it, so only these tests have to.

use router_wire::dialects::RequestError;
use router_wire::message::{
    Content, Effort, Format, Media, MediaSource, Part, Reasoning, ReasoningWish, Request, Role, Tool, ToolCall,
    ToolResult, Turn,
};
use serde_json::{Number, Value};

/// A body → neutral. Ids of calls are their numbers, as nothing else tells them apart.
pub(super) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let broken =
        |error: serde_json::Error| RequestError { code: "invalid_json", param: None, message: error.to_string() };
    let body: Value = serde_json::from_slice(body).map_err(broken)?;
    let mut request = Request { stream: body["stream"] == true, ..Request::default() };
    let (mut calls, mut results) = (0, 0);
    for message in body["messages"].as_array().into_iter().flatten() {
        let parts = parts(message, &mut calls, &mut results);
        let role = match message["role"].as_str() {
            Some("system") => Role::System,
            Some("assistant") => Role::Assistant,
            _ => Role::User,
        };
        match role {
            Role::System if request.turns.is_empty() => request.system.extend(parts),
            role => request.turns.push(Turn { role, parts }),
        }
    }
    request.tools = body["tools"].as_array().into_iter().flatten().map(tool).collect();
    let options = &body["options"];
    let number = |name: &str| -> Option<Number> { options[name].as_number().cloned() };
    request.max_output_tokens = options["num_predict"].as_u64();
    request.sampling.temperature = number("temperature");
    request.sampling.top_p = number("top_p");
    request.sampling.top_k = number("top_k");
    request.sampling.frequency_penalty = number("frequency_penalty");
    request.sampling.presence_penalty = number("presence_penalty");
    request.sampling.seed = number("seed");
    request.stop =
        options["stop"].as_array().into_iter().flatten().filter_map(|stop| Some(stop.as_str()?.into())).collect();
    request.format = match &body["format"] {
        Value::String(_) => Format::Json,
        Value::Object(schema) => {
            Format::Schema { name: None, description: None, schema: schema.clone().into(), strict: None }
        }
        _ => Format::Text,
    };
    request.reasoning = body["think"].as_bool().map(|think| ReasoningWish {
        effort: (!think).then_some(Effort::None),
        adaptive: think,
        ..ReasoningWish::default()
    });
    Ok(request)
}

fn parts(message: &Value, calls: &mut usize, results: &mut usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let text = message["content"].as_str().unwrap_or_default();
    if message["role"] == "tool" {
        *results += 1;
        let name = message["tool_name"].as_str().map(str::to_owned);
        let said = Some(Part::text(text)).filter(|_| !text.is_empty());
        let (call_id, parts) = (format!("call_{results}"), said.into_iter().collect());
        return vec![Part::new(Content::ToolResult(ToolResult {
            call_id,
            name,
            parts,
            is_error: false,
            custom: false,
        }))];
    }
    if let Some(thought) = message["thinking"].as_str() {
        parts.push(Part::new(Content::Reasoning(Reasoning { text: thought.into(), ..Reasoning::default() })));
    }
    if !text.is_empty() {
        parts.push(Part::text(text));
    }
    for image in message["images"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let media_type = image.starts_with("iVBORw").then(|| "image/png".to_owned());
        let source = MediaSource::Base64(image.into());
        parts.push(Part::new(Content::Image(Media { source, media_type, name: None, detail: None })));
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        *calls += 1;
        let (name, arguments) = (call["function"]["name"].as_str().unwrap_or_default(), &call["function"]["arguments"]);
        parts.push(Part::new(Content::ToolCall(ToolCall {
            id: format!("call_{calls}"),
            name: name.into(),
            arguments: arguments.to_string(),
            custom: false,
            signature: None,
        })));
    }
    parts
}

fn tool(tool: &Value) -> Tool {
    let function = &tool["function"];
    Tool {
        name: function["name"].as_str().unwrap_or_default().into(),
        description: function["description"].as_str().map(str::to_owned),
        parameters: function.get("parameters").cloned(),
        strict: None,
        custom: None,
        cache: None,
    }
}
