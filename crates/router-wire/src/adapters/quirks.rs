//! Habits of a vendor that translation must know: data of the preset, read by the dialect's writer and by [`super::patch`].

/// What a provider takes and how. The defaults are those of a plain provider of its dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// It knows the role `developer`; else translated instructions become `system`.
    pub developer_role: bool,
    /// It refuses the role `developer`: such messages become `system` also where the body passes.
    pub developer_as_system: bool,
    /// It takes `reasoning_content` on assistant turns (DeepSeek, Moonshot).
    pub reasoning_content: bool,
    /// It takes `reasoning_details` (OpenRouter).
    pub reasoning_details: bool,
    /// It takes `cache_control` on content parts (OpenRouter).
    pub cache_control: bool,
    /// Message content must be a string where it is only text (DeepSeek).
    pub string_content: bool,
    /// Members of messages that are `null` are refused (Groq): they are left out.
    pub no_nulls: bool,
    /// Its reasoning models (o-series, gpt-5) refuse `max_tokens`: for those it becomes `max_completion_tokens`.
    pub reasoning_max_completion: bool,
    /// `usage.cost` is its own bill in USD and goes into the books (OpenRouter).
    pub believes_cost: bool,
    /// Parameters that it refuses or that mean something else there; they are dropped and named.
    pub unsupported_params: Vec<String>,
    /// Parameters that it calls by another name: ours, its own.
    pub renamed_params: Vec<(String, String)>,
    /// The limit on output tokens must be called this; `None`: as the dialect says.
    pub max_output_param: Option<String>,
}

/// A word of a preset's `quirks` and what it sets.
type Word = (&'static str, fn(&mut Quirks));

/// Words that change what is sent or booked. Others in presets are facts for people.
const WORDS: &[Word] = &[
    ("developer_role", |quirks| (quirks.developer_role, quirks.developer_as_system) = (true, false)),
    ("no_developer_role", |quirks| (quirks.developer_role, quirks.developer_as_system) = (false, true)),
    ("reasoning_content", |quirks| quirks.reasoning_content = true),
    ("reasoning_details", |quirks| quirks.reasoning_details = true),
    ("cache_control", |quirks| quirks.cache_control = true),
    ("string_content", |quirks| quirks.string_content = true),
    ("no_nulls", |quirks| quirks.no_nulls = true),
    ("rejects_max_tokens", |quirks| quirks.reasoning_max_completion = true),
    ("cost_in_usage", |quirks| quirks.believes_cost = true),
];

impl Quirks {
    /// Sets what a word of a preset or of `providers.yaml` says: one of the list above, `drops=PARAM`, `renames=OURS:ITS` or
    /// `max_output=PARAM`. False if the word changes nothing that is sent or booked.
    pub fn set(&mut self, word: &str) -> bool {
        if let Some((_, set)) = WORDS.iter().find(|(name, _)| *name == word) {
            set(self);
            return true;
        }
        match word.split_once('=') {
            Some((_, "")) | None => return false,
            Some(("drops", param)) => add(&mut self.unsupported_params, param.to_owned()),
            Some(("max_output", param)) => self.max_output_param = Some(param.to_owned()),
            Some(("renames", pair)) => match pair.split_once(':') {
                Some(("", _) | (_, "")) | None => return false,
                Some((ours, its)) => add(&mut self.renamed_params, (ours.to_owned(), its.to_owned())),
            },
            Some(_) => return false,
        }
        true
    }

    /// The words without a value.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(name, _)| *name)
    }

    /// These quirks with what the words say.
    #[must_use]
    pub fn with<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        for word in words {
            self.set(word);
        }
        self
    }
}

/// Notes something once: adapter, preset and file may all say it.
fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_set_what_they_say() {
        for (word, _) in WORDS {
            assert!(Quirks::default().set(word), "{word}");
            let set = Quirks { developer_as_system: *word == "developer_role", ..Quirks::default() };
            assert_ne!(set.clone().with([*word]), set, "{word}");
        }
        let quirks = Quirks::default().with([
            "drops=seed",
            "drops=seed",
            "renames=a:b",
            "max_output=max_new_tokens",
            "usage_in_choice",
        ]);
        assert_eq!(quirks.unsupported_params, ["seed"]);
        assert_eq!(quirks.renamed_params, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(quirks.max_output_param.as_deref(), Some("max_new_tokens"));
        for word in ["usage_in_choice", "renames=a", "renames=a:", "renames=:b", "drops=", "max_output=", "=", ""] {
            assert!(!Quirks::default().set(word), "{word}");
        }
    }
}
