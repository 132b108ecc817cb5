//! What follows from the name of a Gemini model: how it thinks and which fields it refuses.

use crate::message::{Effort, ReasoningWish};
use serde_json::Value;

use super::names::obj;

/// Generations that differ on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// Before 2.5, Gemma, tuned models: no thinking.
    Plain,
    /// 2.5: thinks by budget.
    Budget,
    /// 3 and later: thinks by level, wants signatures, knows call ids.
    Level,
}

/// A model, by its upstream name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model<'a> {
    name: &'a str,
    pub(super) generation: Generation,
}

impl<'a> Model<'a> {
    /// Reads a name such as `gemini-2.5-pro`, `models/gemini-3-flash-preview` or `google/gemini-3.1-pro`. An alias without a
    /// version (`gemini-flash-latest`) means the newest generation.
    pub(super) fn new(name: &'a str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name);
        let generation = match name.strip_prefix("gemini-") {
            None => Generation::Plain,
            Some(rest) => {
                let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
                let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
                match (numbers.next().flatten(), numbers.next().flatten()) {
                    (Some(3..), _) => Generation::Level,
                    (Some(2), Some(5..)) => Generation::Budget,
                    (None, _) if rest.ends_with("-latest") => Generation::Level,
                    _ => Generation::Plain,
                }
            }
        };
        Self { name, generation }
    }

    pub(super) fn is_level(self) -> bool {
        self.generation == Generation::Level
    }

    fn has(self, word: &str) -> bool {
        self.name.split('-').any(|part| part == word)
    }

    /// `thinkingConfig` for that wish; `None` if the model does not think or the wish says nothing that it understands.
    pub(super) fn thinking(self, wish: &ReasoningWish) -> Option<Value> {
        let off = wish.effort == Some(Effort::None) || wish.budget == Some(0);
        let amount = match self.generation {
            Generation::Plain => return None,
            Generation::Budget => self.budget(wish).map(|budget| ("thinkingBudget", Value::from(budget))),
            Generation::Level => self.level(wish).map(|level| ("thinkingLevel", Value::from(level))),
        };
        let show = (!off).then(|| wish.show.unwrap_or(true));
        let mut config = obj([]);
        if let Some(members) = config.as_object_mut() {
            members.extend(amount.map(|(name, value)| (name.to_owned(), value)));
            members.extend(show.map(|show| ("includeThoughts".to_owned(), Value::Bool(show))));
        }
        Some(config)
    }

    /// Tokens to think with; −1 leaves it to the model. Pro cannot be switched off, its smallest budget is 128; Flash-Lite's
    /// smallest but zero is 512.
    fn budget(self, wish: &ReasoningWish) -> Option<i64> {
        let (least, most) = match (self.has("pro"), self.has("lite")) {
            (true, _) => (128, 32_768),
            (_, true) => (512, 24_576),
            _ => (1, 24_576),
        };
        let wanted = wish.budget.map(|budget| i64::try_from(budget).unwrap_or(i64::MAX));
        let wanted = wanted.or_else(|| {
            wish.effort.map(|effort| match effort {
                Effort::None => 0,
                Effort::Minimal | Effort::Low => 1_024,
                Effort::Medium => 2_048,
                Effort::High => 4_096,
                Effort::XHigh => 8_192,
                Effort::Max => 16_384,
            })
        });
        match wanted {
            Some(0) if !self.has("pro") => Some(0),
            Some(tokens) => Some(tokens.clamp(least, most)),
            None => wish.adaptive.then_some(-1),
        }
    }

    /// Pro models know no `MINIMAL`, and the first of them no `MEDIUM`.
    fn level(self, wish: &ReasoningWish) -> Option<&'static str> {
        let by_budget = wish.budget.map(|budget| match budget {
            0 => Effort::None,
            1..2_048 => Effort::Low,
            2_048..4_096 => Effort::Medium,
            _ => Effort::High,
        });
        Some(match by_budget.or(wish.effort)? {
            Effort::None | Effort::Minimal if self.has("pro") => "LOW",
            Effort::None | Effort::Minimal => "MINIMAL",
            Effort::Low => "LOW",
            Effort::Medium if self.name.starts_with("gemini-3-pro") => "HIGH",
            Effort::Medium => "MEDIUM",
            Effort::High | Effort::XHigh | Effort::Max => "HIGH",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_follows_the_generation_and_never_names_budget_and_level_together() {
        let effort = |effort| ReasoningWish { effort: Some(effort), ..ReasoningWish::default() };
        let budget =
            |budget| ReasoningWish { budget: Some(budget), effort: Some(Effort::Low), ..ReasoningWish::default() };
        let adaptive = ReasoningWish { adaptive: true, show: Some(false), ..ReasoningWish::default() };
        for (model, wish, expected) in [
            ("gemini-2.5-pro", effort(Effort::None), r#"{"thinkingBudget":128}"#),
            ("gemini-2.5-flash", effort(Effort::None), r#"{"thinkingBudget":0}"#),
            ("gemini-2.5-flash", effort(Effort::High), r#"{"thinkingBudget":4096,"includeThoughts":true}"#),
            ("gemini-2.5-flash", budget(1_000_000), r#"{"thinkingBudget":24576,"includeThoughts":true}"#),
            ("gemini-2.5-flash-lite", budget(10), r#"{"thinkingBudget":512,"includeThoughts":true}"#),
            ("gemini-2.5-pro", adaptive.clone(), r#"{"thinkingBudget":-1,"includeThoughts":false}"#),
            ("models/gemini-3-flash-preview", effort(Effort::None), r#"{"thinkingLevel":"MINIMAL"}"#),
            (
                "google/gemini-3-pro-preview",
                effort(Effort::Medium),
                r#"{"thinkingLevel":"HIGH","includeThoughts":true}"#,
            ),
            ("gemini-3.1-pro", effort(Effort::Minimal), r#"{"thinkingLevel":"LOW","includeThoughts":true}"#),
            ("gemini-flash-latest", budget(3_000), r#"{"thinkingLevel":"MEDIUM","includeThoughts":true}"#),
            ("gemini-3-pro", adaptive, r#"{"includeThoughts":false}"#),
        ] {
            let config = Model::new(model).thinking(&wish).map(|config| config.to_string());
            assert_eq!(config.as_deref(), Some(expected), "{model} {wish:?}");
        }
        for model in ["gemini-2.0-flash", "gemma-3-27b-it", "gemini-1.5-pro"] {
            assert!(Model::new(model).thinking(&effort(Effort::High)).is_none(), "{model}");
        }
    }
}
