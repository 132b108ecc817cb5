//! The value of a routing decision: every candidate with its verdict, its factor values and its score.

use std::sync::Arc;

use super::factors::Layer;
use super::prices::{Costs, Saving};
use super::reason::{Reason, ReasonClass};
use super::select::Selector;
use super::sighting::{Known, Load};
use super::slo::Miss;
use super::sticky::Sticky;
use super::strategy::Strategy;
use crate::catalog::{Capabilities, GroupIx, ModelIx};
use crate::fault::ErrorCode;

/// When, and with which lots, a decision is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Hash of the request id, or any number of its own: breaks ties and draws lots.
    pub seed: u64,
    /// Number of the request among those for the same target: makes turns. A counter shared by several targets
    /// would let their patterns interfere.
    pub sequence: u64,
}

/// Ordered candidates, and who was left out and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// When it was taken.
    pub at: Moment,
    /// The target itself, then its fallbacks; candidates of an earlier tier go first.
    pub tiers: Vec<Tier>,
    /// Every candidate, tier by tier, in the order of configuration. A channel model that is eligible in one tier
    /// does not stand again in a later one.
    pub candidates: Vec<Candidate>,
    /// What uses of quotas would have saved, for the averages that pacing goes by. Empty without quotas.
    pub savings: Vec<Saving>,
    /// Strategy `slo`, and nobody holds its goals: by how much the chosen one misses them.
    pub missed: Option<Miss>,
    /// Who goes first only to be tried out: nobody has used it lately.
    pub explored: Option<ModelIx>,
    /// What became of the session's prompt cache, if it has one.
    pub sticky: Option<Sticky>,
    /// Whether the order was changed beyond ranking, by the request's wishes about providers.
    pub rearranged: bool,
    /// The request's stickiness key.
    pub session: Option<u64>,
    /// Whether nobody was left, and those that are away only by our guess are offered, the first to return first.
    pub last_resort: bool,
    /// Where nobody is left at all: from when on one that is away only by our guess may be tried for want of another; unix
    /// milliseconds.
    pub early_ms: Option<u64>,
    /// Places in `candidates` with how well each is known, where the request might try somebody out.
    pub(crate) known: Vec<(u32, Known)>,
    /// Places in `candidates` with how much of their limits is used, where prices follow that.
    pub(crate) loads: Vec<(u32, Load)>,
    /// Places in `candidates`, best first.
    pub(crate) order: Vec<u32>,
    /// Raw values: for each tier its layers one after the other, a value for each candidate. `NaN` is unknown.
    pub(crate) raw: Vec<f64>,
    /// As `raw`, 0…1; `NaN` for candidates that are out.
    pub(crate) normalised: Vec<f64>,
}

/// Candidates that are ranked together.
#[derive(Clone, Debug)]
pub struct Tier {
    /// The group, if it is one.
    pub group: Option<GroupIx>,
    /// The name of the fallback; `None` for the target itself.
    pub fallback: Option<Arc<str>>,
    /// How they were ranked.
    pub strategy: &'static Strategy,
    /// By which layers.
    pub layers: Arc<[Layer]>,
    /// How the ranking became an order.
    pub selector: &'static Selector,
    /// Its first candidate.
    pub(crate) first: usize,
    /// How many candidates.
    pub(crate) len: usize,
    /// Where its values begin.
    pub(crate) values: usize,
    /// Values of a layer.
    pub(crate) stride: usize,
}

/// One channel model under consideration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub model: ModelIx,
    /// Place in [`Decision::tiers`].
    pub tier: u32,
    /// In or out.
    pub verdict: Verdict,
    /// 0…1; 0 for those that are out.
    pub score: f64,
    /// What it would cost.
    pub costs: Costs,
    /// What counts beside the layers.
    pub standing: Standing,
}

/// What a candidate is ordered by beside the layers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// 1 is the highest.
    pub priority: u32,
    /// Share among equals; finite, ≥ 0.
    pub weight: f64,
    /// Attempts that run there.
    pub in_flight: u64,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// May be tried, as number `rank` (0 is the first).
    Eligible {
        /// Place in the order over all tiers.
        rank: u32,
    },
    /// May not be tried.
    Out(Reason),
}

impl Verdict {
    /// The reason, if it is out.
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Eligible { .. } => None,
            Self::Out(reason) => Some(reason),
        }
    }
}

/// Why there is no eligible candidate, as the client has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoneKind {
    /// There was no candidate at all.
    Empty,
    /// Everyone who could do it is rate limited: 429.
    RateLimited,
    /// Nobody's context is long enough (or nobody's minute limit high enough): 400.
    ContextLength,
    /// Nobody can do what the request uses: 400.
    Unsupported,
    /// Nobody is cheap enough for the request's or the group's limit: 402.
    TooDear,
    /// Out for other reasons; see the counts: 503.
    Unavailable,
}

impl NoneKind {
    /// The error that the client gets.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::RateLimited => ErrorCode::RateLimitExceeded,
            Self::ContextLength => ErrorCode::ContextLengthExceeded,
            Self::Unsupported => ErrorCode::UnsupportedParameter,
            Self::TooDear => ErrorCode::BudgetExceeded,
            Self::Empty | Self::Unavailable => ErrorCode::NoChannelAvailable,
        }
    }
}

/// Why there is no eligible candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCandidate {
    /// Of which kind.
    pub kind: NoneKind,
    /// The earliest time at which one comes back, if that is known; unix milliseconds.
    pub until_ms: Option<u64>,
    /// Codes of reasons with how many candidates each put out, the most frequent first.
    pub counts: Vec<(&'static str, usize)>,
    /// What the request uses and no candidate has; where each lacks something else, all of that.
    pub lacking: Capabilities,
}

impl Decision {
    /// The channel models to try, best first.
    pub fn order(&self) -> impl Iterator<Item = ModelIx> + '_ {
        self.ranked().map(|candidate| candidate.model)
    }

    /// The eligible candidates, best first.
    pub fn ranked(&self) -> impl Iterator<Item = &Candidate> + '_ {
        self.order.iter().filter_map(|place| self.candidates.get(*place as usize))
    }

    /// The best candidate.
    #[must_use]
    pub fn chosen(&self) -> Option<&Candidate> {
        self.ranked().next()
    }

    /// Places of the eligible candidates in [`Decision::candidates`], best first.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().map(|place| *place as usize)
    }

    /// What the request would cost at the candidate at a place of [`Decision::candidates`].
    #[must_use]
    pub fn costs(&self, place: usize) -> Costs {
        self.candidates.get(place).map(|candidate| candidate.costs).unwrap_or_default()
    }

    /// How many candidates may be tried.
    #[must_use]
    pub fn eligible(&self) -> usize {
        self.order.len()
    }

    /// The tier of a candidate.
    #[must_use]
    pub fn tier_of(&self, candidate: &Candidate) -> Option<&Tier> {
        self.tiers.get(candidate.tier as usize)
    }

    /// The group whose budget an attempt with this candidate counts against.
    #[must_use]
    pub fn group_of(&self, candidate: &Candidate) -> Option<GroupIx> {
        self.tier_of(candidate)?.group
    }

    /// Layer, raw value and normalised value (`NaN` if out or unknown) of the candidate at a place of
    /// [`Decision::candidates`].
    pub fn values(&self, place: usize) -> impl Iterator<Item = (Layer, f64, f64)> + '_ {
        let tier = self.candidates.get(place).and_then(|candidate| self.tier_of(candidate));
        tier.into_iter().flat_map(move |tier| {
            tier.layers.iter().enumerate().map(move |(number, layer)| {
                let at = tier.values + number * tier.stride + (place - tier.first);
                let value = |values: &[f64]| values.get(at).copied().unwrap_or(f64::NAN);
                (*layer, value(&self.raw), value(&self.normalised))
            })
        })
    }

    /// The earliest time at which a candidate that is out for a time comes back, if any is known; unix milliseconds.
    #[must_use]
    pub fn earliest_recovery_ms(&self) -> Option<u64> {
        self.reasons().filter_map(Reason::until_ms).min()
    }

    /// Why there is nobody to try; `None` if there is somebody.
    #[must_use]
    pub fn none(&self) -> Option<NoCandidate> {
        if !self.order.is_empty() {
            return None;
        }
        let kind = self.kind_of_none();
        let rate_limited = |reason: &Reason| matches!(reason, Reason::RateLimited { .. });
        let until_ms = match kind {
            NoneKind::RateLimited => self.reasons().filter(rate_limited).filter_map(Reason::until_ms).min(),
            _ => self.earliest_recovery_ms().into_iter().chain(self.early_ms).min(),
        };
        Some(NoCandidate { kind, until_ms, counts: self.counts(), lacking: self.lacking() })
    }

    fn lacking(&self) -> Capabilities {
        let sets = || {
            self.reasons().filter_map(|reason| match reason {
                Reason::LacksNeeds(set) => Some(set),
                _ => None,
            })
        };
        let common = sets().reduce(Capabilities::intersection).unwrap_or_default();
        if common.is_empty() { sets().fold(common, Capabilities::union) } else { common }
    }

    fn kind_of_none(&self) -> NoneKind {
        let any = |test: fn(&Reason) -> bool| self.reasons().any(|reason| test(&reason));
        if self.candidates.is_empty() {
            return NoneKind::Empty;
        }
        if any(|reason| reason.class() == ReasonClass::Passing) {
            let mut passing = self.reasons().filter(|reason| reason.class() == ReasonClass::Passing);
            let limited = passing.all(|reason| matches!(reason, Reason::RateLimited { .. }));
            return if limited { NoneKind::RateLimited } else { NoneKind::Unavailable };
        }
        if any(|reason| matches!(reason, Reason::ContextLength { .. } | Reason::LargerThanMinute { .. })) {
            NoneKind::ContextLength
        } else if any(|reason| matches!(reason, Reason::TooDear { .. } | Reason::MaxPrice)) {
            NoneKind::TooDear
        } else if any(|reason| reason.class() == ReasonClass::Request) {
            NoneKind::Unsupported
        } else {
            NoneKind::Unavailable
        }
    }

    /// Codes of reasons with how many candidates each put out, the most frequent first.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let mut counts: Vec<(&'static str, usize)> = Vec::new();
        for code in self.reasons().map(Reason::as_code) {
            match counts.iter_mut().find(|(known, _)| *known == code) {
                Some((_, count)) => *count += 1,
                None => counts.push((code, 1)),
            }
        }
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts
    }

    fn reasons(&self) -> impl Iterator<Item = Reason> + '_ {
        self.candidates.iter().filter_map(|candidate| candidate.verdict.reason())
    }
}
