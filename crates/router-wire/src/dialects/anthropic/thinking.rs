//! How hard the model shall think, in the words of the model at hand.

use serde_json::{Value, json};

use super::family::{Family, Thinks};
use crate::message::{Content, Effort, Part, ReasoningWish, Request, Role, SignatureFormat, ToolChoice};

/// Smallest budget that the API takes.
const LEAST: u64 = 1_024;

/// What goes into the request.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// `thinking`
    pub(super) thinking: Option<Value>,
    /// `output_config.effort`
    pub(super) effort: Option<&'static str>,
    /// The model thinks, so that sampling and forced tools are out.
    pub(super) on: bool,
    /// The client's wish could not be met.
    pub(super) dropped: bool,
}

/// Plans thinking. `forced`: a tool must be called, which excludes it.
pub(super) fn plan(request: &Request, family: Family, max_tokens: u64, forced: bool) -> Thinking {
    let Some(wish) = request.reasoning.as_ref().filter(|wish| says_something(wish)) else { return Thinking::default() };
    let off = || Thinking { dropped: true, ..Thinking::default() };
    if wish.effort == Some(Effort::None) {
        let thinking = (family.thinks() != Thinks::Never).then(|| json!({ "type": "disabled" }));
        return Thinking { thinking, ..Thinking::default() };
    }
    match family.thinks() {
        Thinks::Never => off(),
        _ if forced => off(),
        Thinks::Adaptive => adaptive(wish, family),
        Thinks::ByBudget if unsigned_loop(request) => off(),
        Thinks::ByBudget => match budget(wish, max_tokens) {
            Some(tokens) => {
                let thinking = json!({ "type": "enabled", "budget_tokens": tokens });
                Thinking { thinking: Some(thinking), on: true, ..Thinking::default() }
            }
            None => off(),
        },
    }
}

const fn says_something(wish: &ReasoningWish) -> bool {
    wish.effort.is_some() || wish.budget.is_some() || wish.adaptive
}

/// Whether a tool must be called.
pub(super) const fn is_forced(choice: Option<&ToolChoice>) -> bool {
    use ToolChoice::{Allowed, Named, Required};
    matches!(choice, Some(Required | Named(_) | Allowed { required: true, .. }))
}

fn adaptive(wish: &ReasoningWish, family: Family) -> Thinking {
    let effort = wish.effort.or(wish.budget.map(|tokens| match tokens {
        4_096.. => Effort::High,
        2_048.. => Effort::Medium,
        _ => Effort::Low,
    }));
    let effort = effort.map(|effort| match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::XHigh if family.newest() => "xhigh",
        Effort::High | Effort::XHigh => "high",
        Effort::Max => "max",
    });
    let mut thinking = json!({ "type": "adaptive" });
    if let (Some(show), true, Some(object)) = (wish.show, family.newest(), thinking.as_object_mut()) {
        object.insert("display".into(), if show { "summarized" } else { "omitted" }.into());
    }
    Thinking { thinking: Some(thinking), effort, on: true, dropped: false }
}

/// The budget, always below the limit and with room for an answer; `None` if the limit leaves no room to think.
fn budget(wish: &ReasoningWish, max_tokens: u64) -> Option<u64> {
    let wanted = wish.budget.unwrap_or(match wish.effort {
        Some(Effort::None | Effort::Minimal | Effort::Low) => 1_024,
        Some(Effort::Medium) => 2_048,
        Some(Effort::High) | None => 4_096,
        Some(Effort::XHigh) => 8_192,
        Some(Effort::Max) => 16_384,
    });
    let room = if wish.budget.is_some() { max_tokens.checked_sub(1)? } else { max_tokens / 4 * 3 };
    let most = room.max(LEAST);
    (most < max_tokens).then(|| wanted.clamp(LEAST, most))
}

/// The conversation waits for the model behind a tool call that was made without (our) thinking: then budget models refuse
/// to think.
fn unsigned_loop(request: &Request) -> bool {
    let last = request.turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    last.is_some_and(|turn| {
        let calls = turn.parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
        calls && !turn.parts.iter().any(is_ours)
    })
}

/// Thinking that Anthropic signed.
pub(super) fn is_ours(part: &Part) -> bool {
    let Content::Reasoning(reasoning) = &part.content else { return false };
    reasoning.signature.as_ref().is_some_and(|signature| signature.format == SignatureFormat::Anthropic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_always_positive_and_below_the_limit() {
        let efforts = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
        for max_tokens in [1, 100, 1_024, 1_025, 1_500, 4_096, 20_000] {
            let mut wishes: Vec<ReasoningWish> =
                efforts.map(|e| ReasoningWish { effort: Some(e), ..Default::default() }).into();
            wishes.push(ReasoningWish { budget: Some(10_000), ..Default::default() });
            for wish in wishes {
                let found = budget(&wish, max_tokens);
                assert_eq!(found.is_some(), max_tokens > LEAST, "{max_tokens} {wish:?}");
                assert!(found.is_none_or(|tokens| (LEAST..max_tokens).contains(&tokens)), "{max_tokens} {wish:?}");
            }
        }
    }
}
