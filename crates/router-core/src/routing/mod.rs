//! Routing: which channel models can take a request, and in which order they are tried.
//!
//! [`resolve`] turns the name that a client asked for into a [`Target`]; [`decide`] turns target, request and live
//! state into a [`Decision`] that names every candidate, chosen or with its reason. Both are pure.

mod decide;
mod decision;
mod explain;
mod explore;
mod factors;
mod filter;
mod hash;
mod last_resort;
pub mod live;
mod nearest;
mod plan;
mod prices;
mod rank;
mod reason;
mod recompute;
mod resolve;
mod score;
mod select;
mod sighting;
mod slo;
mod sticky;
mod strategy;
mod unknown;

pub use decide::decide;
pub use decision::{Candidate, Decision, Moment, NoCandidate, NoneKind, Standing, Tier, Verdict};
pub use explain::{
    Asked, Chosen, ExplainedCandidate, ExplainedFactor, ExplainedLayer, ExplainedPrice, Explanation, Seen,
};
pub use factors::{FACTORS, Factor, FactorRef, Layer, USUAL_OUTPUT_TOKENS, factor, factor_names, usually_descending};
pub use live::{Away, BreakerView, ChannelLive, Live, ModelLive, NoLive};
pub use prices::{Costs, PRICE_RULES, PricePolicies, PricePolicy, PriceRule, Saving, pressure, price_rule};
pub use reason::{Reason, ReasonClass, Scope};
pub use recompute::{Change, NotRecomputable, Recomputed, RecomputedCandidate, Recorded, spell_out};
pub use resolve::{Members, NotFound, Target, Variant, exists, resolve};
pub use score::NEUTRAL;
pub use select::{SELECTORS, Selector, selector};
pub use sighting::{Known, Load, Sighting};
pub use slo::Miss;
pub use sticky::{Held, Sticky};
pub use strategy::{SLO, STRATEGIES, Strategy, default_strategy, strategy};
pub use unknown::Unknown;
