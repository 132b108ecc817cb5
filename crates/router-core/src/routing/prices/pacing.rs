//! Pacing: what one use of a scarce quota is worth now.
//!
//! A quota (`requests_per_day` of a channel, `daily_limit` of a member) that is cheaper than everything else is used up by
//! whoever comes first, while its best use is for the requests that would be dear elsewhere. So a use of it costs a
//! shadow price in routing, never in the books: the mean that a use has saved, times a pressure that is 0 while use is
//! behind the clock and doubles for each 5 % that it is ahead. A request takes the quota if it saves more than that.
//! This is a bid price with feedback from the clock: where too many pass, use runs ahead and the bar rises; where too few
//! do, it falls to nothing, so that no quota is left over (Talluri and van Ryzin, *Revenue Management*, 2004, chapter 3).

use crate::catalog::ChannelIx;
use crate::routing::factors::View;

/// How much further ahead of the clock doubles the pressure.
const DOUBLING: f64 = 0.05;
/// Pressures beyond this are this: nothing that is worth so many times the mean is kept out.
const MOST: f64 = 1e6;

/// What the use of a quota would have saved in one decision. To be told to the channel's average, which comes back as
/// [`super::super::ChannelLive::saving_usd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saving {
    /// The channel with the quota.
    pub channel: ChannelIx,
    /// USD: the cheapest candidate without a quota, less this one; at least 0.
    pub usd: f64,
}

/// How many mean savings one more use is worth: 2^(ahead / 5 %) − 1, where *ahead* compares what is left of the day
/// with what is left of the quota. `used` and `elapsed` are shares, 0…1.
#[must_use]
pub fn pressure(used: f64, elapsed: f64) -> f64 {
    let (left, time) = (1.0 - used, 1.0 - elapsed);
    if time <= 0.0 {
        return 0.0;
    }
    if left <= 0.0 {
        return MOST;
    }
    let ahead = time / left - 1.0;
    if ahead > 0.0 { ((ahead / DOUBLING).exp2() - 1.0).min(MOST) } else { 0.0 }
}

/// The used share of the scarcest quota of a candidate; `None` if it has none.
#[expect(clippy::cast_precision_loss, reason = "a share for ranking")]
pub(crate) fn used(view: &View<'_>) -> Option<f64> {
    let share = |used: u64, limit: u64| if limit > 0 { used as f64 / limit as f64 } else { 1.0 };
    let channel = view.channel.limits.requests_per_day.map(|limit| share(view.channel_live.requests_today, limit));
    let member = view.member.daily_limit.map(|limit| share(view.member_today, limit));
    match (channel, member) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

/// The shadow price of a candidate whose quota is used to that share, in USD. Nothing until a saving has been observed.
pub(crate) fn shadow_usd(view: &View<'_>, used: f64, elapsed: f64) -> f64 {
    let saving = view.channel_live.saving_usd.filter(|usd| usd.is_finite() && *usd > 0.0);
    saving.map_or(0.0, |usd| usd * pressure(used, elapsed))
}

#[cfg(test)]
mod tests {
    use super::pressure;

    #[test]
    fn the_pressure_follows_the_clock() {
        for (used, elapsed, expected) in
            [(0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.2, 0.9, 0.0), (1.0, 0.5, 1e6), (1.0, 1.0, 0.0), (0.3, 1.0, 0.0)]
        {
            assert_eq!(pressure(used, elapsed), expected, "{used} {elapsed}");
        }
        assert!((pressure(1.0 - 1.0 / 1.05, 0.0) - 1.0).abs() < 1e-9);
        let rising: Vec<f64> = (0..100).map(|used| pressure(f64::from(used) / 100.0, 0.25)).collect();
        assert!(rising.windows(2).all(|pair| pair[0] <= pair[1]), "{rising:?}");
    }
}
