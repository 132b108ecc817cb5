//! What recorded requests would have come to under another policy: cost, times, failures, beside what they did come to, and how
//! sure that is.
//!
//! Two passes over the log, each in the order of time: [`Observations`] notes how each channel model answered in each hour, then
//! [`Backtest`] lets the requests arrive at a [`crate::rehearsal::VirtualRouter`] with the other policy. An attempt that the log holds goes as
//! it went; every other is drawn from what was observed of that channel model in that hour, or, where that is little, in the whole
//! period, or, where that is nothing, taken from the catalogue's scores. The result counts which was which.

mod background;
mod notes;
mod observed;
mod partings;
mod recall;
mod report;
mod run;
mod scope;
mod spread;
mod tallies;
mod totals;

use std::collections::HashSet;
use std::sync::Arc;

use crate::ask::Ask;
use crate::catalog::{ModelIx, Snapshot};
use crate::fault::{Fault, FaultKind};
use crate::health::Shape;
use crate::money::Nano;
use crate::request::Status;
use crate::routing::Seen;
use crate::usage::Usage;

pub use observed::Observations;
pub use report::{ChannelReport, Estimate, HourReport, Report, Side, Sources};
pub use run::Backtest;
pub use scope::Scope;

/// A request as the log holds it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it came, unix milliseconds.
    pub at_ms: u64,
    /// Of its id.
    pub seed: u64,
    /// Number of its turn, from the stored decision.
    pub sequence: Option<u64>,
    /// Id of the client key.
    pub key: Arc<str>,
    /// The group that was asked for, if one was.
    pub group: Option<Arc<str>>,
    /// What was asked for; `None` where the row does not say: it was refused before anything was decided, or an older version
    /// wrote it.
    pub ask: Option<Ask>,
    /// The router asked for itself whether a channel serves: no policy chose, and it is no measure of what clients get.
    pub is_probe: bool,
    /// Channel and model that the recorded decision put first.
    pub chosen: Option<(Arc<str>, Arc<str>)>,
    /// The only channel that could serve it, because it kept state that the request built on.
    pub pinned: Option<Arc<str>>,
    /// Channels whose dialect could not hold it.
    pub unfit: Vec<Arc<str>>,
    /// Channels that were passed over since a budget had no room.
    pub no_budget: Vec<Arc<str>>,
    /// Every call that was sent, in order.
    pub attempts: Vec<Tried>,
    /// Attempts that found no room, in order.
    pub unsent: Vec<Unsent>,
    /// What its decision saw of the present.
    pub seen: Seen,
    /// What of the tested configuration is as it was then; `None`: nobody knows, so the present is the replay's own.
    pub unchanged: Option<Arc<Unchanged>>,
    /// What was booked.
    pub cost: Nano,
    /// From first byte to last, milliseconds.
    pub took_ms: u64,
    /// To the first content.
    pub first_ms: Option<u64>,
    /// How it ended.
    pub status: Status,
}

impl Entry {
    /// How its answer came; `None` where its times say nothing of others'.
    fn shape(&self) -> Option<Shape> {
        (!self.is_probe).then(|| self.ask.as_ref().map_or(Shape::Whole, Ask::shape))
    }
}

/// A call as the log holds it. Times are milliseconds from its beginning.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Channel name.
    pub channel: Arc<str>,
    /// The model's name at the provider.
    pub upstream_model: Arc<str>,
    /// Id of the provider key, if it is known.
    pub provider_key: Option<Arc<str>>,
    /// When it began, from the request's arrival.
    pub after_ms: u64,
    /// To the first content, if any came.
    pub first_ms: Option<u64>,
    /// To its end.
    pub took_ms: u64,
    /// How it ended.
    pub end: TriedEnd,
    /// How long the provider asked to be left alone, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Until which date it said that it is away, unix milliseconds.
    pub until_ms: Option<u64>,
    /// What it consumed.
    pub usage: Usage,
    /// What it cost.
    pub cost: Nano,
}

impl Tried {
    /// The fault that it ended with, if it is of that kind.
    fn fault(&self, kind: FaultKind) -> Fault {
        Fault { retry_after_ms: self.retry_after_ms, until_ms: self.until_ms, ..Fault::new(kind, "") }
    }
}

/// The place of a provider key on the channel of that model, if it is known and still there.
fn key_place(core: &Snapshot, model: ModelIx, id: Option<&Arc<str>>) -> Option<u16> {
    let (channel, id) = core.model_and_channel(model).map(|(_, channel)| channel).zip(id)?;
    let place = channel.keys.iter().position(|key| key.id == *id)?;
    u16::try_from(place).ok()
}

/// An attempt that was never sent.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// Its place among all attempts of the request, from 0.
    pub place: usize,
    /// Id of the provider key, if it is known.
    pub provider_key: Option<Arc<str>>,
    /// Channel name.
    pub channel: Arc<str>,
    /// The model's name at the provider.
    pub upstream_model: Arc<str>,
    /// Why it was not.
    pub fault: Fault,
}

/// What of the tested configuration is as it was when requests were recorded, so that what they saw of the present still
/// means what it meant.
#[derive(Clone, Debug, Default)]
pub struct Unchanged {
    /// Channels whose models, limits and rules are the same.
    pub channels: HashSet<Arc<str>>,
    /// Groups whose members, overrides or filters are not.
    pub changed_groups: HashSet<Arc<str>>,
}

impl Unchanged {
    fn has_channel(&self, name: &str) -> bool {
        self.channels.contains(name)
    }

    fn has_group(&self, name: &str) -> bool {
        !self.changed_groups.contains(name)
    }
}

/// How a recorded call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriedEnd {
    /// Properly.
    Completed,
    /// With a fault.
    Failed(FaultKind),
    /// The client left, or the router ended: it says nothing about the provider.
    Cancelled,
}

impl TriedEnd {
    /// By the word of the row.
    #[must_use]
    pub fn named(outcome: &str) -> Self {
        let rule = crate::fault::RULES.iter().find(|rule| rule.class == outcome);
        match (outcome, rule) {
            ("completed", _) => Self::Completed,
            (_, Some(rule)) => Self::Failed(rule.kind),
            _ => Self::Cancelled,
        }
    }
}
