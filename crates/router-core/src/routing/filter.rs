//! Whether a candidate can take a request now. The lasting filters were judged when the snapshot was built; here is
//! what depends on the request and on the moment.

use std::cell::OnceCell;

use super::live::{Away, BreakerView, ChannelLive, ModelLive};
use super::reason::{Reason, Scope};
use super::resolve::{Target, Variant, find_tag};
use crate::ask::Ask;
use crate::budget::{Period, Window};
use crate::catalog::{Capability, Channel, ChannelIx, ChannelModel, Group, GroupIx, Member, Snapshot, TagId};
use crate::money::Nano;

/// Observed figures stand on too little below so many observations to exclude anything.
const ENOUGH_OBSERVATIONS: f64 = 5.0;

/// One request, prepared for judging many candidates.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    snapshot: &'a Snapshot,
    ask: &'a Ask,
    now_ms: u64,
    /// Who keeps the state that the request builds on.
    pinned: Option<ChannelIx>,
    required_tags: Vec<Option<TagId>>,
    forbidden_tags: Vec<TagId>,
    day: OnceCell<Window>,
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) member: &'a Member,
    pub(crate) model: &'a ChannelModel,
    pub(crate) channel: &'a Channel,
    pub(crate) live: &'a ModelLive,
    pub(crate) channel_live: &'a ChannelLive,
    /// Requests of today through the member, where it has a daily limit.
    pub(crate) member_today: u64,
    /// What passing reason is known to keep it away, if one does.
    pub(crate) passing: Option<Option<Reason>>,
}

/// The group in which it is judged, if any.
pub(crate) type InGroup<'a> = Option<(GroupIx, &'a Group)>;

impl<'a> Filter<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, ask: &'a Ask, pinned: Option<ChannelIx>, now_ms: u64) -> Self {
        let (mut required_tags, mut forbidden_tags) = (Vec::new(), Vec::new());
        for tag in ask.tags.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()) {
            match tag.strip_prefix('!') {
                Some(tag) => forbidden_tags.extend(find_tag(snapshot, tag)),
                None => required_tags.push(find_tag(snapshot, tag)),
            }
        }
        Self { snapshot, ask, now_ms, pinned, required_tags, forbidden_tags, day: OnceCell::new() }
    }

    /// The first reason against a candidate: what lasts before what passes.
    pub(crate) fn judge(&self, target: &Target, group: InGroup<'_>, subject: &Subject<'_>) -> Option<Reason> {
        subject
            .member
            .out
            .or_else(|| self.for_this_request(subject))
            .or_else(|| self.cost(target, group, subject))
            .or_else(|| subject.passing.unwrap_or_else(|| self.passing(group, subject)))
    }

    /// What may be over in a moment.
    fn passing(&self, group: InGroup<'_>, subject: &Subject<'_>) -> Option<Reason> {
        observed(group, subject).or_else(|| self.used_up(group, subject)).or_else(|| self.away(subject))
    }

    fn for_this_request(&self, subject: &Subject<'_>) -> Option<Reason> {
        let (ask, model) = (self.ask, subject.model);
        if self.pinned.is_some_and(|channel| model.channel != channel) {
            return Some(Reason::PinnedElsewhere);
        }
        if ask.endpoint.capability().is_some_and(|kind| !model.capabilities.has(kind)) {
            return Some(Reason::WrongEndpoint(ask.endpoint));
        }
        if ask.stream && !model.capabilities.has(Capability::Streaming) {
            return Some(Reason::NoStreaming);
        }
        if ask.provider.as_ref().is_some_and(|wish| wish.unwanted(subject.channel)) {
            return Some(Reason::ProviderUnwanted);
        }
        let missing = ask.needs.minus(model.capabilities);
        if !missing.is_empty() {
            return Some(Reason::LacksNeeds(missing));
        }
        if let Some(limit) = model.context_length.filter(|limit| ask.input_tokens > *limit) {
            return Some(Reason::ContextLength { tokens: ask.input_tokens, limit });
        }
        if let Some(limit) = subject.channel.most_tokens.filter(|limit| ask.input_tokens > *limit) {
            return Some(Reason::LargerThanMinute { tokens: ask.input_tokens, limit });
        }
        let lacks = self.required_tags.iter().find(|tag| !tag.is_some_and(|tag| model.has_tag(tag)));
        if let Some(tag) = lacks {
            return Some(Reason::MissingTag(*tag));
        }
        self.forbidden_tags.iter().find(|tag| model.has_tag(**tag)).map(|tag| Reason::ForbiddenTag(*tag))
    }

    fn cost(&self, target: &Target, group: InGroup<'_>, subject: &Subject<'_>) -> Option<Reason> {
        if let Some(wish) = self.ask.provider.as_deref().filter(|wish| !wish.max_price.is_empty())
            && self.snapshot.price(subject.member.model).is_some_and(|price| !wish.max_price.allows(price))
        {
            return Some(Reason::MaxPrice);
        }
        if target.variant == Some(Variant::Free) && !subject.model.facts.is_free {
            return Some(Reason::NotFree);
        }
        let of_group = group.and_then(|(_, group)| group.max_cost_per_request);
        let limit = match (of_group, self.ask.max_cost) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b)?,
        };
        if self.snapshot.costs_surely_within(subject.member.model, self.ask, limit) {
            return None;
        }
        let bound = self.snapshot.cost_bound(subject.member.model, self.ask)?;
        (bound > limit).then_some(Reason::TooDear { bound, limit })
    }

    fn used_up(&self, group: InGroup<'_>, subject: &Subject<'_>) -> Option<Reason> {
        let limits = &subject.channel.limits;
        if let Some(limit) = limits.requests_per_day.filter(|limit| subject.channel_live.requests_today >= *limit) {
            return Some(Reason::DailyRequests { limit, until_ms: self.next_day_ms() });
        }
        if let Some(limit) = limits.daily_budget.filter(|limit| subject.channel_live.spent_today >= *limit) {
            // a budget of nothing still lets through what costs nothing
            if !(limit == Nano::ZERO && subject.model.facts.is_free) {
                return Some(Reason::DailyBudget { limit, until_ms: self.next_day_ms() });
            }
        }
        if let (Some(limit), Some(_)) = (subject.member.daily_limit, group)
            && subject.member_today >= limit
        {
            return Some(Reason::MemberDailyLimit { limit, until_ms: self.next_day_ms() });
        }
        None
    }

    /// Of everything that keeps it away for a time, what lasts longest; only then whether it is full.
    fn away(&self, subject: &Subject<'_>) -> Option<Reason> {
        let model = self.longest(Scope::Model, &subject.live.away);
        let channel = self.longest(Scope::Channel, &subject.channel_live.away);
        let later = |reason: Reason| reason.until_ms().unwrap_or(self.now_ms);
        let longest = match (model, channel) {
            (Some(model), Some(channel)) if later(model) > later(channel) => Some(model),
            (model, channel) => channel.or(model),
        };
        longest.or_else(|| {
            let limit = subject.channel.limits.max_in_flight.or(subject.channel_live.at_most)?;
            (subject.channel_live.in_flight >= limit).then_some(Reason::MaxInFlight { limit })
        })
    }

    fn longest(&self, scope: Scope, away: &Away) -> Option<Reason> {
        let breaker = match away.breaker {
            BreakerView::Closed | BreakerView::HalfOpen { allows: true } => None,
            BreakerView::HalfOpen { allows: false } => Some(Reason::BreakerOpen { scope, until_ms: None }),
            BreakerView::Open { until_ms, .. } => Some(Reason::BreakerOpen { scope, until_ms: Some(until_ms) }),
        };
        let until_ms = away.rate_limited_until_ms;
        let limited = (until_ms > self.now_ms).then_some(Reason::RateLimited { scope, until_ms });
        let until_ms = away.cooldown_until_ms;
        let cooling =
            (until_ms > self.now_ms).then_some(Reason::CoolingDown { scope, until_ms, guess: away.cooldown_is_guess });
        [breaker, cooling, limited].into_iter().flatten().max_by_key(|reason| reason.until_ms())
    }

    /// The next midnight in the router's zone, unix milliseconds.
    fn next_day_ms(&self) -> u64 {
        self.day().end_ms
    }

    fn day(&self) -> &Window {
        self.day.get_or_init(|| Window::at(Period::Day, self.snapshot.zone(), self.now_ms))
    }

    /// The share of the day that is over, 0…1.
    #[expect(clippy::cast_precision_loss, reason = "a share for ranking")]
    pub(crate) fn elapsed(&self) -> f64 {
        let Window { start_ms, end_ms, .. } = *self.day();
        self.now_ms.saturating_sub(start_ms) as f64 / end_ms.saturating_sub(start_ms).max(1) as f64
    }
}

/// The group's limits on observed speed. What has not been observed enough passes, else it never would be.
fn observed(group: InGroup<'_>, subject: &Subject<'_>) -> Option<Reason> {
    let (_, group) = group?;
    if subject.live.observations < ENOUGH_OBSERVATIONS {
        return None;
    }
    if let (Some(limit), Some(ms)) = (group.max_latency_ms, subject.live.ttft_ms)
        && ms > limit as f64
    {
        return Some(Reason::SlowLatency { ms, limit });
    }
    let (limit, tps) = (group.min_throughput_tps?, subject.live.tokens_per_second?);
    (tps < limit).then_some(Reason::SlowThroughput { tps, limit })
}
