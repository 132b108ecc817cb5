//! A request of a rehearsal.

use super::Hindsight;
use crate::ask::Ask;
use crate::catalog::{ChannelIx, KeyIx};
use crate::world::Pinned;

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// When it comes; unix milliseconds.
    pub at_ms: u64,
    /// Who asks; `None`: whoever may use everything.
    pub key: Option<KeyIx>,
    /// What for. `held` is filled in from the session.
    pub ask: Ask,
    /// Draws its lots.
    pub seed: u64,
    /// Its number among those for the same name, where that is known; else it is counted.
    pub sequence: Option<u64>,
    /// Its whole time, where it is shorter than the router's; milliseconds.
    pub total_ms: Option<u64>,
    /// Its client leaves after so long; milliseconds.
    pub leaves_ms: Option<u64>,
    /// Who keeps the state that it builds on.
    pub pinned: Option<Pinned>,
    /// Channels whose dialect cannot hold it.
    pub unfit: Vec<ChannelIx>,
    /// What is known of it since it has happened before.
    pub hindsight: Option<Box<Hindsight>>,
    /// A number that means something to whoever made it.
    pub label: u32,
}
