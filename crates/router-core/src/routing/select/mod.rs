//! Selectors: how ranked candidates become an order. One file each, one line of registration.

mod least_in_flight;
mod power_of_two;
mod random;
mod rank;
mod top_score;
mod weighted;
mod weighted_round_robin;

use super::unknown::Unknown;

pub(crate) use least_in_flight::LEAST_IN_FLIGHT;
pub(crate) use power_of_two::POWER_OF_TWO;
pub(crate) use random::RANDOM;
pub(crate) use rank::Ranks;
pub(crate) use top_score::TOP_SCORE;
pub(crate) use weighted_round_robin::WEIGHTED_ROUND_ROBIN;

/// A way to order candidates.
#[derive(Debug)]
pub struct Selector {
    /// Name in configuration.
    pub name: &'static str,
    /// What it does, for people.
    pub doc: &'static str,
    /// Orders rows that come in the order of configuration.
    pub(crate) order: fn(&mut [Row], &Draw, &Ranks<'_>),
}

/// Every selector. To add one: a file and a line.
pub const SELECTORS: &[&Selector] = &[&TOP_SCORE, &WEIGHTED_ROUND_ROBIN, &LEAST_IN_FLIGHT, &RANDOM, &POWER_OF_TWO];

/// One eligible candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Place in the tier.
    pub(crate) place: u32,
    /// 1 is the highest.
    pub(crate) priority: u32,
    /// 0…1.
    pub(crate) score: f64,
    /// The member's weight times its score; finite, ≥ 0.
    pub(crate) share: f64,
    /// The member's weight as configured.
    pub(crate) weight: f64,
    /// Requests running.
    pub(crate) in_flight: f64,
    /// Hash of the channel model's stable id and the request's seed.
    pub(crate) tie: u64,
    /// The channel model's stable id.
    pub(crate) stable_id: u64,
}

/// What a selector may draw from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    /// Of the request.
    pub(crate) seed: u64,
    /// Number of the request.
    pub(crate) sequence: u64,
    /// Stickiness key, if any.
    pub(crate) session: Option<u64>,
}

/// The selector of that name.
///
/// # Errors
/// With a sentence that names the allowed ones.
pub fn selector(name: &str) -> Result<&'static Selector, Unknown> {
    let known = SELECTORS.iter().copied().find(|selector| selector.name == name);
    known.ok_or_else(|| Unknown::new("load-balancing algorithm", name, SELECTORS.iter().map(|s| s.name)))
}
