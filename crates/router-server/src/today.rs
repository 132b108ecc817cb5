//! Counts of the day, over a restart: what channels, provider keys and members of groups were asked for today, from the request log.

use std::collections::HashMap;

use router_core::budget::{Period, Window};
use router_core::catalog::{GroupIx, Member, ModelIx, Snapshot};
use router_core::fault::NotSent;
use router_core::world::KeyCell;
use router_store::{AttemptCount, Store, StoreResult};

use crate::snapshot::{ChannelSide, ServerSnapshot};

/// Sets the day's counts of all limiters to what the log says. To be called before anything is served, once the log holds
/// everything: it does not add to what is counted already.
///
/// # Errors
/// As the store says.
pub async fn load(store: &Store, snapshot: &ServerSnapshot, now_ms: u64) -> StoreResult<()> {
    let groups = || {
        snapshot
            .core
            .groups()
            .iter()
            .filter_map(|group| snapshot.world.group(snapshot.core.group_by_name(&group.name)?))
    };
    let keys: Vec<&KeyCell> = snapshot.channels().iter().flat_map(counting_keys).collect();
    let nobody_counts = keys.is_empty() && !snapshot.channels().iter().any(|channel| channel.cell.has_limits());
    if nobody_counts && groups().all(|group| group.members.is_empty()) {
        return Ok(());
    }
    let day = Window::at(Period::Day, &snapshot.zone, now_ms);
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let ids: Vec<&str> = keys.iter().map(|key| &*key.id).collect();
    let counts = store
        .attempt_counts(signed(day.start_ms), signed(day.end_ms), &NotSent::ALL.map(NotSent::as_str), &ids)
        .await?;
    let (channels, members) = sums(&snapshot.core, &counts);
    for (channel, side) in snapshot.core.channels().iter().zip(snapshot.channels()) {
        for key in counting_keys(side) {
            if let Some(limited) = &key.limited {
                limited.limiter.load_day(day.id, of_key(&counts, &channel.name, &key.id));
            }
        }
    }
    for (channel, side) in snapshot.core.channels().iter().zip(snapshot.channels()) {
        if let Some(count) = channels.get(&*channel.name) {
            side.cell.state.limiter.load_day(day.id, *count);
        }
    }
    for ((group, model), count) in members {
        if let Some(member) = snapshot.world.group(group).and_then(|group| group.members.get(&model)) {
            member.limiter.load_day(day.id, count);
        }
    }
    Ok(())
}

/// The keys of a channel whose attempts are counted.
fn counting_keys(channel: &ChannelSide) -> impl Iterator<Item = &KeyCell> {
    channel.cell.keys.iter().filter(|key| key.limited.is_some())
}

/// Attempts with a key. Where the log does not know the key, every one of its channel counts: rather too much than more than is
/// allowed.
fn of_key(counts: &[AttemptCount], channel: &str, key: &str) -> u64 {
    let is_meant = |count: &&AttemptCount| match count.provider_key.as_deref() {
        Some(id) => id == key,
        None => count.upstream_model.is_none() && count.channel == channel,
    };
    counts.iter().filter(is_meant).map(|count| u64::try_from(count.attempts).unwrap_or(0)).sum()
}

type Members = HashMap<(GroupIx, ModelIx), u64>;

/// Attempts by channel, and by member of a group.
fn sums<'a>(core: &Snapshot, counts: &'a [AttemptCount]) -> (HashMap<&'a str, u64>, Members) {
    let (mut channels, mut members) = (HashMap::new(), Members::new());
    for count in counts {
        *channels.entry(&*count.channel).or_default() += u64::try_from(count.attempts).unwrap_or(0);
        add_to_members(core, count, &mut members);
    }
    (channels, members)
}

/// The log names the group that was asked for, so an attempt of a fallback is found by going where the group would: what is more
/// than a member may take went through the next that has the same. Where the log does not know the model, every member on that
/// channel counts: rather too much than more than is allowed.
fn add_to_members(core: &Snapshot, count: &AttemptCount, members: &mut Members) {
    let is_meant = |member: &&Member| {
        core.model_and_channel(member.model).is_some_and(|(model, channel)| {
            *channel.name == *count.channel
                && count.upstream_model.as_deref().is_none_or(|name| *model.upstream_name == *name)
        })
    };
    let mut left = u64::try_from(count.attempts).unwrap_or(0);
    let mut groups: Vec<GroupIx> =
        count.group.as_deref().and_then(|name| core.group_by_name(name)).into_iter().collect();
    let mut next = 0;
    while let Some((at, group)) = groups.get(next).and_then(|at| Some((*at, core.group(*at)?))) {
        next += 1;
        let mut most = 0;
        for member in group.members.iter().filter(is_meant) {
            let sum = members.entry((at, member.model)).or_default();
            let taken = left.min(member.daily_limit.map_or(u64::MAX, |limit| limit.saturating_sub(*sum)));
            *sum += taken;
            most = most.max(taken);
        }
        left -= most;
        if left == 0 {
            return;
        }
        for fallback in group.fallback.iter().filter_map(|name| core.group_by_name(name)) {
            if !groups.contains(&fallback) {
                groups.push(fallback);
            }
        }
    }
}
