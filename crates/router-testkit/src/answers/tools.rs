//! Which tools a simulated model calls, and with what.

use super::schema::example;
use super::text::{last_user_text, role};
use serde_json::{Value, json};

/// At most this many calls in one answer.
const MAX_CALLS: usize = 4;

/// One tool call of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text for functions, free text for custom tools.
    pub(super) input: String,
    pub(super) custom: bool,
}

impl ToolCall {
    /// The call as it stands in a message.
    pub(super) fn whole(&self) -> Value {
        if self.custom {
            json!({"id": self.id, "type": "custom", "custom": {"name": self.name, "input": self.input}})
        } else {
            json!({"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.input}})
        }
    }

    /// The first delta of a stream: id and name, no input yet.
    pub(super) fn opening(&self, index: usize) -> Value {
        if self.custom {
            json!({"index": index, "id": self.id, "type": "custom", "custom": {"name": self.name, "input": ""}})
        } else {
            json!({"index": index, "id": self.id, "type": "function", "function": {"name": self.name, "arguments": ""}})
        }
    }

    /// A later delta: a piece of the input.
    pub(super) fn piece(&self, index: usize, piece: &str) -> Value {
        if self.custom {
            json!({"index": index, "custom": {"input": piece}})
        } else {
            json!({"index": index, "function": {"arguments": piece}})
        }
    }
}

/// The calls for a request; empty when text is the answer: no tools, `tool_choice: none`, or a tool result came last.
pub(super) fn calls(body: &Value, messages: &[Value], id: &str) -> Vec<ToolCall> {
    let tools = body.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let answered = messages.last().is_some_and(|message| matches!(role(message), "tool" | "function"));
    if tools.is_empty() || answered || body.get("tool_choice").and_then(Value::as_str) == Some("none") {
        return Vec::new();
    }
    chosen(body, tools, &last_user_text(messages))
        .into_iter()
        .take(MAX_CALLS)
        .enumerate()
        .map(|(number, tool)| call(tool, &format!("call_{id}_{number}")))
        .collect()
}

/// The forced tool; else those named in the text; else, with "parallel", all (one alone twice); else the first.
fn chosen<'t>(body: &Value, tools: &'t [Value], text: &str) -> Vec<&'t Value> {
    let forced =
        ["/tool_choice/function/name", "/tool_choice/custom/name"].iter().find_map(|path| body.pointer(path)?.as_str());
    if let Some(forced) = forced {
        return tools.iter().filter(|tool| name(tool) == forced).take(1).collect();
    }
    let parallel = body.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true);
    let named: Vec<&Value> = tools.iter().filter(|tool| !name(tool).is_empty() && text.contains(name(tool))).collect();
    let wanted = match (named.is_empty(), text.contains("parallel")) {
        (false, _) => named,
        (true, true) if tools.len() == 1 => tools.iter().chain(tools).collect(),
        (true, true) => tools.iter().collect(),
        (true, false) => tools.iter().take(1).collect(),
    };
    if parallel { wanted } else { wanted.into_iter().take(1).collect() }
}

fn call(tool: &Value, id: &str) -> ToolCall {
    let custom = tool.get("type").and_then(Value::as_str) == Some("custom");
    let input = if custom {
        format!("simulated input of {}", name(tool))
    } else {
        let schema = tool.pointer("/function/parameters").cloned().unwrap_or_else(|| json!({"type": "object"}));
        example(&schema).to_string()
    };
    ToolCall { id: id.to_owned(), name: name(tool).to_owned(), input, custom }
}

fn name(tool: &Value) -> &str {
    ["/function/name", "/custom/name"].iter().find_map(|path| tool.pointer(path)?.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, extra: Value) -> Vec<String> {
        let mut body = json!({"tools": [
            {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}},
            {"type": "custom", "custom": {"name": "patch"}},
        ]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let messages = [json!({"role": "user", "content": text})];
        calls(&body, &messages, "x").into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn the_choice_follows_the_rules() {
        let table = [
            ("hello", json!({}), vec!["weather"]),
            ("use patch", json!({}), vec!["patch"]),
            ("use patch and weather", json!({}), vec!["weather", "patch"]),
            ("in parallel please", json!({}), vec!["weather", "patch"]),
            ("in parallel please", json!({"parallel_tool_calls": false}), vec!["weather"]),
            ("hello", json!({"tool_choice": "none"}), vec![]),
            ("hello", json!({"tool_choice": {"type": "custom", "custom": {"name": "patch"}}}), vec!["patch"]),
        ];
        for (text, extra, expected) in table {
            assert_eq!(names(text, extra.clone()), expected, "{text} {extra}");
        }
    }
}
