//! One data event of an OpenAI-shaped stream: does it carry content, an end, a usage, an error?

use router_core::usage::{ServiceTier, Usage};

use crate::scan::{elements, members, string_inside, unescape};
use crate::tokens::TextCount;
use crate::usage;

/// What one event holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Text, reasoning, a tool call, a refusal, audio or an image: something that the client sees as an answer.
    pub(crate) content: bool,
    /// Characters of that.
    pub(crate) text: TextCount,
    /// Bit per index of the choices that occur.
    pub(crate) seen: u128,
    /// Bit per index of the choices that end here.
    pub(crate) finished: u128,
    /// An end that makes an answer without content legitimate: `length`, `content_filter`.
    pub(crate) ends_without_content: bool,
    /// Usage, wherever it stands.
    pub(crate) usage: Option<Usage>,
    /// A usage object was there, sane or not.
    pub(crate) has_usage: bool,
    /// There is at least one choice.
    pub(crate) has_choices: bool,
    /// Content filter results of the prompt or other matter beside usage.
    pub(crate) has_more: bool,
    /// The event is an error.
    pub(crate) error: bool,
    /// The model that the provider names.
    pub(crate) model: Option<String>,
    /// The service tier that it names.
    pub(crate) service: Option<ServiceTier>,
}

impl Chunk {
    /// Reads an event's data; `None` if it is not a JSON object.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let mut chunk = Self::default();
        let whole = members(data, |key, value| {
            match key {
                b"choices" => {
                    elements(value, |choice| chunk.choice(choice));
                }
                b"usage" => chunk.usage(value),
                b"x_groq" => {
                    members(value, |key, value| {
                        match key {
                            b"usage" => chunk.usage(value),
                            b"error" => chunk.error |= is_something(value),
                            _ => {}
                        }
                        true
                    });
                }
                b"error" => chunk.error |= is_something(value),
                b"object" => chunk.error |= value == b"\"error\"",
                b"type" => chunk.error |= value == b"\"error\"",
                b"model" => chunk.model = string_inside(value).map(|name| unescape(name).into_owned()),
                b"service_tier" => {
                    chunk.service = string_inside(value).map(|name| ServiceTier::named(&unescape(name)));
                }
                b"prompt_filter_results" => chunk.has_more = true,
                _ => {}
            }
            true
        });
        whole.then_some(chunk)
    }

    /// An event that has usage and nothing else that a client could miss.
    pub(crate) const fn is_usage_only(&self) -> bool {
        self.has_usage && !self.has_choices && !self.has_more && !self.error
    }

    fn usage(&mut self, value: &[u8]) {
        if value.starts_with(b"{") {
            self.has_usage = true;
            self.usage = usage::from_openai(value).or(self.usage);
        }
    }

    fn choice(&mut self, choice: &[u8]) {
        self.has_choices = true;
        let (mut index, mut ended) = (0_u32, false);
        members(choice, |key, value| {
            match key {
                b"index" => index = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0),
                b"delta" | b"message" => self.delta(value),
                b"text" => self.string(value),
                b"finish_reason" => ended = self.finish(value),
                b"usage" => self.usage(value),
                b"error" => self.error |= is_something(value),
                _ => {}
            }
            true
        });
        // Indexes beyond the largest legal `n` share the last bit.
        let bit = 1_u128 << index.min(127);
        self.seen |= bit;
        if ended {
            self.finished |= bit;
        }
    }

    fn finish(&mut self, reason: &[u8]) -> bool {
        let Some(reason) = string_inside(reason).filter(|reason| !reason.is_empty()) else { return false };
        match reason {
            b"length" | b"content_filter" => self.ends_without_content = true,
            // OpenRouter's and DeepSeek's ways to say that the provider failed.
            b"error" | b"insufficient_system_resource" => self.error = true,
            _ => {}
        }
        true
    }

    fn delta(&mut self, delta: &[u8]) {
        let mut reasoning = false;
        members(delta, |key, value| {
            match key {
                b"content" if value.starts_with(b"[") => self.list(value),
                b"content" | b"refusal" => self.string(value),
                // Some providers send the same text under both names.
                b"reasoning_content" | b"reasoning" if !reasoning => {
                    let before = self.text;
                    self.string(value);
                    reasoning = self.text != before;
                }
                b"tool_calls" => {
                    elements(value, |call| {
                        members(call, |key, value| {
                            if matches!(key, b"function" | b"custom") {
                                self.call(value);
                            }
                            true
                        });
                    });
                }
                b"function_call" => self.call(value),
                b"audio" => self.content |= value.starts_with(b"{"),
                b"images" | b"reasoning_details" => self.content |= is_filled(value),
                _ => {}
            }
            true
        });
    }

    /// A tool call, or a piece of one.
    fn call(&mut self, function: &[u8]) {
        members(function, |key, value| {
            match key {
                b"arguments" if value.starts_with(b"{") => self.list(value),
                b"name" | b"arguments" | b"input" => self.string(value),
                _ => {}
            }
            true
        });
    }

    fn string(&mut self, value: &[u8]) {
        if let Some(inside) = string_inside(value).filter(|inside| !inside.is_empty()) {
            self.content = true;
            self.text.add_json(inside);
        }
    }

    /// Content in parts, or arguments as an object: counted as the text that it is.
    fn list(&mut self, value: &[u8]) {
        if is_filled(value) {
            self.content = true;
            self.text.add(value);
        }
    }
}

/// An error member that means something: not null, false, empty.
pub(crate) fn is_something(value: &[u8]) -> bool {
    !matches!(value, b"null" | b"false" | b"\"\"" | b"{}" | b"[]" | b"0")
}

/// An array or object with anything in it.
pub(crate) fn is_filled(value: &[u8]) -> bool {
    let inside = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
    matches!(value.first(), Some(b'[' | b'{')) && !inside.trim_ascii().is_empty()
}
