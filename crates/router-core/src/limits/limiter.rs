//! One limiter for client keys, channels and group members: all dimensions at once or none, given back by a
//! ticket.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SlidingWindow;
use crate::budget::{PeriodId, Window};
use crate::catalog::spec::{ChannelLimits, KeyLimits};

const MINUTE_MS: u64 = 60_000;

/// The limits that hold now; they come from the snapshot with each call. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in any minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in any minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests in a calendar day.
    pub requests_per_day: Option<u64>,
    /// Requests at a time.
    pub max_in_flight: Option<u64>,
}

impl From<KeyLimits> for Limits {
    fn from(key: KeyLimits) -> Self {
        Self {
            requests_per_minute: key.requests_per_minute,
            tokens_per_minute: key.tokens_per_minute,
            requests_per_day: None,
            max_in_flight: key.max_in_flight,
        }
    }
}

impl From<ChannelLimits> for Limits {
    fn from(channel: ChannelLimits) -> Self {
        Self {
            requests_per_minute: channel.requests_per_minute,
            tokens_per_minute: channel.tokens_per_minute,
            requests_per_day: channel.requests_per_day,
            max_in_flight: channel.max_in_flight,
        }
    }
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Requests in a minute.
    Requests,
    /// Tokens in a minute.
    Tokens,
    /// Requests in a day.
    Day,
    /// Requests at a time.
    InFlight,
}

impl Dimension {
    /// The words of the message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests per minute",
            Self::Tokens => "tokens per minute",
            Self::Day => "requests per day",
            Self::InFlight => "requests at a time",
        }
    }
}

/// A request did not fit. Nothing was taken from any dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What ran out.
    pub dimension: Dimension,
    /// The limit.
    pub limit: u64,
    /// Milliseconds until it fits as far as this dimension is concerned; `None`: it alone is larger than the
    /// limit and never will.
    pub retry_after_ms: Option<u64>,
    /// For the headers.
    pub rates: Rates,
}

/// What is left of one dimension, for `x-ratelimit-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The limit.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// Milliseconds until all of it is there again.
    pub reset_ms: u64,
}

/// What is left, for the headers; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// `x-ratelimit-*-requests`
    pub requests: Option<Room>,
    /// `x-ratelimit-*-tokens`
    pub tokens: Option<Room>,
}

/// What routing sees of a limiter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Milliseconds until the request fits; `None` if it fits now, or never.
    pub wait_ms: Option<u64>,
    /// The largest used share of the limits per minute, 0…1; `None` where there are none.
    pub minute_used: Option<f64>,
    /// The smallest free share over all limited dimensions, 0…1; 1 without limits.
    pub headroom: f64,
    /// Requests of the day.
    pub today: u64,
}

#[expect(clippy::cast_precision_loss, reason = "a score, not a count")]
fn used_share(used: u64, limit: u64) -> f64 {
    if limit == 0 { 1.0 } else { (used as f64 / limit as f64).min(1.0) }
}

/// Live counts of one thing that has limits. Outlives snapshots. Share it as `Arc<Limiter>`.
#[derive(Debug)]
pub struct Limiter(Mutex<State>);

#[derive(Debug)]
struct State {
    requests: SlidingWindow,
    tokens: SlidingWindow,
    day: Option<(PeriodId, u64)>,
    in_flight: u64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self(Mutex::new(State {
            requests: SlidingWindow::new(MINUTE_MS),
            tokens: SlidingWindow::new(MINUTE_MS),
            day: None,
            in_flight: 0,
        }))
    }
}

impl Limiter {
    /// Takes one request of `tokens` (an upper estimate) from every dimension, or from none. `now_ms` is
    /// monotonic; `day` is the current day of the budgets' zone.
    ///
    /// # Errors
    /// The dimension that has to be waited for longest.
    pub fn acquire(
        self: &Arc<Self>,
        limits: &Limits,
        tokens: u64,
        day: &Window,
        now_ms: u64,
        now_unix_ms: u64,
    ) -> Result<Ticket, Refusal> {
        let mut state = self.lock();
        if let Some(refusal) = state.refusal(limits, tokens, day, now_ms, now_unix_ms) {
            return Err(refusal);
        }
        let request_at = state.requests.add(1, now_ms);
        let tokens_at = state.tokens.add(tokens, now_ms);
        state.day = Some((day.id, state.today(day).saturating_add(1)));
        state.in_flight += 1;
        let rates = state.rates(limits, now_ms);
        drop(state);
        Ok(Ticket { limiter: Arc::clone(self), request_at, tokens_at, tokens, day: day.id, rates })
    }

    /// What [`Self::acquire`] would refuse with, without taking anything: for filtering candidates.
    #[must_use]
    pub fn refusal(
        &self,
        limits: &Limits,
        tokens: u64,
        day: &Window,
        now_ms: u64,
        now_unix_ms: u64,
    ) -> Option<Refusal> {
        self.lock().refusal(limits, tokens, day, now_ms, now_unix_ms)
    }

    /// Requests that hold a ticket.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.lock().in_flight
    }

    /// Everything that routing looks at, under one lock. `tokens` are those of the request that is to be routed.
    #[must_use]
    pub fn view(&self, limits: &Limits, tokens: u64, day: &Window, now_ms: u64) -> View {
        let mut state = self.lock();
        let refusal = state.refusal(limits, tokens, day, now_ms, now_ms);
        let requests = limits.requests_per_minute.map(|limit| used_share(state.requests.used(now_ms), limit));
        let minute = limits.tokens_per_minute.map(|limit| used_share(state.tokens.used(now_ms), limit));
        let minute_used = [requests, minute].into_iter().flatten().reduce(f64::max);
        let today = state.today(day);
        let day = limits.requests_per_day.map(|limit| used_share(today, limit));
        let running = limits.max_in_flight.map(|limit| used_share(state.in_flight, limit));
        let used = [minute_used, day, running].into_iter().flatten().fold(0.0, f64::max);
        View { wait_ms: refusal.and_then(|refusal| refusal.retry_after_ms), minute_used, headroom: 1.0 - used, today }
    }

    /// Sets the day's count, as the books say. For start-up.
    pub fn load_day(&self, day: PeriodId, requests: u64) {
        self.lock().day = Some((day, requests));
    }

    /// Requests counted on that day.
    #[must_use]
    pub fn today(&self, day: &Window) -> u64 {
        self.lock().today(day)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn today(&self, day: &Window) -> u64 {
        self.day.filter(|(id, _)| *id >= day.id).map_or(0, |(_, count)| count)
    }

    fn refusal(
        &mut self,
        limits: &Limits,
        tokens: u64,
        day: &Window,
        now_ms: u64,
        now_unix_ms: u64,
    ) -> Option<Refusal> {
        let full = |used: u64, limit: u64, wait_ms: Option<u64>| if used < limit { Some(0) } else { wait_ms };
        let checks = [
            (Dimension::Requests, limits.requests_per_minute.map(|l| (l, self.requests.wait(1, l, now_ms)))),
            (Dimension::Tokens, limits.tokens_per_minute.map(|l| (l, self.tokens.wait(tokens, l, now_ms)))),
            (
                Dimension::Day,
                limits.requests_per_day.map(|l| {
                    let until_turn = (l > 0).then(|| day.end_ms.saturating_sub(now_unix_ms).max(1));
                    (l, full(self.today(day), l, until_turn))
                }),
            ),
            // nobody knows when a running request ends
            (Dimension::InFlight, limits.max_in_flight.map(|l| (l, full(self.in_flight, l, (l > 0).then_some(1_000))))),
        ];
        let (dimension, limit, wait) = checks
            .into_iter()
            .filter_map(|(dimension, check)| check.map(|(limit, wait)| (dimension, limit, wait)))
            .filter(|(_, _, wait)| *wait != Some(0))
            .max_by_key(|(_, _, wait)| wait.unwrap_or(u64::MAX))?;
        Some(Refusal { dimension, limit, retry_after_ms: wait, rates: self.rates(limits, now_ms) })
    }

    fn rates(&mut self, limits: &Limits, now_ms: u64) -> Rates {
        let room = |limit: Option<u64>, window: &mut SlidingWindow| {
            limit.map(|limit| Room {
                limit,
                remaining: limit.saturating_sub(window.used(now_ms)),
                reset_ms: window.empty_in(now_ms),
            })
        };
        Rates {
            requests: room(limits.requests_per_minute, &mut self.requests),
            tokens: room(limits.tokens_per_minute, &mut self.tokens),
        }
    }
}

/// One request inside of its limits. Dropping it ends the request; what it took from minute and day stays.
#[derive(Debug)]
#[must_use = "dropping the ticket ends the request"]
pub struct Ticket {
    limiter: Arc<Limiter>,
    request_at: u64,
    tokens_at: u64,
    tokens: u64,
    day: PeriodId,
    rates: Rates,
}

impl Ticket {
    /// What was left after taking, for the headers.
    #[must_use]
    pub const fn rates(&self) -> Rates {
        self.rates
    }

    /// Replaces the estimate by the true number of tokens, which is never refused.
    pub fn correct(&mut self, tokens: u64, now_ms: u64) {
        self.limiter.lock().tokens.correct(self.tokens_at, self.tokens, tokens, now_ms);
        self.tokens = tokens;
    }

    /// Gives everything back: the request was never sent.
    pub fn undo(self, now_ms: u64) {
        let mut state = self.limiter.lock();
        state.requests.correct(self.request_at, 1, 0, now_ms);
        state.tokens.correct(self.tokens_at, self.tokens, 0, now_ms);
        if let Some((_, count)) = state.day.as_mut().filter(|(id, _)| *id == self.day) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.limiter.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}
