//! Changes that several dialects make, and the losses that several tables list.

use router_wire::message::{
    Content, Format, Media, MediaSource, Part, Request, Role, SignatureFormat, ToolChoice, Turn,
};
use serde_json::{Value, json};

use super::Loss;

/// Changes every piece of the conversation.
pub(super) fn each_part(request: &mut Request, change: fn(&mut Content)) {
    request.turns.iter_mut().flat_map(|turn| &mut turn.parts).for_each(|part| change(&mut part.content));
}

/// Removes every cache mark.
pub(super) fn no_cache(request: &mut Request) {
    let turns = request.turns.iter_mut().flat_map(|turn| &mut turn.parts);
    request.system.iter_mut().chain(turns).for_each(|part| part.cache = None);
    request.tools.iter_mut().for_each(|tool| tool.cache = None);
}

/// Keeps reasoning only where it is of that family, or none at all.
pub(super) fn only_reasoning_of(request: &mut Request, family: Option<&SignatureFormat>) {
    for turn in &mut request.turns {
        turn.parts.retain(|part| match &part.content {
            Content::Reasoning(reasoning) => {
                family.is_some() && reasoning.signature.as_ref().map(|signature| &signature.format) == family
            }
            _ => true,
        });
    }
}

/// Results do not say the name of their tool.
pub(super) fn nameless(content: &mut Content) {
    if let Content::ToolResult(result) = content {
        result.name = None;
    }
}

/// A failed result says so in its text.
pub(super) fn failed_in_text(content: &mut Content) {
    if let Content::ToolResult(result) = content
        && std::mem::take(&mut result.is_error)
        && let Some(Part { content: Content::Text { text, .. }, .. }) = result.parts.first_mut()
    {
        text.insert_str(0, "Error: ");
    }
}

/// Plain text documents are text.
pub(super) fn document_text(content: &mut Content) {
    if let Content::File(Media { source: MediaSource::Text(text), .. }) = content {
        *content = Content::Text { text: std::mem::take(text), citations: Vec::new() };
    }
}

/// Images have no `detail`.
pub(super) fn no_detail(content: &mut Content) {
    if let Content::Image(media) = content {
        media.detail = None;
    }
}

/// Instructions in mid-conversation are the user's words.
pub(super) fn later_system_is_user(request: &mut Request) {
    let mut turns: Vec<Turn> = Vec::new();
    for mut turn in std::mem::take(&mut request.turns) {
        if turn.role == Role::System {
            turn.role = Role::User;
        }
        match turns.last_mut().filter(|last| last.role == turn.role) {
            Some(last) => last.parts.extend(turn.parts),
            None => turns.push(turn),
        }
    }
    request.turns = turns;
}

/// A custom tool is a function with one argument, `input`.
pub(super) fn custom_is_function(request: &mut Request) {
    for tool in request.tools.iter_mut().filter(|tool| tool.custom.is_some()) {
        tool.custom = None;
        tool.parameters =
            Some(json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}));
    }
    each_part(request, |content| match content {
        Content::ToolCall(call) if call.custom => {
            call.custom = false;
            call.arguments = json!({"input": call.arguments}).to_string();
        }
        Content::ToolResult(result) => result.custom = false,
        _ => {}
    });
}

/// A schema for tools that have none.
pub(super) fn some_schema(request: &mut Request) {
    for tool in request.tools.iter_mut().filter(|tool| tool.custom.is_none()) {
        tool.parameters.get_or_insert_with(|| json!({"type": "object", "properties": {}}));
    }
}

/// Only the allowed tools are left.
pub(super) fn only_allowed(request: &mut Request) {
    if let Some(ToolChoice::Allowed { names, required }) = &request.tool_choice {
        request.tools.retain(|tool| names.contains(&tool.name));
        request.tool_choice = Some(if *required { ToolChoice::Required } else { ToolChoice::Auto });
    }
}

/// One allowed tool that must be called is a named one.
pub(super) fn one_allowed_is_named(request: &mut Request) {
    if let Some(ToolChoice::Allowed { names, required: true }) = &request.tool_choice
        && let [only] = names.as_slice()
    {
        request.tool_choice = Some(ToolChoice::Named(only.clone()));
    }
}

/// The schema of the answer has a name.
pub(super) fn named_schema(request: &mut Request) {
    if let Format::Schema { name, .. } = &mut request.format {
        name.get_or_insert_with(|| "response".to_owned());
    }
}

/// The schema of the answer has neither name nor description.
pub(super) fn nameless_schema(request: &mut Request) {
    if let Format::Schema { name, description, .. } = &mut request.format {
        (*name, *description) = (None, None);
    }
}

/// Citations are OpenAI's, with the places that `end` gives them.
pub(super) fn place_citations(parts: &mut [Part], end: fn(&str) -> usize) {
    for part in parts {
        if let Content::Text { text, citations } = &mut part.content {
            for citation in citations.iter_mut().filter_map(Value::as_object_mut) {
                citation.entry("start_index").or_insert_with(|| 0.into());
                citation.entry("end_index").or_insert_with(|| end(text).into());
            }
        }
    }
}

/// A refusal is text; the stop says that it is one.
pub(super) fn refusal_is_text(parts: &mut [Part]) {
    for part in parts {
        if let Content::Refusal(text) = &mut part.content {
            *part = Part::text(std::mem::take(text));
        }
    }
}

/// Texts are one, with blank lines between them.
pub(super) fn join(parts: &mut Vec<Part>) {
    if parts.len() > 1 {
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        *parts = vec![Part::text(texts.join("\n\n"))];
    }
}

/// Images of results stand behind the results.
pub(super) fn images_behind(request: &mut Request) {
    for turn in &mut request.turns {
        let mut behind = Vec::new();
        for part in &mut turn.parts {
            if let Content::ToolResult(result) = &mut part.content {
                behind.extend(result.parts.extract_if(.., |part| part.as_text().is_none()));
            }
        }
        let results = turn.parts.iter().take_while(|part| matches!(part.content, Content::ToolResult(_))).count();
        turn.parts.splice(results..results, behind);
    }
}

// Losses that several dialects share.

pub(super) const RESULT_NAMES: Loss<Request> = Loss {
    thing: "Names of tools in results",
    happens: "found by the id of the call",
    named: None,
    change: |request| each_part(request, nameless),
};

pub(super) const IMAGE_DETAIL: Loss<Request> = Loss {
    thing: "Detail of images",
    happens: "left out",
    named: None,
    change: |request| each_part(request, no_detail),
};

pub(super) const PENALTIES: Loss<Request> = Loss {
    thing: "Penalties",
    happens: "dropped",
    named: Some("frequency_penalty"),
    change: |request| (request.sampling.frequency_penalty, request.sampling.presence_penalty) = (None, None),
};

pub(super) const LOGIT_BIAS: Loss<Request> = Loss {
    thing: "Logit bias",
    happens: "dropped",
    named: Some("logit_bias"),
    change: |request| request.sampling.logit_bias = None,
};

pub(super) const LOGPROBS: Loss<Request> = Loss {
    thing: "Log probabilities",
    happens: "dropped",
    named: Some("logprobs"),
    change: |request| (request.sampling.logprobs, request.sampling.top_logprobs) = (None, None),
};

pub(super) const CUSTOM_TOOLS: Loss<Request> = Loss {
    thing: "Custom tools",
    happens: "a function with one argument `input`; a grammar is refused",
    named: None,
    change: custom_is_function,
};

pub(super) const TOOLS_WITHOUT_SCHEMA: Loss<Request> =
    Loss { thing: "Tools without a schema", happens: "a schema without properties", named: None, change: some_schema };

pub(super) const PROMPT_CACHE_KEY: Loss<Request> = Loss {
    thing: "Prompt cache key",
    happens: "left out; requests with the same one go to the same channel all the same",
    named: None,
    change: |request| request.prompt_cache_key = None,
};

pub(super) const METADATA: Loss<Request> =
    Loss { thing: "Metadata", happens: "dropped", named: Some("metadata"), change: |request| request.metadata = None };

pub(super) const VERBOSITY: Loss<Request> = Loss {
    thing: "Verbosity",
    happens: "dropped",
    named: Some("verbosity"),
    change: |request| request.verbosity = None,
};

pub(super) const CACHE_MARKS: Loss<Request> =
    Loss { thing: "Cache marks", happens: "left out", named: None, change: no_cache };

pub(super) const FAILED_RESULTS: Loss<Request> = Loss {
    thing: "Failed tool results",
    happens: "the text begins with `Error: `",
    named: None,
    change: |request| each_part(request, failed_in_text),
};

pub(super) const TEXT_DOCUMENTS: Loss<Request> = Loss {
    thing: "Plain text documents",
    happens: "sent as text",
    named: None,
    change: |request| each_part(request, document_text),
};
