//! The catalogue: what exists (providers, channels, channel models, groups, client keys) and the
//! immutable snapshot that a request reads.

mod bound;
mod build;
mod capability;
mod entities;
pub mod family;
mod free;
mod group;
mod hours;
mod ids;
mod intern;
mod names;
mod pattern;
mod problem;
mod snapshot;
pub mod spec;

pub use capability::{CAPABILITIES, Capabilities, Capability};
pub use entities::{Channel, ChannelModel, ClientKey, Facts};
pub use group::{Group, Member, TimePolicy};
pub use hours::Hours;
pub use ids::{ChannelIx, GroupIx, KeyIx, ListIx, ModelIx, ScoreId, TagId};
pub use pattern::{Pattern, any_matches};
pub use problem::Problem;
pub use snapshot::{Listed, Snapshot};

/// At most so many pricing policies may be enabled: which of them concern a channel model is one word.
pub const MOST_PRICE_POLICIES: usize = 64;
