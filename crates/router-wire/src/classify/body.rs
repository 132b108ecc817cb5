//! What an error body says, whatever its shape.
//!
//! Shapes seen: OpenAI's `{"error":{"message","type","param","code"}}` (codes as numbers too); `{"error":"text"}`;
//! vLLM's `{"object":"error","message",…}`; FastAPI's `{"detail":…}` as text or list; `{"message"}`, `{"msg"}`, `{"err"}`,
//! `{"error_msg"}`, `{"errors":[…]}`, `{"header":{"message"}}`, `{"response":{"error":…}}` of gateways; Google's
//! `[{"error":…}]`; `x_groq.error` and `choices[0].error` in streams; a bare JSON string; text; a web page.

use serde_json::{Map, Value};

/// Bytes of a body that are read: what says more than this says nothing.
const READ: usize = 256 * 1024;

/// The parts of an error body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorBody {
    /// The provider's message; of a page or plain text its beginning.
    pub message: String,
    /// `type` (or Google's `status`).
    pub kind: Option<String>,
    /// `code` as text.
    pub code: Option<String>,
    /// `param`.
    pub param: Option<String>,
    /// Whether it was JSON at all.
    pub json: bool,
    /// The error object itself, for hints such as `metadata`.
    pub object: Map<String, Value>,
}

impl ErrorBody {
    /// Reads a body of any shape; never fails.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let body = body.get(..READ.min(body.len())).unwrap_or_default();
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => {
                let mut error = Self { json: true, ..Self::default() };
                error.value(value, 0);
                error
            }
            Err(_) => Self { message: text(body), ..Self::default() },
        }
    }

    /// A code that is an HTTP status.
    #[must_use]
    pub fn status_in_code(&self) -> Option<u16> {
        self.code.as_deref()?.parse().ok().filter(|status| (400..600).contains(status))
    }

    /// The finest code there is: Anthropic's `details.error_code`, the `reason` of Google's `ErrorInfo`.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let details = self.object.get("details")?;
        let inner = || details.as_array().into_iter().flatten().find_map(|detail| detail.get("reason")?.as_str());
        details.get("error_code").and_then(Value::as_str).or_else(inner)
    }

    fn value(&mut self, value: Value, depth: usize) {
        match value {
            Value::String(text) => self.message = text,
            Value::Array(list) => {
                if let Some(first) = list.into_iter().next().filter(|_| depth < 4) {
                    self.value(first, depth + 1);
                }
            }
            Value::Object(object) => self.object(object, depth),
            _ => {}
        }
    }

    fn object(&mut self, mut object: Map<String, Value>, depth: usize) {
        if depth < 4 {
            for key in ["error", "errors", "response", "header", "x_groq", "choices"] {
                let found = object.get(key).is_some_and(|inner| match inner {
                    Value::String(text) => key == "error" && !text.is_empty(),
                    Value::Array(list) => {
                        list.first().is_some_and(|first| key != "choices" || first.get("error").is_some())
                    }
                    Value::Object(inner) => key != "x_groq" || inner.contains_key("error"),
                    _ => false,
                });
                if found && let Some(inner) = object.shift_remove(key) {
                    self.value(inner, depth + 1);
                    // What stands beside the inner object counts where that is silent.
                    return self.complete(&object);
                }
            }
        }
        self.complete(&object);
        self.object = object;
    }

    fn complete(&mut self, object: &Map<String, Value>) {
        let mut messages = ["message", "msg", "err", "error_msg", "detail", "error_description"].into_iter();
        if self.message.is_empty() {
            self.message = messages.find_map(|key| message(object.get(key)?)).unwrap_or_default();
        }
        let word = |key: &str| match object.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let take = |slot: &mut Option<String>, keys: &[&str]| {
            if slot.is_none() {
                *slot = keys.iter().find_map(|key| word(key));
            }
        };
        take(&mut self.kind, &["type", "status", "error_type"]);
        take(&mut self.code, &["code", "error_code"]);
        take(&mut self.param, &["param"]);
    }
}

/// The text of a message: a string, or the first entry of FastAPI's list with its place.
fn message(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(list) => {
            let first = list.first()?;
            let text = first.get("msg").or_else(|| first.get("message")).and_then(Value::as_str).or(first.as_str())?;
            let place: Vec<String> = first.get("loc").and_then(Value::as_array).map_or_else(Vec::new, |loc| {
                loc.iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect()
            });
            Some(if place.is_empty() { text.to_owned() } else { format!("{}: {text}", place.join(".")) })
        }
        Value::Object(inner) => {
            inner.get("message").or_else(|| inner.get("msg")).and_then(Value::as_str).map(str::to_owned)
        }
        _ => None,
    }
}

/// Text that is no JSON; of a page only its title.
fn text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(8 * 1024)).unwrap_or_default()).into_owned();
    if !text.starts_with('<') {
        return text;
    }
    let title = text.split_once("<title>").and_then(|(_, after)| after.split_once("</title>"));
    format!("a web page: {}", title.map_or("no title", |(title, _)| title.trim()))
}
