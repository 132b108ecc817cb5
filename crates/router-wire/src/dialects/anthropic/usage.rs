//! Usage in Anthropic's words: `input_tokens` excludes what was read from or written to the cache; ours includes it.

use router_core::usage::{ABSURD, Usage};
use serde_json::{Map, Value, json};

/// Counts as they arrive: `message_start` and every `message_delta` say some of them, the last word on each counts, and a
/// null says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    input: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    written_5m: Option<u64>,
    written_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
    /// Input and output of steps that the top level leaves out.
    beside: Option<(u64, u64)>,
}

impl Tally {
    /// Takes a `usage` object.
    pub(crate) fn take(&mut self, usage: &Map<String, Value>) {
        let put = |slot: &mut Option<u64>, value: Option<&Value>| *slot = value.and_then(count).or(*slot);
        put(&mut self.input, usage.get("input_tokens"));
        put(&mut self.read, usage.get("cache_read_input_tokens"));
        put(&mut self.written, usage.get("cache_creation_input_tokens"));
        if let Some(split) = usage.get("cache_creation") {
            put(&mut self.written_5m, split.get("ephemeral_5m_input_tokens"));
            put(&mut self.written_1h, split.get("ephemeral_1h_input_tokens"));
        }
        put(&mut self.output, usage.get("output_tokens"));
        put(&mut self.thinking, usage.get("output_tokens_details").and_then(|details| details.get("thinking_tokens")));
        if let Some(steps) = usage.get("iterations").and_then(Value::as_array) {
            self.beside = Some(beside(steps));
        }
    }

    /// The sum; `None` if nothing was counted.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let Self { input, read, written, written_5m, written_1h, output, thinking, beside } = *self;
        let (more_input, more_output) = beside.unwrap_or_default();
        let (read, hour) = (read.unwrap_or(0), written_1h.unwrap_or(0));
        // What the split does not explain was written for five minutes, the default.
        let minutes = written_5m.unwrap_or(0).max(written.unwrap_or(0).saturating_sub(hour));
        let usage = Usage {
            input: input.unwrap_or(0) + read + minutes + hour + more_input,
            cached_input: read,
            cache_write: minutes,
            cache_write_1h: hour,
            output: output.unwrap_or(0) + more_output,
            reasoning: thinking.unwrap_or(0).min(output.unwrap_or(0)),
            ..Usage::default()
        };
        (!usage.is_zero()).then_some(usage)
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= ABSURD)
}

/// Compaction and advisor steps are not in the top level; a fallback's step already is.
fn beside(steps: &[Value]) -> (u64, u64) {
    let extra =
        |step: &&Value| matches!(step.get("type").and_then(Value::as_str), Some("compaction" | "advisor_message"));
    steps.iter().filter(extra).fold((0, 0), |(input, output), step| {
        let number = |key: &str| step.get(key).and_then(count).unwrap_or(0);
        let all = number("input_tokens") + number("cache_read_input_tokens") + number("cache_creation_input_tokens");
        (input + all, output + number("output_tokens"))
    })
}

/// Reads the `usage` of a whole answer.
pub(crate) fn read(usage: Option<&Value>) -> Option<Usage> {
    let mut tally = Tally::default();
    tally.take(usage?.as_object()?);
    tally.usage()
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

    fn tally(objects: &[Value]) -> Option<Usage> {
        let mut tally = Tally::default();
        for object in objects {
            tally.take(object.as_object().unwrap());
        }
        tally.usage()
    }

    #[test]
    fn the_last_word_counts_and_null_says_nothing() {
        let start = json!({"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":1});
        let usage =
            tally(&[start, json!({"output_tokens":7,"input_tokens":null}), json!({"output_tokens":9})]).unwrap();
        assert_eq!((usage.input, usage.cached_input, usage.cache_write, usage.output), (1110, 1000, 100, 9));
        assert_eq!(tally(&[json!({"input_tokens":0}), json!({"input_tokens":5})]).unwrap().input, 5);
        assert_eq!(tally(&[json!({"input_tokens":-1,"output_tokens":"x"})]), None);
    }

    #[test]
    fn lifetimes_of_the_cache_are_apart_and_steps_beside_the_top_level_are_added() {
        let usage = tally(&[json!({"input_tokens":1,"cache_creation_input_tokens":30,
            "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":4})]);
        let usage = usage.unwrap();
        assert_eq!((usage.input, usage.cache_write, usage.cache_write_1h), (31, 10, 20));
        let steps = json!({"input_tokens":1,"output_tokens":2,"iterations":[
            {"type":"message","input_tokens":1,"output_tokens":2},
            {"type":"compaction","input_tokens":100,"output_tokens":10},
            {"type":"fallback_message","input_tokens":1,"output_tokens":2},
            {"type":"advisor_message","input_tokens":5,"cache_read_input_tokens":2,"output_tokens":3}]});
        let usage = tally(&[steps]).unwrap();
        assert_eq!((usage.input, usage.output), (108, 15));
    }

    #[test]
    fn usage_comes_back_as_it_was_and_is_never_negative() {
        let usage = Usage { input: 1110, cached_input: 1000, output: 9, reasoning: 4, ..Usage::default() };
        let written = write(&usage);
        assert_eq!(written["input_tokens"], 110);
        assert_eq!(read(Some(&written)), Some(usage));
        assert_eq!(write(&Usage { input: 10, cached_input: 40, ..Usage::default() })["input_tokens"], 0);
    }
}
