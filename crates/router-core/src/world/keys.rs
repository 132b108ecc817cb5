//! Which candidates a request may try in which order of provider keys: the plan of its state machine.

use std::borrow::Cow;
use std::sync::Arc;

use super::{ChannelCell, Pinned, Session, Target, World};
use crate::ask::Ask;
use crate::budget::{Period, Window};
use crate::catalog::spec::{HedgeAfter, KeyRotation};
use crate::catalog::{ModelIx, Snapshot};
use crate::health::{Cooldown, Shape};
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

    /// The candidate as the state machine needs it, with the keys that it may be tried with. A silent one is compared with answers
    /// that come as this request's will.
    #[must_use]
    pub fn candidate(
        &self,
        core: &Snapshot,
        model: ModelIx,
        keys: Cow<'static, [u16]>,
        (hedge, shape): (HedgeAfter, Shape),
    ) -> Candidate {
        let found = core.model_and_channel(model);
        Candidate {
            channel: found.map_or(u32::MAX, |(model, _)| model.channel.0),
            provider: self.channel_of(core, model).map_or(u32::MAX, |channel| channel.provider),
            keys,
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

    /// The keys of a channel that a request may try, best first, by their places: those that nothing keeps away for this model,
    /// as the channel's rotation has it; before them the one that holds the session's cache. Where there is none: those that
    /// only a guess keeps away, else all.
    #[must_use]
    pub fn key_order(&self, core: &Snapshot, ask: &Ask, model: ModelIx, draw: &Draw) -> Cow<'static, [u16]> {
        let several = self.channel_of(core, model).filter(|channel| channel.keys.len() > 1);
        let keys = match (draw.pinned, several) {
            (Some(pinned), _) => vec![pinned.key],
            (None, Some(channel)) => {
                let mut keys = rotated(self.usable_keys(core, ask, (model, channel), draw), channel, draw);
                if let Some(session) = draw.session {
                    session.held_key_first(core, model, &mut keys);
                }
                keys
            }
            (None, None) => return Cow::Borrowed(&[0]),
        };
        Cow::Owned(keys)
    }

    /// The keys that the least keeps away, with the attempts that each had today where that counts.
    fn usable_keys(
        &self,
        core: &Snapshot,
        ask: &Ask,
        (model, channel): (ModelIx, &ChannelCell),
        draw: &Draw,
    ) -> Vec<(u16, u64)> {
        let counts = channel.keys.iter().any(|key| key.limited.is_some());
        let day = counts.then(|| Window::at(Period::Day, core.zone(), draw.now_ms));
        let cost = channel.keys.iter().any(|key| key.budget.is_some()).then(|| core.reserved_cost(model, ask));
        let judged = channel.keys.iter().enumerate().map(|(place, key)| {
            let limiter = key.limited.as_ref().zip(day.as_ref());
            let full = limiter.is_some_and(|(of, day)| {
                of.limiter.refusal(&of.limits, ask.tokens(), day, draw.now_ms, draw.now_ms).is_some()
            });
            let short = key.budget.zip(cost);
            let short = short.is_some_and(|(budget, cost)| self.ledger.room(&[budget], cost, draw.now_ms).is_err());
            let cooldowns = [Some(&key.health.cooldown), self.pair(model, place).map(Arc::as_ref)];
            let away = cooldowns.into_iter().flatten().map(|cooldown| Away::of(cooldown, draw.now_ms)).max();
            let away = if full || short { Away::Surely } else { away.unwrap_or(Away::No) };
            let today = limiter.map_or(0, |(of, day)| of.limiter.today(day));
            (away, (u16::try_from(place).unwrap_or(u16::MAX), today))
        });
        let judged: Vec<_> = judged.collect();
        let least = judged.iter().map(|(away, _)| *away).min();
        judged.into_iter().filter(|(away, _)| Some(*away) == least).map(|(_, key)| key).collect()
    }
}

/// Whether something keeps a key away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Away {
    No,
    /// Only our guess.
    Perhaps,
    Surely,
}

impl Away {
    fn of(cooldown: &Cooldown, now_ms: u64) -> Self {
        match cooldown.is_cooling(now_ms) {
            false => Self::No,
            true if cooldown.is_guess(now_ms) => Self::Perhaps,
            true => Self::Surely,
        }
    }
}

/// The keys, given with their attempts of today, in the order of their channel's rotation; those without weight last.
fn rotated(keys: Vec<(u16, u64)>, channel: &ChannelCell, draw: &Draw) -> Vec<u16> {
    let turn = |(place, today)| {
        let key = channel.keys.get(usize::from(place));
        let weight = key.map_or(0.0, |key| key.weight);
        match channel.key_rotation {
            KeyRotation::Weighted => (0, -lot(draw.seed, place, weight), place),
            KeyRotation::LeastUsed if weight > 0.0 => {
                (key.map_or(0, |key| key.health.in_flight()), used(today, weight), place)
            }
            KeyRotation::LeastUsed => (u64::MAX, 0.0, place),
        }
    };
    let mut turns: Vec<(u64, f64, u16)> = keys.into_iter().map(turn).collect();
    turns.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    turns.into_iter().map(|(.., place)| place).collect()
}

/// How much a key would be used for its weight, with one attempt more.
#[expect(clippy::cast_precision_loss, reason = "an order, not a count")]
fn used(today: u64, weight: f64) -> f64 {
    (today as f64 + 1.0) / weight
}

/// The target of an attempt: a candidate with that key of its channel.
#[must_use]
pub fn attempted(targets: &[Target], candidate: usize, key: Option<u16>) -> Option<Target> {
    Some(Target { key: usize::from(key.unwrap_or(0)), ..targets.get(candidate)?.clone() })
}

/// A weighted lot (Efraimidis and Spirakis 2006): the largest of `u^(1/w)` is first with a chance equal to its share.
#[expect(clippy::cast_precision_loss, reason = "a lot, not a count")]
fn lot(seed: u64, place: u16, weight: f64) -> f64 {
    let bits = crate::ids::mix(seed ^ u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 11;
    let uniform = (bits as f64 + 0.5) / (1u64 << 53) as f64;
    if weight > 0.0 { uniform.powf(1.0 / weight) } else { -uniform }
}
