//! Items of an answer while it is written, and their form.

use serde_json::{Value, json};

use super::{reasoning, word};
use crate::message::{Media, MediaSource};

/// An item of the output.
#[derive(Debug)]
pub(super) struct Item {
    /// `msg_…`, `rs_…`, `fc_…`, `ctc_…`, `ig_…`.
    pub(super) id: String,
    pub(super) kind: Kind,
    /// Nothing more is added to it.
    pub(super) done: bool,
    pub(super) status: &'static str,
    /// What of its text has to be told when it is closed.
    pub(super) late: Option<String>,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Texts and refusals.
    Message(Vec<TextPart>),
    /// Reasoning, as one piece of summary, and its proof.
    Reasoning { text: String, encrypted: Option<String> },
    /// A call of a function or custom tool.
    Call {
        /// The call's ordinal in the neutral stream.
        index: usize,
        call_id: String,
        name: String,
        namespace: Option<String>,
        arguments: String,
        custom: bool,
        /// The arguments are JSON around the free text of a custom tool.
        wrapped: bool,
    },
    /// Base64 of an image that the model made.
    Image(String),
}

/// A part of a message.
#[derive(Debug, Default)]
pub(super) struct TextPart {
    pub(super) refusal: bool,
    pub(super) text: String,
    pub(super) annotations: Vec<Value>,
}

impl Kind {
    /// An image as the result of a hosted call, the only form in which this dialect shows one.
    pub(super) fn image(media: &Media) -> Self {
        Self::Image(match &media.source {
            MediaSource::Base64(data) | MediaSource::Text(data) => data.clone(),
            MediaSource::Url(url) | MediaSource::Stored(url) => url.clone(),
        })
    }

    const fn prefix(&self) -> &'static str {
        match self {
            Self::Message(_) => "msg",
            Self::Reasoning { .. } => "rs",
            Self::Call { custom: false, .. } => "fc",
            Self::Call { custom: true, .. } => "ctc",
            Self::Image(_) => "ig",
        }
    }
}

impl Item {
    pub(super) fn new(kind: Kind, word: &str, at: usize) -> Self {
        let id = format!("{}_{word}_{at}", kind.prefix());
        Self { id, kind, done: false, status: "in_progress", late: None }
    }

    /// Nothing more comes: free text is unwrapped, arguments that never came are an empty object.
    pub(super) fn finish(&mut self, status: &'static str) {
        self.done = true;
        self.status = status;
        let Kind::Call { arguments, custom, wrapped, .. } = &mut self.kind else { return };
        if *wrapped {
            let inside = serde_json::from_str(arguments).ok().and_then(|value: Value| match value.get("input")? {
                Value::String(text) => Some(text.clone()),
                _ => None,
            });
            *arguments = inside.unwrap_or_else(|| std::mem::take(arguments));
        } else if arguments.is_empty() && !*custom {
            "{}".clone_into(arguments);
            self.late = Some(arguments.clone());
        }
    }

    /// The item as JSON.
    pub(super) fn value(&self, status: &str) -> Value {
        let id = self.id.as_str();
        match &self.kind {
            Kind::Message(parts) => {
                let content: Vec<Value> = parts.iter().map(TextPart::value).collect();
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Kind::Reasoning { text, encrypted } => reasoning::item(Some(id), text, encrypted.as_deref()),
            Kind::Call { call_id, name, namespace, arguments, custom, .. } => {
                let mut call = match custom {
                    true => {
                        json!({"id": id, "type": "custom_tool_call", "status": status, "call_id": call_id, "name": name, "input": arguments})
                    }
                    false => {
                        json!({"id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name, "arguments": arguments})
                    }
                };
                if let (Some(object), Some(namespace)) = (call.as_object_mut(), namespace) {
                    object.insert("namespace".into(), namespace.as_str().into());
                }
                call
            }
            Kind::Image(data) => json!({"id": id, "type": "image_generation_call", "status": status, "result": data}),
        }
    }
}

impl TextPart {
    pub(super) fn value(&self) -> Value {
        match self.refusal {
            true => json!({"type": "refusal", "refusal": self.text}),
            false => {
                json!({"type": "output_text", "text": self.text, "annotations": self.annotations, "logprobs": []})
            }
        }
    }

    /// A citation as an annotation of this text; `None` if it leads nowhere.
    pub(super) fn annotate(&self, citation: &Value) -> Option<Value> {
        let citation = citation.get("url_citation").unwrap_or(citation);
        let url = word(citation, "url")?;
        let end = self.text.chars().count();
        let index = |name: &str, default: usize| citation.get(name).and_then(Value::as_u64).unwrap_or(default as u64);
        Some(json!({
            "type": "url_citation",
            "url": url,
            "title": word(citation, "title").unwrap_or_default(),
            "start_index": index("start_index", 0),
            "end_index": index("end_index", end),
        }))
    }
}
