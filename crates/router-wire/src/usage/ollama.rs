//! Ollama's own counts: they stand in the last line of an answer, beside the message.

use router_core::usage::Usage;
use serde_json::Value;

use super::count;

/// Reads `prompt_eval_count` and `eval_count`. A prompt that was cached whole is not counted by Ollama: without its count
/// there is no usage, and the tokens are estimated.
#[must_use]
pub fn from_ollama(answer: &Value) -> Option<Usage> {
    let input = count(answer.get("prompt_eval_count"))??;
    let output = count(answer.get("eval_count"))?.unwrap_or(0);
    (input > 0 || output > 0).then_some(Usage { input, output, ..Usage::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cached_prompt_is_unknown_and_not_zero() {
        let read = |answer: Value| from_ollama(&answer).map(|usage| (usage.input, usage.output));
        assert_eq!(read(json!({"done": true, "prompt_eval_count": 26, "eval_count": 298})), Some((26, 298)));
        assert_eq!(read(json!({"prompt_eval_count": 26})), Some((26, 0)));
        assert_eq!(read(json!({"done": true, "eval_count": 298})), None);
        assert_eq!(read(json!({"prompt_eval_count": -1, "eval_count": 2})), None);
    }
}
