//! Sessions stay with the channel model that holds their prompt cache, while that pays.
//!
//! What the cache saves is part of the effective cost of every ranking. Beyond that, a session does not move for small
//! change: rankings by speed or load turn at every request, and each turn would pay for the whole prompt again.

use super::decision::Candidate;
use super::select::Row;
use super::strategy::Strategy;
use crate::catalog::ModelIx;

/// Another candidate must score this much better to draw a session away from a warm cache.
const MARGIN: f64 = 0.1;

/// Where the prompt cache of a session is expected to be, as the caller remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The channel model that answered last.
    pub model: ModelIx,
    /// Tokens of the prompt that are expected to be read from the cache.
    pub cached_tokens: u64,
}

/// What became of a session's cache in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Where it was.
    pub held: Held,
    /// Whether the session stays there.
    pub kept: bool,
}

/// Puts the row of the held channel model first if that is cheaper than the one that would come first, of no worse
/// priority where priority decides, and not clearly worse by the score.
pub(super) fn keep(rows: &mut [Row], held: Held, strategy: &Strategy, candidates: &[Candidate]) {
    let candidate = |row: &Row| candidates.get(row.place as usize);
    let place = rows.iter().position(|row| candidate(row).is_some_and(|candidate| candidate.model == held.model));
    let (Some(place), Some(first)) = (place, rows.first()) else { return };
    let Some(own) = rows.get(place) else { return };
    let Some((own_costs, first_costs)) = candidate(own).zip(candidate(first)).map(|(a, b)| (a.costs, b.costs)) else {
        return;
    };
    let cheaper = own_costs.effective_usd < first_costs.effective_usd;
    let demoted = strategy.by_priority && own.priority > first.priority;
    if place > 0 && cheaper && !demoted && own.score >= first.score - MARGIN {
        rows.get_mut(..=place).unwrap_or_default().rotate_right(1);
    }
}
