//! Usage on its way through a stream, and as clients read it.

use router_core::usage::Usage;
use serde_json::{Map, Value, json};

use crate::usage::from_anthropic;

/// Counts as they arrive: `message_start` and every `message_delta` say some of them, the last word on each counts, and a
/// null says nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Map<String, Value>);

impl Tally {
    /// Takes a `usage` object.
    pub(super) fn take(&mut self, usage: &Map<String, Value>) {
        for (key, value) in usage.iter().filter(|(_, value)| !value.is_null()) {
            self.0.insert(key.clone(), value.clone());
        }
    }

    /// The sum; `None` if nothing was counted.
    pub(super) fn usage(&self) -> Option<Usage> {
        from_anthropic(&Value::Object(self.0.clone()))
    }
}

/// Writes a `usage` object.
pub(super) fn write(usage: &Usage) -> Value {
    let Usage { input, cached_input, cache_write, cache_write_1h, output, reasoning, .. } = *usage;
    let mut written = json!({
        "input_tokens": input.saturating_sub(cached_input).saturating_sub(cache_write).saturating_sub(cache_write_1h),
        "cache_creation_input_tokens": cache_write.saturating_add(cache_write_1h),
        "cache_read_input_tokens": cached_input,
    });
    if let Some(object) = written.as_object_mut() {
        if cache_write + cache_write_1h > 0 {
            let split =
                json!({ "ephemeral_5m_input_tokens": cache_write, "ephemeral_1h_input_tokens": cache_write_1h });
            object.insert("cache_creation".into(), split);
        }
        object.insert("output_tokens".into(), output.into());
        if reasoning > 0 {
            object.insert("output_tokens_details".into(), json!({ "thinking_tokens": reasoning }));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_null_says_nothing() {
        let mut tally = Tally::default();
        for usage in [
            json!({"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":1}),
            json!({"output_tokens":7,"input_tokens":null}),
            json!({"output_tokens":9,"cache_creation_input_tokens":50}),
        ] {
            tally.take(usage.as_object().unwrap());
        }
        let usage = tally.usage().unwrap();
        assert_eq!((usage.input, usage.cached_input, usage.cache_write, usage.output), (1060, 1000, 50, 9));
    }

    #[test]
    fn usage_comes_back_as_it_was_and_is_never_negative() {
        let usage =
            Usage { input: 1110, cached_input: 1000, cache_write_1h: 10, output: 9, reasoning: 4, ..Usage::default() };
        let written = write(&usage);
        assert_eq!(written["input_tokens"], 100);
        assert_eq!(from_anthropic(&written), Some(usage));
        assert_eq!(write(&Usage { input: 10, cached_input: 40, ..Usage::default() })["input_tokens"], 0);
    }
}
