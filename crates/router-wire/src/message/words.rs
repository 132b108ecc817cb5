//! The words of a request: what a tokenizer counts.

use super::part::{Content, Part};
use super::request::{Format, Request};

/// Texts that a model reads, and how many messages they stand in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Each text, in no particular order.
    pub texts: Vec<String>,
    /// Messages, of which each has markers around it; each result of a tool is one.
    pub messages: u64,
    /// Names of speakers among the texts, of which each has a marker.
    pub speakers: u64,
}

impl Request {
    /// The words, with names, descriptions and schemas of tools as JSON. `None` where words are not all that the model reads:
    /// media, reasoning (which some providers drop), and what no other dialect has, such as stored conversations.
    #[must_use]
    pub fn words(&self) -> Option<Words> {
        if !self.unsupported.is_empty() {
            return None;
        }
        let mut words = Words::default();
        words.message(&self.system)?;
        for turn in &self.turns {
            words.message(&turn.parts)?;
        }
        words.speakers = self.speakers.len() as u64;
        words.texts.extend(self.speakers.iter().cloned());
        for tool in &self.tools {
            words.texts.push(tool.name.clone());
            words.texts.extend(tool.description.clone());
            let forms = [&tool.parameters, &tool.custom];
            words.texts.extend(forms.into_iter().flatten().map(ToString::to_string));
        }
        if let Format::Schema { schema, .. } = &self.format {
            words.texts.push(schema.to_string());
        }
        Some(words)
    }
}

impl Words {
    fn message(&mut self, parts: &[Part]) -> Option<()> {
        let results = parts.iter().filter(|part| matches!(part.content, Content::ToolResult(_))).count();
        self.messages += results as u64 + u64::from(results < parts.len());
        self.parts(parts)
    }

    fn parts(&mut self, parts: &[Part]) -> Option<()> {
        for part in parts {
            match &part.content {
                Content::Text { text, .. } | Content::Refusal(text) => self.texts.push(text.clone()),
                Content::ToolCall(call) => self.texts.extend([call.name.clone(), call.arguments.clone()]),
                // One level: a result holds no results.
                Content::ToolResult(result) => self.parts(&result.parts)?,
                Content::Image(_) | Content::Audio(_) | Content::File(_) | Content::Reasoning(_) => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialects::clients;

    fn words(dialect: &str, body: &serde_json::Value) -> Option<Words> {
        let codec = clients().find(|codec| codec.name == dialect).expect("a codec");
        (codec.read_request)(body.to_string().as_bytes()).expect("a request").words()
    }

    #[test]
    fn texts_calls_results_and_tools_are_words() {
        let found = words(
            "anthropic",
            &json!({"model": "m", "max_tokens": 9, "system": "Be kind", "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {"at": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "seen"}, {"type": "text", "text": "So?"}]}],
                "tools": [{"name": "look", "description": "Looks", "input_schema": {"type": "object"}}]}),
        )
        .expect("words");
        assert_eq!(found.messages, 5);
        let texts = ["Be kind", "Hi", "look", r#"{"at":1}"#, "seen", "So?", "look", "Looks", r#"{"type":"object"}"#];
        assert_eq!(found.texts, texts);
    }

    #[test]
    fn who_speaks_is_a_word() {
        let says = |role: &str, name: &str| json!({"role": role, "name": name, "content": "Hi"});
        let result = json!({"role": "function", "name": "look", "content": "seen"});
        let messages = [says("system", "host"), says("user", "anna"), says("assistant", "bert"), result];
        let found = words("openai_chat", &json!({"model": "m", "messages": messages})).expect("words");
        assert_eq!((found.messages, found.speakers), (4, 3));
        assert_eq!(found.texts, ["Hi", "Hi", "Hi", "seen", "host", "anna", "bert"]);
    }

    #[test]
    fn a_picture_is_no_word() {
        let picture = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [picture]}]});
        assert_eq!(words("openai_chat", &body), None);
    }
}
