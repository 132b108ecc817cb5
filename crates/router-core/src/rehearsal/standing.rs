//! What keeps a target away, before and after an attempt: the changes that a watch is told of.

use super::watch::Change;
use crate::catalog::Snapshot;
use crate::fault::Cell;
use crate::health::{BreakerState, Cooldown, Health};
use crate::world::{Target, World};

/// What keeps channel, channel model, key, and the pair of the last two away.
pub(super) type Standing = [Option<(BreakerState, Option<u64>)>; 4];

const CELLS: [Cell; 4] = [Cell::Channel, Cell::ChannelModel, Cell::Key, Cell::KeyModel];

pub(super) fn standing(world: &World, core: &Snapshot, target: &Target, now_ms: u64) -> Standing {
    let channel = world.channel_of(core, target.model);
    let of = |health: &Health| (health.breaker.state(now_ms), health.cooldown.until(now_ms));
    let of_pair = |pair: &Cooldown| (BreakerState::Closed, pair.until(now_ms));
    [
        channel.map(|channel| of(&channel.state.health)),
        world.model(target.model).map(|health| of(health)),
        channel.and_then(|channel| channel.keys.get(target.key)).map(|key| of(&key.health)),
        world.pair(target.model, target.key).map(|pair| of_pair(pair)),
    ]
}

pub(super) fn changes(before: Standing, after: Standing) -> impl Iterator<Item = (Cell, Change)> {
    let pairs = before.into_iter().zip(after).zip(CELLS);
    pairs.filter_map(|((before, after), cell)| Some((before?, after?, cell))).flat_map(|(before, after, cell)| {
        let breaker = (before.0 != after.0).then_some(Change::Breaker(after.0));
        let cooldown = (before.1 != after.1).then_some(after.1.map_or(Change::Back, Change::CoolingUntil));
        [breaker, cooldown].into_iter().flatten().map(move |change| (cell, change))
    })
}
