//! How a tier is ranked: strategy, layers and algorithm.

use std::sync::{Arc, LazyLock};

use super::factors::{FactorRef, Layer};
use super::filter::InGroup;
use super::resolve::{Target, Variant};
use super::select::{self, Selector};
use super::strategy::{Strategy, default_strategy, strategy};
use crate::ask::Ask;
use crate::catalog::{Group, GroupIx};
use crate::wish::Sort;

/// How a tier is ranked.
pub(super) struct Plan {
    pub(super) strategy: &'static Strategy,
    pub(super) layers: Arc<[Layer]>,
    pub(super) selector: &'static Selector,
}

impl Plan {
    /// By what the request asks for, else by what its name says, else by the group's own.
    pub(super) fn of(ask: &Ask, target: &Target, group: InGroup<'_>, now_ms: u64) -> Self {
        let asked = ask.strategy.as_deref().and_then(|name| strategy(name).ok());
        if let Some(strategy) = asked {
            return preset(strategy, group);
        }
        let sort = ask.provider.as_ref().and_then(|wish| wish.sort).or(match target.variant {
            Some(Variant::Floor) => Some(Sort::Price),
            Some(Variant::Nitro) => Some(Sort::Throughput),
            Some(Variant::Free) | None => None,
        });
        if let Some(sort) = sort {
            return sorted(sort, group);
        }
        let Some((_, group)) = group else { return preset(default_strategy(), None) };
        let by_time = group.time_policy.as_ref().and_then(|policy| policy.layers(now_ms));
        Self {
            strategy: group.strategy,
            layers: Arc::clone(by_time.unwrap_or(&group.layers)),
            selector: group.selector,
        }
    }

    fn without_bands(self) -> Self {
        let balanced = strategy("balanced").unwrap_or(self.strategy);
        Self { strategy: balanced, ..self }
    }
}

/// A strategy by name instead of the group's; `multi_layer` keeps the layers of a group that has some.
fn preset(strategy: &'static Strategy, group: Option<(GroupIx, &Group)>) -> Plan {
    let own = group.filter(|(_, group)| strategy.own_layers && group.strategy.own_layers);
    let layers = own.map_or_else(|| strategy.preset_layers(), |(_, group)| Arc::clone(&group.layers));
    Plan { strategy, layers, selector: strategy.selector }
}

/// Ranked by one thing alone: the price, or a speed as observed, equals by what is configured.
fn sorted(sort: Sort, group: InGroup<'_>) -> Plan {
    static NITRO: LazyLock<Arc<[Layer]>> = LazyLock::new(|| fastest("throughput", true));
    static QUICK: LazyLock<Arc<[Layer]>> = LazyLock::new(|| fastest("ttft", false));
    let layers = match sort {
        Sort::Price => {
            let cheapest = strategy("cost_optimized").unwrap_or_else(|_| default_strategy());
            return preset(cheapest, group);
        }
        Sort::Throughput => &NITRO,
        Sort::Latency => &QUICK,
    };
    let plan = preset(default_strategy(), group);
    Plan { layers: Arc::clone(layers), selector: &select::TOP_SCORE, ..plan }.without_bands()
}

fn fastest(name: &str, descending: bool) -> Arc<[Layer]> {
    let layer =
        |name: &str, descending, weight| FactorRef::known(name).map(|factor| Layer { factor, descending, weight });
    [layer(name, descending, 1.0), layer("speed_score", true, 0.0)].into_iter().flatten().collect()
}
