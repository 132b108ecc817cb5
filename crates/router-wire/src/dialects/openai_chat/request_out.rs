//! Writes a request for a provider of this dialect: parameters and tools; the messages are `messages_out`'s.

use serde_json::{Map, Value, json};

use super::{messages_out, words};
use crate::dialects::Target;
use crate::message::{
    Content, Effort, Encoded, Format, NameRule, Names, ReasoningWish, Request, Tool, ToolChoice, Unsupported,
};

/// Most stop sequences of the dialect.
const MOST_STOPS: usize = 4;
/// Service tiers that mean something to a provider of this dialect.
const TIERS: [&str; 8] = ["auto", "default", "flex", "scale", "priority", "fast", "on_demand", "performance"];

/// Neutral → body.
///
/// Quirks of the vendor: `unsupported_params` are left out and named, `renamed_params` are sent under the vendor's name.
/// `top_k` is not OpenAI's; it goes only to vendors with an entry for it in `renamed_params` (possibly to itself).
/// `allowed_tools` among the unsupported parameters means that the list of tools is shortened instead.
///
/// # Errors
/// [`Unsupported`] for meaning that has no place in the dialect.
pub(super) fn write_request(request: &Request, target: &Target<'_>) -> Result<Encoded, Unsupported> {
    if let Some(first) = request.unsupported.first() {
        return Err(first.clone());
    }
    let mut writer = Writer {
        request,
        target,
        names: Names::for_rule(NameRule::OPENAI, names(request)),
        fields: Map::new(),
        dropped: Vec::new(),
    };
    writer.fields.insert("model".to_owned(), target.model.into());
    let messages = messages_out::write(request, target, &writer.names)?;
    writer.fields.insert("messages".to_owned(), messages.into());
    writer.tools();
    writer.limits()?;
    writer.sampling();
    writer.format();
    writer.reasoning();
    writer.extras();
    writer.quirks();
    // A map of strings and values always serialises.
    let body = serde_json::to_vec(&writer.fields).unwrap_or_default();
    Ok(Encoded { body, dropped: writer.dropped, names: writer.names, ..Encoded::default() })
}

/// Every name of a tool that the request uses.
fn names(request: &Request) -> impl Iterator<Item = &str> {
    let chosen: Vec<&str> = match &request.tool_choice {
        Some(ToolChoice::Named(name)) => vec![name],
        Some(ToolChoice::Allowed { names, .. }) => names.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let history = request.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(call.name.as_str()),
        _ => None,
    });
    request.tools.iter().map(|tool| tool.name.as_str()).chain(chosen).chain(history)
}

struct Writer<'a> {
    request: &'a Request,
    target: &'a Target<'a>,
    names: Names,
    fields: Map<String, Value>,
    dropped: Vec<String>,
}

impl Writer<'_> {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    fn refuses(&self, param: &str) -> bool {
        self.target.quirks.unsupported_params.iter().any(|refused| refused == param)
    }

    fn tools(&mut self) {
        let request = self.request;
        let mut tools: Vec<&Tool> = request.tools.iter().collect();
        let mut choice = request.tool_choice.clone();
        if let Some(ToolChoice::Allowed { names, required }) = &choice
            && self.refuses("allowed_tools")
        {
            tools.retain(|tool| names.contains(&tool.name));
            choice = Some(if *required { ToolChoice::Required } else { ToolChoice::Auto });
        }
        if tools.is_empty() {
            return;
        }
        let written: Vec<Value> = tools.iter().map(|tool| self.tool(tool)).collect();
        self.put("tools", written);
        if let Some(choice) = &choice {
            let choice = self.choice(choice);
            self.put("tool_choice", choice);
        }
        if let Some(parallel) = request.parallel_tool_calls {
            self.put("parallel_tool_calls", parallel);
        }
    }

    fn tool(&self, tool: &Tool) -> Value {
        let mut inner = Map::new();
        inner.insert("name".to_owned(), self.names.up(&tool.name).into());
        inner.extend(tool.description.as_deref().map(|text| ("description".to_owned(), text.into())));
        if let Some(format) = &tool.custom {
            inner.extend(Some(format).filter(|format| !format.is_null()).map(|it| ("format".to_owned(), it.clone())));
            return json!({"type": "custom", "custom": inner});
        }
        inner.extend(tool.parameters.clone().map(|schema| ("parameters".to_owned(), schema)));
        inner.extend(tool.strict.map(|strict| ("strict".to_owned(), strict.into())));
        json!({"type": "function", "function": inner})
    }

    fn choice(&self, choice: &ToolChoice) -> Value {
        match choice {
            ToolChoice::Auto => "auto".into(),
            ToolChoice::None => "none".into(),
            ToolChoice::Required => "required".into(),
            ToolChoice::Named(name) => self.reference(name),
            ToolChoice::Allowed { names, required } => {
                let tools: Vec<Value> = names.iter().map(|name| self.reference(name)).collect();
                let mode = if *required { "required" } else { "auto" };
                json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
            }
        }
    }

    fn reference(&self, name: &str) -> Value {
        let custom = self.request.tools.iter().any(|tool| tool.name == name && tool.custom.is_some());
        let kind = if custom { "custom" } else { "function" };
        json!({"type": kind, kind: {"name": self.names.up(name)}})
    }

    fn limits(&mut self) -> Result<(), Unsupported> {
        let target = self.target;
        if let Some(wanted) = self.request.max_output_tokens.or(target.output_cap) {
            let name = target.quirks.max_output_param.as_deref().unwrap_or("max_completion_tokens");
            self.put(name, target.model_max_output.map_or(wanted, |most| wanted.min(most)));
        }
        let stops = &self.request.stop;
        if stops.len() > MOST_STOPS {
            return Err(Unsupported::new("stop", format!("the provider takes at most {MOST_STOPS} stop sequences")));
        }
        if !stops.is_empty() {
            self.put("stop", stops.clone());
        }
        if self.request.stream {
            self.put("stream", true);
            if !self.refuses("stream_options") {
                self.put("stream_options", json!({"include_usage": true}));
            }
        }
        Ok(())
    }

    fn sampling(&mut self) {
        let sampling = &self.request.sampling;
        for (name, number) in [
            ("temperature", &sampling.temperature),
            ("top_p", &sampling.top_p),
            ("frequency_penalty", &sampling.frequency_penalty),
            ("presence_penalty", &sampling.presence_penalty),
            ("seed", &sampling.seed),
        ] {
            if let Some(number) = number {
                self.put(name, number.clone());
            }
        }
        if let Some(top_k) = &sampling.top_k {
            if self.target.quirks.renamed_params.iter().any(|(ours, _)| ours == "top_k") {
                self.put("top_k", top_k.clone());
            } else {
                self.dropped.push("top_k".to_owned());
            }
        }
        if let Some(bias) = &sampling.logit_bias {
            self.put("logit_bias", bias.clone());
        }
        // The neutral answer has no place for them, so they would only be paid for.
        let logprobs = sampling.logprobs.map(|_| "logprobs");
        let alternatives = sampling.top_logprobs.map(|_| "top_logprobs");
        self.dropped.extend(logprobs.into_iter().chain(alternatives).map(str::to_owned));
    }

    fn format(&mut self) {
        match &self.request.format {
            Format::Text => {}
            Format::Json => self.put("response_format", json!({"type": "json_object"})),
            Format::Schema { name, description, schema, strict } => {
                let name = name.as_deref().unwrap_or("response");
                let mut inner = json!({"name": name, "schema": schema});
                if let Some(inner) = inner.as_object_mut() {
                    inner.extend(description.as_deref().map(|text| ("description".to_owned(), text.into())));
                    inner.extend(strict.map(|strict| ("strict".to_owned(), strict.into())));
                }
                self.put("response_format", json!({"type": "json_schema", "json_schema": inner}));
            }
        }
    }

    fn reasoning(&mut self) {
        let Some(wish) = &self.request.reasoning else { return };
        if self.target.quirks.reasoning_details {
            let mut reasoning = Map::new();
            match (wish.budget, wish.effort) {
                (Some(budget), _) if budget > 0 => reasoning.insert("max_tokens".to_owned(), budget.into()),
                (_, Some(effort)) => reasoning.insert("effort".to_owned(), words::effort(effort).into()),
                _ if wish.adaptive => reasoning.insert("enabled".to_owned(), true.into()),
                _ => None,
            };
            reasoning.extend(wish.show.filter(|show| !show).map(|_| ("exclude".to_owned(), true.into())));
            if !reasoning.is_empty() {
                self.put("reasoning", reasoning);
            }
        } else if let Some(effort) = effort(wish) {
            self.put("reasoning_effort", words::effort(effort));
        }
    }

    fn extras(&mut self) {
        let request = self.request;
        if let Some(verbosity) = &request.verbosity {
            self.put("verbosity", verbosity.as_str());
        }
        if let Some(user) = &request.user {
            self.put("user", user.as_str());
        }
        if let Some(key) = &request.prompt_cache_key {
            self.put("prompt_cache_key", key.as_str());
        }
        match request.service_tier.as_deref() {
            // Anthropic's word for no priority.
            Some("standard_only") => self.put("service_tier", "default"),
            Some(tier) if TIERS.contains(&tier) => self.put("service_tier", tier),
            Some(_) => self.dropped.push("service_tier".to_owned()),
            None => {}
        }
        // OpenAI refuses metadata on answers that are not stored, and ours never are.
        if request.metadata.is_some() {
            self.dropped.push("metadata".to_owned());
        }
    }

    fn quirks(&mut self) {
        for param in &self.target.quirks.unsupported_params {
            if self.fields.shift_remove(param.as_str()).is_some() {
                self.dropped.push(param.clone());
            }
        }
        for (ours, theirs) in &self.target.quirks.renamed_params {
            if let Some(value) = self.fields.shift_remove(ours.as_str()) {
                self.fields.insert(theirs.clone(), value);
            }
        }
    }
}

/// The effort that a budget of tokens means, where only efforts are understood.
fn effort(wish: &ReasoningWish) -> Option<Effort> {
    let by_budget = |budget| match budget {
        0 => Effort::None,
        1..1024 => Effort::Minimal,
        1024..2048 => Effort::Low,
        2048..4096 => Effort::Medium,
        _ => Effort::High,
    };
    wish.effort.or_else(|| wish.budget.map(by_budget))
}
