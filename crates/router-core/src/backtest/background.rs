//! Requests that are not decided anew: they happen as the log says, use limits and budgets, and teach health.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use super::recall::Names;
use super::{Entry, Tried, TriedEnd, key_place};
use crate::catalog::{KeyIx, Snapshot};
use crate::health::Shape;
use crate::rehearsal::{Provider, Stage, VirtualRouter, Watch};
use crate::request::{Event, Metered};
use crate::usage::UsageSource;
use crate::world::{Ended, Holding, Target};

/// Attempts of the log that run beside the replay.
#[derive(Debug)]
pub(super) struct Background {
    core: Arc<Snapshot>,
    names: Arc<Names>,
    /// Time of the end, and number.
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    running: HashMap<u64, (Holding, Tried, Option<Shape>, u64)>,
    number: u64,
}

impl Background {
    pub(super) fn new(core: &Arc<Snapshot>, names: &Arc<Names>) -> Self {
        let (core, names) = (Arc::clone(core), Arc::clone(names));
        Self { core, names, ends: BinaryHeap::new(), running: HashMap::new(), number: 0 }
    }

    /// A request that happens as it happened. Attempts at what the tested catalogue does not have are left out.
    pub(super) fn add(&mut self, entry: &Entry, key: Option<KeyIx>, stage: &Stage) {
        let group = entry.group.as_ref().and_then(|name| self.core.group_by_name(name));
        let ask = entry.ask.clone().unwrap_or_default();
        for tried in &entry.attempts {
            let Some(model) = self.names.upstream(&tried.channel, &tried.upstream_model) else { continue };
            let target = Target {
                model,
                group,
                key: usize::from(key_place(&self.core, model, tried.provider_key.as_ref()).unwrap_or(0)),
            };
            let began_ms = entry.at_ms.saturating_add(tried.after_ms);
            stage.world.spend(&self.core, key, &target, tried.cost, began_ms);
            // What a limit of the tested policy would have refused takes nothing from it.
            // A question of the router's own passes an open breaker.
            if let Ok(holding) = stage.world.take(&self.core, &ask, &target, entry.is_probe, began_ms) {
                self.number += 1;
                self.ends.push(Reverse((began_ms.saturating_add(tried.took_ms), self.number)));
                self.running.insert(self.number, (holding, tried.clone(), entry.shape(), entry.seed));
            }
        }
    }

    /// Lets everything end that ends no later, in the order of time with what the router does.
    pub(super) fn until<P: Provider, W: Watch>(&mut self, until_ms: u64, router: &mut VirtualRouter<P, W>) {
        while let Some(Reverse((at_ms, number))) = self.ends.peek().copied().filter(|Reverse((at, _))| *at <= until_ms)
        {
            self.ends.pop();
            router.until(at_ms);
            let Some((holding, tried, shape, seed)) = self.running.remove(&number) else { continue };
            let metered = Metered { usage: tried.usage, source: UsageSource::Reported };
            let event = match tried.end {
                TriedEnd::Completed => Event::Ended(Some(metered)),
                TriedEnd::Failed(kind) => Event::Failed(tried.fault(kind), None),
                TriedEnd::Cancelled => Event::ClientGone(Some(metered)),
            };
            let ended = Ended {
                spent_until_ms: None,
                event: &event,
                shape,
                began_ms: 0,
                first_byte_ms: tried.first_ms,
                ended_ms: tried.took_ms,
                total_ms: u64::MAX,
                now_ms: at_ms,
                seed,
            };
            let _ = holding.report(&router.stage().world, &self.core, &ended);
        }
    }
}
