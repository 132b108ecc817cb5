//! Strategies: a name for preset layers and a way to order.

use std::sync::{Arc, LazyLock};

use super::factors::{FactorRef, Layer};
use super::select::{self, Selector};
use super::unknown::Unknown;

/// How candidates are ranked.
#[derive(Debug)]
pub struct Strategy {
    /// Name in configuration and `x-router-strategy`.
    pub name: &'static str,
    /// What it is for, for people.
    pub doc: &'static str,
    /// Factor, whether larger is better, weight. A weight of 0 only breaks ties.
    preset: &'static [(&'static str, bool, f64)],
    /// Whether the group's own layers replace the preset.
    pub own_layers: bool,
    /// Whether a better priority always goes before a worse one, whatever the scores.
    pub by_priority: bool,
    /// The way to order where the group names none.
    pub selector: &'static Selector,
}

/// Every strategy. To add one: one entry.
pub const STRATEGIES: &[&Strategy] = &[
    &Strategy {
        name: "multi_layer",
        doc: "the weighted mean of the group's own layers",
        preset: BALANCED,
        own_layers: true,
        by_priority: false,
        selector: &select::TOP_SCORE,
    },
    &Strategy {
        name: "cost_optimized",
        doc: "the cheapest for this request; equals by reliability, then speed",
        preset: &[("effective_cost", false, 1.0), ("reliability_score", true, 0.0), ("speed_score", true, 0.0)],
        own_layers: false,
        by_priority: false,
        selector: &select::TOP_SCORE,
    },
    &Strategy {
        name: "speed_optimized",
        doc: "the fastest; equals by reliability, then cost",
        preset: &[("speed_score", true, 1.0), ("reliability_score", true, 0.0), ("effective_cost", false, 0.0)],
        own_layers: false,
        by_priority: false,
        selector: &select::TOP_SCORE,
    },
    &Strategy {
        name: "quality_optimized",
        doc: "the best quality score; equals by reliability, then cost",
        preset: &[("quality_score", true, 1.0), ("reliability_score", true, 0.0), ("effective_cost", false, 0.0)],
        own_layers: false,
        by_priority: false,
        selector: &select::TOP_SCORE,
    },
    &Strategy {
        name: "balanced",
        doc: "cost 0.3, speed 0.25, quality 0.25, reliability 0.2",
        preset: BALANCED,
        own_layers: false,
        by_priority: false,
        selector: &select::TOP_SCORE,
    },
    PRIORITY,
    &Strategy {
        name: "load_balance",
        doc: "spread over all candidates by weight",
        preset: &[],
        own_layers: false,
        by_priority: false,
        selector: &select::WEIGHTED_ROUND_ROBIN,
    },
    &Strategy {
        name: SLO,
        doc: "the cheapest that holds the group's goals (slo); where nobody does, the nearest to them",
        preset: &[
            ("effective_cost", false, 1.0),
            ("ttft_p95", false, 0.0),
            ("reliability_score", true, 0.0),
            ("speed_score", true, 0.0),
        ],
        own_layers: false,
        by_priority: false,
        selector: &select::TOP_SCORE,
    },
];

/// The strategy that goes by goals.
pub const SLO: &str = "slo";

const PRIORITY: &Strategy = &Strategy {
    name: "priority",
    doc: "the best priority first; among equals by weight",
    preset: &[],
    own_layers: false,
    by_priority: true,
    selector: &select::WEIGHTED_ROUND_ROBIN,
};

const BALANCED: &[(&str, bool, f64)] = &[
    ("effective_cost", false, 0.3),
    ("speed_score", true, 0.25),
    ("quality_score", true, 0.25),
    ("reliability_score", true, 0.2),
];

/// Compiled once: the same layers serve every decision.
static PRESETS: LazyLock<Vec<Arc<[Layer]>>> =
    LazyLock::new(|| STRATEGIES.iter().map(|strategy| strategy.compile()).collect());

impl Strategy {
    fn compile(&self) -> Arc<[Layer]> {
        let layer = |(name, descending, weight): &(&str, bool, f64)| {
            FactorRef::known(name).map(|factor| Layer { factor, descending: *descending, weight: *weight })
        };
        self.preset.iter().filter_map(layer).collect()
    }

    /// What [`Strategy::preset_layers`] look at, in the same order.
    pub(crate) fn preset_fields(&self) -> impl Iterator<Item = &'static str> {
        self.preset.iter().map(|(name, _, _)| *name)
    }

    /// Its layers. For `multi_layer`, which has none of its own, those of `balanced`.
    #[must_use]
    pub fn preset_layers(&self) -> Arc<[Layer]> {
        let place = STRATEGIES.iter().position(|strategy| strategy.name == self.name);
        place.and_then(|place| PRESETS.get(place)).cloned().unwrap_or_else(|| Arc::from([]))
    }
}

/// The strategy of that name.
///
/// # Errors
/// With a sentence that names the allowed ones.
pub fn strategy(name: &str) -> Result<&'static Strategy, Unknown> {
    let known = STRATEGIES.iter().copied().find(|strategy| strategy.name == name);
    known.ok_or_else(|| Unknown::new("strategy", name, STRATEGIES.iter().map(|strategy| strategy.name)))
}

/// For plain model names and groups that name no strategy: best priority first, then by weight, as users of other
/// gateways know it.
#[must_use]
pub fn default_strategy() -> &'static Strategy {
    PRIORITY
}
