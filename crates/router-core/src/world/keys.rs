//! Which candidates a request may try in which order of provider keys: the plan of its state machine.

use super::{KeyCell, Pinned, Session, Target, World};
use crate::catalog::spec::HedgeAfter;
use crate::catalog::{ModelIx, Snapshot};
use crate::health::Shape;
use crate::request::Candidate;
use crate::routing::{Decision, Live};

/// Candidates beyond this are never tried in one request.
pub const MOST_CANDIDATES: usize = 32;

/// By what a request's keys are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The request's seed.
    pub seed: u64,
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Who keeps the state that the request builds on.
    pub pinned: Option<Pinned>,
    /// The session that it belongs to.
    pub session: Option<Session>,
}

impl World {
    /// When a second attempt of a request starts beside a silent first one: as its group says, else the router.
    #[must_use]
    pub fn hedge_after(&self, core: &Snapshot, decision: &Decision) -> HedgeAfter {
        let group = decision.tiers.first().and_then(|tier| core.group(tier.group?));
        group.and_then(|group| group.hedge_after).unwrap_or(self.rules.hedge_after)
    }

    /// The candidate as the state machine needs it; `keys` are those in its order. A silent one is compared with answers that come
    /// as this request's will.
    #[must_use]
    pub fn candidate(
        &self,
        core: &Snapshot,
        model: ModelIx,
        keys: usize,
        (hedge, shape): (HedgeAfter, Shape),
    ) -> Candidate {
        let found = core.model_and_channel(model);
        Candidate {
            channel: found.map_or(u32::MAX, |(model, _)| model.channel.0),
            provider: self.channel_of(core, model).map_or(u32::MAX, |channel| channel.provider),
            keys: u16::try_from(keys.max(1)).unwrap_or(u16::MAX),
            context_length: found.and_then(|(model, _)| model.context_length),
            timeouts: found.map(|(_, channel)| channel.timeouts).unwrap_or_default(),
            hedge_after_ms: match hedge {
                HedgeAfter::Never => None,
                HedgeAfter::P95 => {
                    self.model(model).and_then(|health| health.first_byte_tails.of(shape).settled_p95_ms())
                }
                HedgeAfter::Ms(ms) => Some(ms),
            },
        }
    }

    /// Milliseconds until the first of these channel models may be tried by a request of about `tokens` tokens, whatever keeps
    /// them away: cooldowns, breakers, limits. Zero: one may be now.
    pub fn earliest_return(
        &self,
        core: &Snapshot,
        models: impl Iterator<Item = ModelIx>,
        tokens: u64,
        now_ms: u64,
    ) -> Option<u64> {
        let view = self.view(core, now_ms, tokens);
        let back = |ix: ModelIx| {
            let channel = core.model(ix)?.channel;
            Some(view.model(ix).away.early_ms(now_ms).max(view.channel(channel).away.early_ms(now_ms)))
        };
        models.filter_map(back).min().map(|at_ms| at_ms - now_ms)
    }

    /// Whether the key's own budget is used up.
    fn is_spent(&self, key: &KeyCell, now_ms: u64) -> bool {
        key.budget.is_some_and(|budget| {
            let (spent, reserved) = self.ledger.used(budget.scope, budget.period, now_ms);
            budget.cap.is_some_and(|cap| spent + reserved >= cap)
        })
    }

    /// The order in which a channel's keys are tried: those that are not set aside, drawn by weight; first the one that holds
    /// the session's cache. The same for all models of a channel. Empty means the first.
    #[must_use]
    pub fn key_order(&self, core: &Snapshot, model: ModelIx, draw: &Draw) -> Vec<u16> {
        let Some(channel) = self.channel_of(core, model) else { return Vec::new() };
        if let Some(pinned) = draw.pinned {
            return vec![pinned.key];
        }
        if channel.keys.len() == 1 {
            return Vec::new();
        }
        let mut drawn: Vec<(bool, f64, u16)> = channel
            .keys
            .iter()
            .enumerate()
            .map(|(place, key)| {
                let place = u16::try_from(place).unwrap_or(u16::MAX);
                (
                    (key.health.cooldown.is_cooling(draw.now_ms) || self.is_spent(key, draw.now_ms)),
                    lot(draw.seed, place, key.weight),
                    place,
                )
            })
            .collect();
        let healthy = drawn.iter().any(|(cooling, ..)| !cooling);
        drawn.retain(|(cooling, ..)| !healthy || !cooling);
        drawn.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.cmp(&b.2)));
        let mut keys: Vec<u16> = drawn.into_iter().map(|(_, _, place)| place).collect();
        if let Some(session) = draw.session {
            session.held_key_first(core, model, &mut keys);
        }
        keys
    }
}

/// The target of an attempt: a candidate with the key at that place of its order.
#[must_use]
pub fn attempted(targets: &[Target], keys: &[Vec<u16>], candidate: usize, key: Option<u16>) -> Option<Target> {
    let place = usize::from(key.unwrap_or(0));
    let key = usize::from(keys.get(candidate)?.get(place).copied().unwrap_or(0));
    Some(Target { key, ..targets.get(candidate)?.clone() })
}

/// A weighted lot (Efraimidis and Spirakis 2006): the largest of `u^(1/w)` is first with a chance equal to its share.
#[expect(clippy::cast_precision_loss, reason = "a lot, not a count")]
fn lot(seed: u64, place: u16, weight: f64) -> f64 {
    let bits = crate::ids::mix(seed ^ u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 11;
    let uniform = (bits as f64 + 0.5) / (1u64 << 53) as f64;
    if weight > 0.0 { uniform.powf(1.0 / weight) } else { -uniform }
}
