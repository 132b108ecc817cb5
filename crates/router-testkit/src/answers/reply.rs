//! What a simulated model answers: a thought, a text or tool calls, and why it stopped.

use super::prompt::{Format, Prompt, Tool, ToolChoice};
use super::text::{Stopped, limited};
use super::usage::tokens_of;
use super::{Shape, Voice, example};
use serde_json::{Value, json};

/// At most this many calls in one answer.
const MAX_CALLS: usize = 4;

/// An answer in neutral words.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// What the model thought, where it was asked to think.
    pub(super) thought: Option<String>,
    /// Empty where tools are called.
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) stop: Stop,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    Length,
    Calls,
    /// One of the stop sequences came.
    Sequence(String),
}

/// One tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    /// The request's word and the number of the call; each dialect puts its own prefix before it.
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text for functions, free text for custom tools.
    pub(super) input: String,
    pub(super) custom: bool,
}

impl ToolCall {
    /// The arguments as JSON; free text wrapped.
    pub(super) fn arguments(&self) -> Value {
        serde_json::from_str(&self.input).unwrap_or_else(|_| json!({"input": self.input}))
    }
}

impl Reply {
    /// The answer with this number (from 0) to a prompt.
    pub(super) fn to(prompt: &Prompt, number: usize, voice: &Voice, shape: &Shape) -> Self {
        let thought = prompt.thinks.then(|| thought(prompt));
        let mut calls = if shape.text.is_some() { Vec::new() } else { calls(prompt) };
        if shape.cut_arguments {
            for call in &mut calls {
                call.input = call.input.chars().take(call.input.chars().count() / 2).collect();
            }
        }
        if !calls.is_empty() {
            return Self { thought, text: String::new(), calls, stop: Stop::Calls };
        }
        let text = shape.text.clone().unwrap_or_else(|| text(prompt, number, voice));
        let (text, stopped) = limited(text, prompt.limit, &prompt.stops);
        let stop = match stopped {
            Stopped::No => Stop::End,
            Stopped::Length => Stop::Length,
            Stopped::At(sequence) => Stop::Sequence(sequence),
        };
        Self { thought, text, calls, stop }
    }

    /// Tokens of everything that the model produced, the thought included.
    pub(super) fn tokens(&self) -> u64 {
        let calls: u64 = self.calls.iter().map(|call| tokens_of(&call.name) + tokens_of(&call.input)).sum();
        tokens_of(&self.text) + calls + self.thought_tokens()
    }

    /// Tokens of the thought alone.
    pub(super) fn thought_tokens(&self) -> u64 {
        self.thought.as_deref().map_or(0, tokens_of)
    }
}

fn thought(prompt: &Prompt) -> String {
    let about: String = said(prompt).chars().take(60).collect();
    format!("Simulated thought about: {about}")
}

fn said(prompt: &Prompt) -> String {
    if prompt.results.is_empty() {
        prompt.said.clone()
    } else {
        format!("the tool said: {}", prompt.results.join(", "))
    }
}

/// The text of an answer: a document where JSON is asked for, else the greeting and the echo.
fn text(prompt: &Prompt, number: usize, voice: &Voice) -> String {
    let said = said(prompt);
    match &prompt.format {
        Format::Schema(schema) => example(schema).to_string(),
        Format::Json => json!({"simulated": true, "answer": said}).to_string(),
        Format::Text if number == 0 => format!("{}{said}", voice.greeting),
        Format::Text => format!("{}{said} (choice {number})", voice.greeting),
    }
}

/// The calls for a prompt; empty when text is the answer: no tools, none allowed, or tools have answered.
fn calls(prompt: &Prompt) -> Vec<ToolCall> {
    if prompt.tools.is_empty() || !prompt.results.is_empty() || prompt.choice == ToolChoice::None {
        return Vec::new();
    }
    chosen(prompt)
        .into_iter()
        .take(MAX_CALLS)
        .enumerate()
        .map(|(number, tool)| {
            let input = dictated(&prompt.said, &tool.name).unwrap_or_else(|| invented(tool));
            ToolCall {
                id: format!("{}_{number}", prompt.id),
                name: tool.name.clone(),
                input,
                custom: tool.schema.is_none(),
            }
        })
        .collect()
}

/// The forced tools; else those whose call the text dictates; else those named in it; else, with "parallel", all (one alone
/// twice); else the first.
fn chosen(prompt: &Prompt) -> Vec<&Tool> {
    let tools = &prompt.tools;
    if let ToolChoice::Must(names) = &prompt.choice
        && !names.is_empty()
    {
        return tools.iter().filter(|tool| names.contains(&tool.name)).take(1).collect();
    }
    let text = prompt.said.as_str();
    let dictated: Vec<&Tool> = tools.iter().filter(|tool| dictated(text, &tool.name).is_some()).collect();
    let named: Vec<&Tool> =
        tools.iter().filter(|tool| !tool.name.is_empty() && text.contains(tool.name.as_str())).collect();
    let wanted = match (dictated.is_empty(), named.is_empty(), text.contains("parallel")) {
        (false, _, _) => dictated,
        (true, false, _) => named,
        (true, true, true) if tools.len() == 1 => tools.iter().chain(tools).collect(),
        (true, true, true) => tools.iter().collect(),
        (true, true, false) => tools.iter().take(1).collect(),
    };
    if prompt.parallel { wanted } else { wanted.into_iter().take(1).collect() }
}

/// The arguments that a text dictates: `call NAME with {"a": 1}`.
fn dictated(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("call {name} with "))?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    values.next()?.ok().filter(Value::is_object).map(|arguments| arguments.to_string())
}

fn invented(tool: &Tool) -> String {
    match &tool.schema {
        None => format!("simulated input of {}", tool.name),
        Some(Value::Object(schema)) if !schema.is_empty() => example(&json!(schema)).to_string(),
        Some(_) => "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str) -> Prompt {
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let tool = |name: &str, schema| Tool { name: name.to_owned(), schema };
        let tools = vec![tool("weather", Some(schema)), tool("patch", None)];
        Prompt { said: text.to_owned(), tools, id: "x".to_owned(), ..Prompt::default() }
    }

    fn names(prompt: &Prompt) -> Vec<String> {
        calls(prompt).into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn the_choice_follows_the_rules() {
        let must = |name: &str| Prompt { choice: ToolChoice::Must(vec![name.to_owned()]), ..prompt("hello") };
        let table = [
            (prompt("hello"), vec!["weather"]),
            (prompt("use patch"), vec!["patch"]),
            (prompt("use patch and weather"), vec!["weather", "patch"]),
            (prompt("in parallel please"), vec!["weather", "patch"]),
            (Prompt { parallel: false, ..prompt("in parallel please") }, vec!["weather"]),
            (Prompt { choice: ToolChoice::None, ..prompt("hello") }, vec![]),
            (Prompt { results: vec!["sunny".to_owned()], ..prompt("hello") }, vec![]),
            (must("patch"), vec!["patch"]),
        ];
        for (prompt, expected) in table {
            assert_eq!(names(&prompt), expected, "{prompt:?}");
        }
    }

    #[test]
    fn a_text_may_dictate_a_call() {
        let dictated = calls(&prompt(r#"patch it, but call weather with {"city": "Paris"} first"#));
        assert_eq!(dictated.len(), 1);
        assert_eq!((dictated[0].name.as_str(), &dictated[0].arguments()), ("weather", &json!({"city": "Paris"})));
    }

    #[test]
    fn a_thought_counts_as_output() {
        let thinking = Prompt { thinks: true, tools: Vec::new(), ..prompt("hi") };
        let reply = Reply::to(&thinking, 0, &Voice::default(), &Shape::default());
        assert_eq!(reply.thought.as_deref(), Some("Simulated thought about: hi"));
        assert_eq!(reply.tokens(), tokens_of(&reply.text) + reply.thought_tokens());
    }
}
