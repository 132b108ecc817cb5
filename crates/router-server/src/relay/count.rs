//! Exact counts of input tokens, where somebody asks for a count and the model's tokenizer is public (OpenAI's families).
//!
//! Routing and reservations never come here: a vocabulary takes 46 MB and a tenth of a second to load, and counting 40 ms a
//! megabyte. It is loaded by the first count, off the request threads, and kept. What is too long, holds more than words, or
//! goes to a model of another family is answered by the estimate from the characters ([`router_wire::tokens`]).

use router_core::catalog::ModelIx;
use router_wire::dialects::dialect;

use super::admit::Job;
use vocabulary::Vocabulary;

/// Longest body that is counted, in bytes; none of its texts is longer. One long word of this size takes 70 ms.
const MOST_BYTES: usize = 256 * 1024;

/// Counts of one request, each made once.
pub(super) struct Counts<'a> {
    job: &'a Job,
    made: Vec<(Vocabulary, Option<u64>)>,
}

impl<'a> Counts<'a> {
    pub(super) const fn new(job: &'a Job) -> Self {
        Self { job, made: Vec::new() }
    }

    /// Input tokens of the request at that channel model; `None` where only an estimate can be given.
    pub(super) async fn of(&mut self, model: Option<ModelIx>) -> Option<u64> {
        let (model, _) = self.job.snapshot.core.model_and_channel(model?)?;
        let vocabulary = Vocabulary::of(&model.upstream_name)?;
        if let Some((_, count)) = self.made.iter().find(|(made, _)| *made == vocabulary) {
            return *count;
        }
        let count = self.count(vocabulary).await;
        self.made.push((vocabulary, count));
        count
    }

    async fn count(&self, vocabulary: Vocabulary) -> Option<u64> {
        if self.job.upload.is_some() || self.job.body.len() > MOST_BYTES {
            return None;
        }
        let words = self.job.neutral(dialect(self.job.dialect.spoken)?.codec?).ok()?.words()?;
        vocabulary.count(words).await
    }
}

#[cfg(feature = "tokens")]
mod vocabulary {
    use std::time::Duration;

    use router_core::catalog::family;
    use router_wire::message::Words;
    use tiktoken_rs::tokenizer::{Tokenizer, get_tokenizer};
    use tokio::sync::Semaphore;

    /// Tokens around each message, beside the name of a speaker, and before the answer (OpenAI's cookbook, models since 0613).
    const PER_MESSAGE: u64 = 3;
    const PER_SPEAKER: u64 = 1;
    const PRIMING: u64 = 3;

    /// Counts at once: the rest wait, so that no flood of counts takes the processors from the requests.
    static TURNS: Semaphore = Semaphore::const_new(1);
    /// How long one waits for its turn; after that the estimate answers.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// A public vocabulary that is still in use.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Vocabulary {
        O200k,
        Cl100k,
    }

    impl Vocabulary {
        /// That of a model, by the provider's name of it; the list of names is the tokenizer's own.
        pub(super) fn of(model: &str) -> Option<Self> {
            match get_tokenizer(family::split(model).0)? {
                // Harmony adds markers to the same words.
                Tokenizer::O200kBase | Tokenizer::O200kHarmony => Some(Self::O200k),
                Tokenizer::Cl100kBase => Some(Self::Cl100k),
                _ => None,
            }
        }

        /// Tokens of a prompt. `None` if too many counts are waiting, or the count failed.
        pub(super) async fn count(self, words: Words) -> Option<u64> {
            let turn = tokio::time::timeout(PATIENCE, TURNS.acquire()).await.ok()?.ok()?;
            let count = move || {
                let tokens = words.texts.iter().map(|text| self.tokens(text)).sum::<u64>();
                // Held by the work itself, which goes on where its client has left.
                drop(turn);
                tokens + words.messages * PER_MESSAGE + words.speakers * PER_SPEAKER + PRIMING
            };
            tokio::task::spawn_blocking(count).await.ok()
        }

        /// Tokens of a text. Markers such as `<|endoftext|>` in it are text.
        fn tokens(self, text: &str) -> u64 {
            let vocabulary = match self {
                Self::O200k => tiktoken_rs::o200k_base_singleton(),
                Self::Cl100k => tiktoken_rs::cl100k_base_singleton(),
            };
            vocabulary.count_ordinary(text) as u64
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_families_with_a_public_vocabulary_have_one() {
            for (model, expected) in [
                ("gpt-4o-mini", Some(Vocabulary::O200k)),
                ("openai/gpt-4o-2024-08-06", Some(Vocabulary::O200k)),
                ("gpt-5.6", Some(Vocabulary::O200k)),
                ("openai/gpt-oss-120b", Some(Vocabulary::O200k)),
                ("gpt-4-turbo", Some(Vocabulary::Cl100k)),
                ("gpt-3.5-turbo", Some(Vocabulary::Cl100k)),
                ("claude-opus-5-5", None),
                ("gemini-2.5-pro", None),
                ("deepseek-chat", None),
                ("qwen3-32b", None),
                ("gpt2", None),
            ] {
                assert_eq!(Vocabulary::of(model), expected, "{model}");
            }
        }

        /// Counts of OpenAI's cookbook ("How to count tokens with tiktoken").
        #[test]
        fn known_texts_have_their_known_counts() {
            for (text, cl100k, o200k) in [
                ("antidisestablishmentarianism", 6, 6),
                ("2 + 2 = 4", 7, 7),
                ("お誕生日おめでとう", 9, 8),
                ("tiktoken is great!", 6, 6),
                ("", 0, 0),
            ] {
                assert_eq!(Vocabulary::Cl100k.tokens(text), cl100k, "{text}");
                assert_eq!(Vocabulary::O200k.tokens(text), o200k, "{text}");
            }
            assert!(Vocabulary::O200k.tokens("<|endoftext|>") > 1, "a marker in a text is text");
        }

        fn words() -> Words {
            Words { texts: vec!["tiktoken is great!".to_owned()], messages: 2, speakers: 1 }
        }

        // One test, because both need the only turn.
        #[tokio::test]
        async fn markers_are_counted_and_a_count_that_gets_no_turn_is_given_up() {
            assert_eq!(Vocabulary::O200k.count(words()).await, Some(6 + 2 * 3 + 1 + 3));
            let turn = TURNS.acquire().await.unwrap();
            tokio::time::pause();
            assert_eq!(Vocabulary::O200k.count(words()).await, None);
            drop(turn);
        }
    }
}

#[cfg(not(feature = "tokens"))]
mod vocabulary {
    use router_wire::message::Words;

    /// No vocabulary is built in.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Vocabulary {}

    impl Vocabulary {
        pub(super) const fn of(_: &str) -> Option<Self> {
            None
        }

        #[expect(clippy::unused_async, reason = "the shape of the counting one")]
        pub(super) async fn count(self, _: Words) -> Option<u64> {
            match self {}
        }
    }
}
