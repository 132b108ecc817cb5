//! Vendors that speak OpenAI chat with habits of their own. A segment of the path names the vendor, as in
//! `http://127.0.0.1:PORT/groq/openai/v1`; without one it is OpenAI itself.

use super::{ChatAnswer, Choice};
use crate::answers::sign::sign;
use crate::answers::{Frame, FrameKind, tokens_of};
use serde_json::{Map, Value, json};

/// A vendor's way of speaking OpenAI chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// OpenAI itself: no thoughts, only their count.
    OpenAi,
    /// `groq`: usage in `x_groq` of the last chunk, thoughts as `reasoning`.
    Groq,
    /// `openrouter`: comments while waiting, `usage.cost` in the last chunk beside choices, `reasoning_details`.
    OpenRouter,
    /// `deepseek`: keep-alive lines, `reasoning_content`, cache hits and misses.
    DeepSeek,
    /// `siliconflow`: usage in every chunk, numeric codes, bare strings as errors.
    SiliconFlow,
    /// `azure`, or a path with `/deployments/`: the first chunk has filter results and no choices.
    Azure,
    /// `vllm`: errors at the top level with a number as code.
    Vllm,
    /// `newapi`: a reseller of the one-api family.
    NewApi,
    /// `ollama`: the compatible endpoint, which says `stop` where tools are called.
    Ollama,
}

impl Flavor {
    /// The flavor of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let named = path.split('/').find_map(|segment| match segment {
            "groq" => Some(Self::Groq),
            "openrouter" => Some(Self::OpenRouter),
            "deepseek" => Some(Self::DeepSeek),
            "siliconflow" => Some(Self::SiliconFlow),
            "azure" | "deployments" => Some(Self::Azure),
            "vllm" => Some(Self::Vllm),
            "newapi" => Some(Self::NewApi),
            "ollama" => Some(Self::Ollama),
            _ => None,
        });
        named.unwrap_or(Self::OpenAi)
    }

    /// The fields that carry a thought in a message or a delta.
    pub(super) fn thought(self, thought: &str, first: bool) -> Map<String, Value> {
        let fields = match self {
            Self::OpenAi | Self::Azure => json!({}),
            Self::Groq | Self::Ollama => json!({"reasoning": thought}),
            Self::OpenRouter => json!({
                "reasoning": thought,
                "reasoning_details": [{"type": "reasoning.text", "text": thought, "format": "anthropic-claude-v1", "index": 0}],
            }),
            Self::DeepSeek | Self::SiliconFlow | Self::Vllm | Self::NewApi => json!({"reasoning_content": thought}),
        };
        let mut fields = fields.as_object().cloned().unwrap_or_default();
        if first && self == Self::DeepSeek {
            fields.insert("content".to_owned(), Value::Null);
        }
        fields
    }

    /// What closes a thought: the signature that OpenRouter hands on from the model's maker.
    pub(super) fn signature(self, thought: &str) -> Option<Value> {
        let detail = json!({
            "type": "reasoning.text", "signature": sign("openrouter", thought), "format": "anthropic-claude-v1", "index": 0,
        });
        (self == Self::OpenRouter).then(|| json!({"reasoning_details": [detail]}))
    }

    /// The finish reason in the vendor's words.
    pub(super) fn finish(self, reason: &'static str) -> &'static str {
        if self == Self::Ollama && reason == "tool_calls" { "stop" } else { reason }
    }

    /// Adds the vendor's fields to a choice that is whole.
    pub(super) fn dress_choice(self, choice: &Choice, fields: &mut Value) {
        let Some(fields) = fields.as_object_mut() else { return };
        match self {
            Self::OpenRouter => {
                fields.insert("native_finish_reason".to_owned(), json!(choice.finish));
            }
            Self::Azure => {
                fields.insert("content_filter_results".to_owned(), safe());
            }
            Self::Vllm => {
                fields.insert("stop_reason".to_owned(), Value::Null);
            }
            _ => {}
        }
    }

    /// Adds the vendor's numbers to the usage.
    pub(super) fn dress_usage(self, usage: &mut Value) {
        let number = |usage: &Value, path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let (prompt, cached) = (number(usage, "/prompt_tokens"), number(usage, "/prompt_tokens_details/cached_tokens"));
        let output = number(usage, "/completion_tokens");
        let Some(fields) = usage.as_object_mut() else { return };
        match self {
            Self::Groq => {
                for (field, seconds) in
                    [("queue_time", 0.01), ("prompt_time", 0.002), ("completion_time", 0.1), ("total_time", 0.102)]
                {
                    fields.insert(field.to_owned(), json!(seconds));
                }
            }
            Self::OpenRouter => {
                // A millionth of a dollar for each token.
                fields.insert("cost".to_owned(), json!((prompt + output) as f64 / 1e6));
                fields.insert("is_byok".to_owned(), json!(false));
                fields.insert("cost_details".to_owned(), json!({"upstream_inference_cost": null}));
            }
            Self::DeepSeek => {
                fields.insert("prompt_cache_hit_tokens".to_owned(), json!(cached));
                fields.insert("prompt_cache_miss_tokens".to_owned(), json!(prompt - cached.min(prompt)));
            }
            _ => {}
        }
    }

    /// What is sent while the model is still waiting, before the JSON of a whole answer.
    pub(super) fn patience(self) -> &'static str {
        if self == Self::DeepSeek { "\n\n\n" } else { "" }
    }

    /// Adds the vendor's fields and frames to a stream.
    pub(super) fn dress_frames(self, answer: &ChatAnswer, frames: Vec<(FrameKind, Value)>) -> Vec<Frame> {
        let mut frames = frames;
        let usage = answer.usage.as_ref();
        match (self, usage) {
            (Self::Groq, usage) => {
                if let Some((_, first)) = frames.first_mut() {
                    put(first, "x_groq", json!({"id": "req_simulated"}));
                }
                for (_, last) in frames.iter_mut().rfind(|(kind, _)| *kind == FrameKind::Finish).into_iter() {
                    put(last, "x_groq", json!({"id": "req_simulated", "usage": usage}));
                }
            }
            (Self::OpenRouter, usage) => {
                frames.retain(|(kind, _)| *kind != FrameKind::Usage);
                for (_, frame) in &mut frames {
                    put(frame, "provider", json!("Simulated"));
                }
                if let (Some((_, last)), Some(usage)) = (frames.last_mut(), usage) {
                    put(last, "usage", usage.clone());
                }
            }
            (Self::SiliconFlow, Some(usage)) => {
                let mut sent = 0;
                for (kind, frame) in &mut frames {
                    sent += if *kind == FrameKind::Content { tokens_of(&frame.to_string()).min(1) } else { 0 };
                    let mut so_far = usage.clone();
                    if *kind == FrameKind::Content || *kind == FrameKind::Role {
                        put(&mut so_far, "completion_tokens", json!(sent));
                    }
                    put(frame, "usage", so_far);
                }
            }
            (Self::DeepSeek, Some(usage)) if !answer.stream_usage => {
                // DeepSeek puts usage into the last chunk, asked or not.
                if let Some((_, last)) = frames.last_mut() {
                    put(last, "usage", usage.clone());
                }
            }
            (Self::Azure, _) => {
                let filter = json!([{"prompt_index": 0, "content_filter_results": safe()}]);
                let mut opening = answer.envelope(&json!([]), &Value::Null);
                put(&mut opening, "prompt_filter_results", filter);
                frames.insert(0, (FrameKind::Role, opening));
                for (kind, frame) in &mut frames {
                    if *kind == FrameKind::Content
                        && let Some(choice) = frame.pointer_mut("/choices/0")
                    {
                        put(choice, "content_filter_results", safe());
                    }
                }
            }
            _ => {}
        }
        let comments = match self {
            Self::OpenRouter => vec![Frame::comment("OPENROUTER PROCESSING"); 3],
            Self::DeepSeek => vec![Frame::comment("keep-alive"); 2],
            _ => Vec::new(),
        };
        let frames = frames.into_iter().map(|(kind, data)| Frame::data(kind, data.to_string()));
        comments.into_iter().chain(frames).collect()
    }
}

fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn safe() -> Value {
    let safe = json!({"filtered": false, "severity": "safe"});
    json!({"hate": safe, "self_harm": safe, "sexual": safe, "violence": safe})
}
