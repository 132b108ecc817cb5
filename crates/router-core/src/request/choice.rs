//! Which candidate and which provider key comes next. Every pair of both is tried at most once.

use super::Plan;
use crate::fault::{Blame, Elsewhere, Fault, NotSent, Scope};

/// The next attempt's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) candidate: usize,
    pub(super) key: Option<u16>,
}

/// What earlier attempts of this request ruled out.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruled {
    tried: Vec<Tried>,
    /// Channels that failed as a whole: only if nothing else is left.
    channels: Vec<u32>,
    providers: Vec<u32>,
    /// The context must be longer than this.
    context: Option<u64>,
    /// Somebody found that no other try makes sense.
    hopeless: bool,
}

#[derive(Clone, Copy, Debug)]
struct Tried {
    target: Target,
    channel: u32,
    /// The key was at fault: never again in this request.
    key_failed: bool,
}

impl Ruled {
    /// Notes a target that is being tried.
    pub(super) fn begin(&mut self, plan: &Plan, target: Target) {
        let channel = plan.candidates.get(target.candidate).map_or(u32::MAX, |c| c.channel);
        self.tried.push(Tried { target, channel, key_failed: false });
    }

    /// Notes what a fault of a target rules out.
    pub(super) fn note(&mut self, plan: &Plan, target: Target, fault: &Fault) {
        let rule = fault.rule();
        if let Some(tried) = self.tried.iter_mut().find(|tried| tried.target == target) {
            tried.key_failed = rule.blame == Blame::Key;
        }
        let Some(candidate) = plan.candidates.get(target.candidate) else { return };
        if rule.scope == Scope::Channel || fault.not_sent == Some(NotSent::ChannelFull) {
            self.channels.push(candidate.channel);
        }
        match rule.elsewhere {
            Elsewhere::Nowhere => self.hopeless = true,
            Elsewhere::Any => {}
            Elsewhere::LongerContext => self.context = self.context.max(candidate.context_length),
            Elsewhere::OtherProvider => self.providers.push(candidate.provider),
        }
    }

    /// The target after a fault of that one, which has been noted; `None` if nothing else makes sense.
    pub(super) fn after(&self, plan: &Plan, target: Target, fault: &Fault) -> Option<Target> {
        if self.hopeless {
            return None;
        }
        let candidate = plan.candidates.get(target.candidate)?;
        let other = || self.other_key(candidate.channel, &candidate.keys, target);
        let of_the_key = fault.rule().other_key && fault.not_sent.is_none_or(NotSent::is_of_the_key);
        if let Some(key) = of_the_key.then(other).flatten() {
            return Some(Target { key: Some(key), ..target });
        }
        self.next(plan)
    }

    /// The best target that is left.
    pub(super) fn next(&self, plan: &Plan) -> Option<Target> {
        self.pick(plan, false, None).or_else(|| self.pick(plan, true, None))
    }

    /// The best target beside one that runs: on another channel, and so with another key.
    pub(super) fn beside(&self, plan: &Plan, running: Target) -> Option<Target> {
        let channel = plan.candidates.get(running.candidate)?.channel;
        self.pick(plan, false, Some(channel)).filter(|_| !self.hopeless)
    }

    fn pick(&self, plan: &Plan, last_resort: bool, not_on: Option<u32>) -> Option<Target> {
        plan.candidates.iter().enumerate().find_map(|(place, candidate)| {
            let tried = self.tried.iter().any(|tried| tried.target.candidate == place);
            let too_short = match (self.context, candidate.context_length) {
                (Some(needed), Some(length)) => length <= needed,
                _ => false,
            };
            let away = !last_resort && self.channels.contains(&candidate.channel);
            let busy = not_on == Some(candidate.channel);
            if tried || too_short || away || busy || self.providers.contains(&candidate.provider) {
                return None;
            }
            let key = match &*candidate.keys {
                [] => None,
                keys => Some(self.key(candidate.channel, keys)?),
            };
            Some(Target { candidate: place, key })
        })
    }

    /// A key of the channel: one that was not used yet, else one that was not at fault.
    fn key(&self, channel: u32, keys: &[u16]) -> Option<u16> {
        let used = |key: u16| self.tried.iter().any(|t| t.channel == channel && t.target.key == Some(key));
        let fresh = keys.iter().find(|key| !used(**key));
        fresh.or_else(|| keys.iter().find(|key| !self.key_failed(channel, **key))).copied()
    }

    /// Another key for the same candidate.
    fn other_key(&self, channel: u32, keys: &[u16], last: Target) -> Option<u16> {
        let tried = |key: u16| {
            let same = Target { key: Some(key), ..last };
            self.tried.iter().any(|tried| tried.target == same)
        };
        keys.iter().copied().find(|&key| !tried(key) && !self.key_failed(channel, key))
    }

    fn key_failed(&self, channel: u32, key: u16) -> bool {
        self.tried.iter().any(|t| t.channel == channel && t.target.key == Some(key) && t.key_failed)
    }
}
