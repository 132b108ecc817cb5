//! From judged candidates to an order: scores, shares, the selector, and the session's cache. Deciding and recomputing
//! a recorded decision both go through here.

use super::decision::Candidate;
use super::factors::Layer;
use super::score::score;
use super::select::{Draw, Ranks, Row, Selector};
use super::slo::{self, Miss};
use super::sticky::{self, Held};
use super::strategy::{SLO, Strategy};
use crate::catalog::spec::Slo;

/// Weighted selectors count a score below this as this, so that the worst still gets a little and stays observed.
const LEAST_SCORE: f64 = 0.05;

/// The candidates of one tier, and how they are ranked.
pub(super) struct Ranking<'a> {
    pub(super) strategy: &'static Strategy,
    pub(super) selector: &'static Selector,
    pub(super) layers: &'a [Layer],
    /// Layer by layer, `stride` values each.
    pub(super) raw: &'a [f64],
    /// As `raw`; written.
    pub(super) normalised: &'a mut [f64],
    pub(super) stride: usize,
    pub(super) draw: Draw,
    pub(super) held: Option<Held>,
    /// For strategy `slo`.
    pub(super) goals: Slo,
    /// Of the tier, by the place of their rows.
    pub(super) candidates: &'a [Candidate],
}

impl Ranking<'_> {
    /// Scores the rows and puts them in order, best first. Where goals count and nobody holds them: by how much the first
    /// misses them.
    pub(super) fn order(self, rows: &mut [Row]) -> Option<Miss> {
        score(rows, self.layers, self.raw, self.normalised, self.stride);
        for row in rows.iter_mut() {
            row.share = row.weight * row.score.max(LEAST_SCORE);
        }
        let ranks = Ranks { normalised: self.normalised, stride: self.stride };
        if self.strategy.by_priority {
            rows.sort_by_key(|row| row.priority);
            for equals in rows.chunk_by_mut(|a, b| a.priority == b.priority) {
                (self.selector.order)(equals, &self.draw, &ranks);
            }
        } else {
            (self.selector.order)(rows, &self.draw, &ranks);
        }
        if let Some(held) = self.held {
            sticky::keep(rows, held, self.strategy, self.candidates);
        }
        let by_goals = self.strategy.name == SLO;
        if by_goals { slo::cheapest_that_holds(rows, self.goals, self.raw, self.stride) } else { None }
    }
}
