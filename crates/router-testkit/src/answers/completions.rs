//! `POST /completions`, the legacy text endpoint: string, list or token prompts.

use super::text::{Stopped, choice_count, limited, pieces, stops, token_limit};
use super::usage::{Usage, tokens_of};
use super::{Call, Frame, FrameKind, Refusal, wants_usage};
use serde_json::{Value, json};

/// A composed answer.
pub(super) struct TextAnswer {
    id: String,
    model: String,
    created: u64,
    choices: Vec<(String, String)>,
    usage: Option<Value>,
    stream_usage: bool,
    pieces: Option<usize>,
}

/// Composes the answer to a completions request; each prompt of a list gets `n` choices.
pub(super) fn compose(call: &Call<'_>) -> Result<TextAnswer, Refusal> {
    let (body, voice, shape) = (call.body, call.voice, call.shape);
    let model = call.model()?;
    let prompts = prompts(body);
    let prompt = prompts.iter().map(|(_, tokens)| tokens).sum();
    let choices: Vec<(String, String)> = prompts
        .iter()
        .flat_map(|prompt| std::iter::repeat_n(prompt, choice_count(body)))
        .map(|(text, _)| {
            let text = shape.text.clone().unwrap_or_else(|| format!("{}{text}", voice.greeting));
            let (text, stopped) = limited(text, token_limit(body), &stops(body, "stop"));
            let finish = if stopped == Stopped::Length { "length" } else { "stop" };
            (text, shape.finish.clone().unwrap_or_else(|| finish.to_owned()))
        })
        .collect();
    let completion = choices.iter().map(|(text, _)| tokens_of(text)).sum();
    Ok(TextAnswer {
        id: format!("cmpl-{}", call.id()),
        model,
        created: voice.created,
        choices,
        usage: shape.usage.or(Usage { prompt, completion, ..Usage::default() }.to_json()),
        stream_usage: wants_usage(body),
        pieces: shape.pieces,
    })
}

/// The prompts with their token counts: a string, strings, tokens, or lists of tokens.
fn prompts(body: &Value) -> Vec<(String, u64)> {
    let text = |text: &str| (text.to_owned(), tokens_of(text));
    let tokens = |list: &[Value]| (format!("{} tokens", list.len()), list.len() as u64);
    match body.get("prompt") {
        Some(Value::String(prompt)) => vec![text(prompt)],
        Some(Value::Array(list)) if list.first().is_some_and(Value::is_number) => {
            vec![tokens(list)]
        }
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| match item {
                Value::Array(list) => tokens(list),
                other => text(other.as_str().unwrap_or_default()),
            })
            .collect(),
        _ => vec![text("")],
    }
}

impl TextAnswer {
    /// The `text_completion` object.
    pub(super) fn whole(&self) -> Value {
        let choices: Vec<Value> =
            self.choices.iter().enumerate().map(|(index, (text, finish))| choice(index, text, Some(finish))).collect();
        self.envelope(&json!(choices), self.usage.as_ref())
    }

    /// The stream chunks: text, finish, and usage if it was asked for.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let asked = self.usage.as_ref().filter(|_| self.stream_usage);
        let empty = asked.map(|_| &Value::Null);
        let mut frames = Vec::new();
        for (index, (text, finish)) in self.choices.iter().enumerate() {
            for piece in pieces(text, self.pieces) {
                let data = self.envelope(&json!([choice(index, &piece, None)]), empty).to_string();
                frames.push(Frame::data(FrameKind::Content, data));
            }
            let data = self.envelope(&json!([choice(index, "", Some(finish))]), empty).to_string();
            frames.push(Frame::data(FrameKind::Finish, data));
        }
        if asked.is_some() {
            frames.push(Frame::data(FrameKind::Usage, self.envelope(&json!([]), asked).to_string()));
        }
        frames
    }

    fn envelope(&self, choices: &Value, usage: Option<&Value>) -> Value {
        let mut answer = json!({
            "id": self.id, "object": "text_completion", "created": self.created, "model": self.model,
            "system_fingerprint": "fp_simulated", "choices": choices,
        });
        if let (Some(usage), Some(fields)) = (usage, answer.as_object_mut()) {
            fields.insert("usage".to_owned(), usage.clone());
        }
        answer
    }
}

fn choice(index: usize, text: &str, finish: Option<&str>) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish})
}
