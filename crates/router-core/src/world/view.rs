//! The present as routing sees it: live state by the indices of one snapshot.

use std::sync::Arc;

use super::{ChannelCell, KeyCell, World};
use crate::budget::{Period, Window};
use crate::catalog::{ChannelIx, GroupIx, ModelIx, Snapshot};
use crate::health::{Breaker, BreakerConfig, BreakerState, Cooldown, Health, Shape};
use crate::limits;
use crate::money::Nano;
use crate::routing::{Away, BreakerView, ChannelLive, Live, ModelLive};

/// Where state is kept that a request builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The channel.
    pub channel: ChannelIx,
    /// The key's place on its channel.
    pub key: u16,
}

/// Live state at a moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    world: &'a World,
    now_ms: u64,
    tokens: u64,
    day: Window,
    pinned: Option<Pinned>,
    /// Whether a channel has others beside it.
    several: bool,
    /// Seen by a question of the router's own, which wants to know what is over.
    asking: bool,
}

impl World {
    /// The breaker of a channel as people see it: its own, or what those of all its models say alike.
    #[must_use]
    pub fn channel_breaker(&self, core: &Snapshot, ix: ChannelIx, now_ms: u64) -> BreakerState {
        let own = self.channel(ix).map_or(BreakerState::Closed, |cell| cell.state.health.breaker.state(now_ms));
        let models = core.channel(ix).map(|channel| channel.models.clone()).unwrap_or_default();
        let mut states = models.filter_map(|model| self.model(ModelIx(model))).map(|of| of.breaker.state(now_ms));
        match (own, states.next()) {
            (BreakerState::Closed, Some(first)) => states.fold(first, BreakerState::better),
            (own, _) => own,
        }
    }

    /// The present, for a request of about `tokens` tokens.
    #[must_use]
    pub fn view(&self, core: &Snapshot, now_ms: u64, tokens: u64) -> View<'_> {
        let (day, several) = (Window::at(Period::Day, core.zone(), now_ms), core.channels().len() > 1);
        View { world: self, now_ms, tokens, day, pinned: None, several, asking: false }
    }

    /// The most attempts that a channel may have running for the sake of others, if there are `several`. A limit of its own goes
    /// before.
    pub(super) fn at_most(&self, channel: &ChannelCell, several: bool) -> Option<u64> {
        (several && channel.limits.max_in_flight.is_none()).then_some(self.rules.per_channel)
    }
}

impl View<'_> {
    /// The present of a request that only who keeps its state can serve.
    #[must_use]
    pub const fn pinned_to(self, pinned: Option<Pinned>) -> Self {
        Self { pinned, ..self }
    }

    /// The present of a question that asks that key of a channel whether it serves again: it may be asked what is away until a
    /// repair, too, but not before a time that its provider has named.
    #[must_use]
    pub const fn asking(self, pinned: Pinned) -> Self {
        Self { pinned: Some(pinned), asking: true, ..self }
    }

    fn away(&self, health: &Health) -> Away {
        let breaker = breaker_view(&health.breaker, &self.world.rules.breaker, self.now_ms);
        Away { breaker, ..self.cooling(&health.cooldown) }
    }

    fn cooling(&self, cooldown: &Cooldown) -> Away {
        Away {
            cooldown_until_ms: cooldown.until(self.now_ms).unwrap_or(0),
            cooldown_is_guess: cooldown.is_guess(self.now_ms) || (self.asking && cooldown.can_be_asked(self.now_ms)),
            rate_limited_until_ms: cooldown.rate_limited_until(self.now_ms).unwrap_or(0),
            breaker: BreakerView::Closed,
        }
    }

    /// What the keys of a channel leave to a request, with what keeps them away for its model, if anything does.
    fn keys(&self, ix: ChannelIx, cell: &ChannelCell, pairs: &[Arc<Cooldown>]) -> Keys {
        let pinned = self.pinned.filter(|pinned| pinned.channel == ix).map(|pinned| usize::from(pinned.key));
        let usable = cell.keys.iter().enumerate().filter(|(place, _)| pinned.is_none_or(|pinned| pinned == *place));
        let found = usable.map(|(place, key)| self.key(key, pairs.get(place).map(Arc::as_ref)));
        found.reduce(Keys::or).unwrap_or_default()
    }

    fn key(&self, key: &KeyCell, pair: Option<&Cooldown>) -> Keys {
        let mut away = self.cooling(&key.health.cooldown);
        if let Some(pair) = pair {
            away = away.and(self.cooling(pair));
        }
        let limited = key.limits();
        let limits = limited.map(|of| of.limiter.view(&of.limits, self.tokens, &self.day, self.now_ms));
        if let Some(wait_ms) = limits.and_then(|limits| limits.wait_ms) {
            away.rate_limited_until_ms = away.rate_limited_until_ms.max(self.now_ms.saturating_add(wait_ms));
        }
        let too_small = limited.and_then(|of| of.limits.tokens_per_minute).is_some_and(|most| self.tokens > most);
        Keys { unfit: too_small || self.world.is_spent(key, self.now_ms), away, limits }
    }
}

/// What the best of some keys leaves to a request.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    /// None of them can serve it, however long it waits: that is another's business to say, here it only stands back.
    unfit: bool,
    /// Of the one that is back first.
    away: Away,
    /// Of the one that has most room; `None` where one has no limits.
    limits: Option<limits::View>,
}

impl Keys {
    fn or(self, other: Self) -> Self {
        let back = |of: &Self| (of.unfit, of.away.cooldown_until_ms.max(of.away.rate_limited_until_ms));
        let Self { unfit, away, .. } = if back(&other) < back(&self) { other } else { self };
        let limits = self.limits.zip(other.limits);
        let roomier = limits.map(|(one, two)| if two.headroom > one.headroom { two } else { one });
        Self { unfit, away, limits: roomier }
    }
}

/// Limits that both hold.
fn together(channel: Option<limits::View>, keys: Option<limits::View>) -> Option<limits::View> {
    let (Some(one), Some(two)) = (channel, keys) else {
        return channel.or(keys.map(|keys| limits::View { today: 0, ..keys }));
    };
    Some(limits::View {
        minute_used: [one.minute_used, two.minute_used].into_iter().flatten().reduce(f64::max),
        headroom: one.headroom.min(two.headroom),
        ..one
    })
}

fn breaker_view(breaker: &Breaker, config: &BreakerConfig, now_ms: u64) -> BreakerView {
    match breaker.state(now_ms) {
        BreakerState::Closed => BreakerView::Closed,
        BreakerState::HalfOpen => BreakerView::HalfOpen { allows: breaker.would_pass(config, now_ms) },
        BreakerState::Open => {
            let until_ms = breaker.open_until(now_ms).unwrap_or(now_ms);
            BreakerView::Open { until_ms, early_ms: breaker.early_from(now_ms).unwrap_or(now_ms) }
        }
    }
}

impl Live for View<'_> {
    fn pinned(&self) -> Option<ChannelIx> {
        self.pinned.map(|pinned| pinned.channel)
    }

    fn model(&self, ix: ModelIx) -> ModelLive {
        let Some(cell) = self.world.models.get(ix.slot()) else { return ModelLive::default() };
        let health = &cell.health;
        let mut away = self.away(health);
        // A key that is set aside for this model alone sets the model aside when no other is left.
        if cell.pairs.iter().any(|pair| pair.is_cooling(self.now_ms))
            && let Some(channel) = self.world.channel(cell.channel)
        {
            away = away.and(self.keys(cell.channel, channel, &cell.pairs).away);
        }
        ModelLive {
            in_flight: health.in_flight(),
            ttft_ms: health.first_byte_ms.get(),
            ttft_p95_ms: health.first_byte_tails.of(Shape::Stream).p95_ms(),
            tokens_per_second: health.tokens_per_second.get(),
            success_rate: Some(health.success.get(Health::TAU_MS, self.now_ms)),
            observations: health.success.weight(Health::TAU_MS, self.now_ms),
            away,
        }
    }

    fn channel(&self, ix: ChannelIx) -> ChannelLive {
        let Some(cell) = self.world.channel(ix) else { return ChannelLive::default() };
        let state = &cell.state;
        let mut away = self.away(&state.health);
        let limits = cell.has_limits().then(|| state.limiter.view(&cell.limits, self.tokens, &self.day, self.now_ms));
        if let Some(wait_ms) = limits.and_then(|limits| limits.wait_ms) {
            away.rate_limited_until_ms = away.rate_limited_until_ms.max(self.now_ms.saturating_add(wait_ms));
        }
        // Keys that are set aside or full set the channel aside when none is left.
        let keys = self.keys(ix, cell, &[]);
        away = away.and(keys.away);
        let limits = together(limits, keys.limits);
        let spent_today = cell.budget.map_or(Nano::ZERO, |budget| self.world.used(&budget, self.now_ms));
        ChannelLive {
            in_flight: state.health.in_flight(),
            at_most: self.world.at_most(cell, self.several),
            health: Some(state.health.success.get(Health::TAU_MS, self.now_ms)),
            quota_remaining: limits.map(|limits| limits.headroom),
            minute_used: limits.and_then(|limits| limits.minute_used),
            saving_usd: state.saving.get(),
            requests_today: limits.map_or(0, |limits| limits.today),
            spent_today,
            away,
        }
    }

    fn member_requests_today(&self, group: GroupIx, model: ModelIx) -> u64 {
        let member = self.world.group(group).and_then(|group| group.members.get(&model));
        member.map_or(0, |member| member.limiter.today(&self.day))
    }
}
