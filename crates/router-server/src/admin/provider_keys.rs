//! The provider keys of a channel in the admin API: what is configured, how each is doing, and what keeps it away. Of the
//! secret only what may be shown.

use router_core::catalog::{Channel, ModelIx};
use router_core::health::Health;
use router_core::world::KeyState;
use router_store::ProviderKeyFacts;
use serde_json::{Value, json};

use super::channels::when;
use crate::snapshot::{ChannelSide, ServerSnapshot};

/// The row of the key at that place of a channel.
pub(super) fn row(
    snapshot: &ServerSnapshot,
    (channel, side): (&Channel, &ChannelSide),
    place: usize,
    facts: Option<&ProviderKeyFacts>,
    now_ms: u64,
) -> Option<Value> {
    let (key, cell) = channel.keys.get(place).zip(side.cell.keys.get(place))?;
    let ix = snapshot.core.channel_by_name(&channel.name)?;
    let state = snapshot.world.key_state(&snapshot.core, ix, place, now_ms)?;
    // Of a single key everything but its cooldown is the channel's.
    let health = if channel.keys.len() > 1 { &cell.health } else { &side.cell.state.health };
    let (until_ms, reason) = match state {
        KeyState::Usable => (None, None),
        KeyState::Cooling { until_ms, why } => (Some(until_ms), Some(why)),
        KeyState::Full { limit, until_ms } => (until_ms, Some(limit.as_str())),
        KeyState::Spent { until_ms } => (Some(until_ms), Some("daily budget")),
    };
    Some(json!({
        "id": &*key.id,
        "configured": true,
        "last4": facts.map(|facts| facts.last4.as_str()),
        "fingerprint": facts.map(|facts| facts.fingerprint.as_str()),
        "weight": key.weight,
        "daily_budget": key.daily_budget.map(|usd| usd.to_string()),
        "spent_today": cell.budget.map(|budget| snapshot.world.used(&budget, now_ms).to_string()),
        "limits": {
            "requests_per_minute": key.limits.requests_per_minute,
            "tokens_per_minute": key.limits.tokens_per_minute,
            "requests_per_day": key.limits.requests_per_day,
            "max_in_flight": key.limits.max_in_flight,
        },
        "requests_today": snapshot.world.key_requests_today(&snapshot.core, cell, now_ms),
        "status": state.as_str(),
        "until": until_ms.map(when),
        "reason": reason,
        "cooldown_until": cell.health.cooldown.until(now_ms).map(when),
        "health": health.success.get(Health::TAU_MS, now_ms),
        "in_flight": health.in_flight(),
        "cooling_models": cooling_models(snapshot, channel, place, now_ms),
    }))
}

/// The models for which the key is set aside while it serves others.
fn cooling_models(snapshot: &ServerSnapshot, channel: &Channel, place: usize, now_ms: u64) -> Vec<Value> {
    let models = channel.models.clone().map(ModelIx);
    let cooling = models.filter_map(|ix| {
        let (model, pair) = snapshot.core.model(ix).zip(snapshot.world.pair(ix, place))?;
        let until_ms = pair.until(now_ms)?;
        Some(json!({ "model": &*model.name, "until": when(until_ms), "reason": pair.why(now_ms) }))
    });
    cooling.collect()
}
