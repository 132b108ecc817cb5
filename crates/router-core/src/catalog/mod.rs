//! The catalogue: what exists (providers, channels, channel models, groups, client keys) and the
//! immutable snapshot that a request reads.

mod capability;
pub mod spec;

pub use capability::{CAPABILITIES, Capabilities, Capability};
