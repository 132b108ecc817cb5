//! What providers do with a call: the only thing that a rehearsal has to be told.

use super::Request;
use crate::catalog::Snapshot;
use crate::fault::Fault;
use crate::request::Metered;
use crate::usage::{Usage, UsageSource};
use crate::world::Target;

/// An attempt that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The catalogue that indices belong to.
    pub core: &'a Snapshot,
    /// Channel model and key.
    pub target: &'a Target,
    /// The request.
    pub request: &'a Request,
    /// Its number among all requests, from 0.
    pub number: u64,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// When it is sent; unix milliseconds.
    pub now_ms: u64,
    /// The most output tokens that the provider is told of: the client's limit, or what is reserved where a budget counts.
    pub output_cap: Option<u64>,
}

/// What comes of a call. Times are milliseconds from sending.
#[derive(Clone, Debug)]
pub struct Reply {
    /// When the first content of a stream comes; `None`: none comes. Not read where the answer is no stream.
    pub first_ms: Option<u64>,
    /// When the last sign of life comes: between the first content and here chunks come without a pause.
    pub last_ms: u64,
    /// When and how it ends; `None`: it hangs until a deadline.
    pub end: Option<(u64, Ending)>,
    /// What has been consumed when the last sign of life has come.
    pub usage: Usage,
}

/// How an answer ends.
#[derive(Clone, Debug)]
pub enum Ending {
    /// Whole.
    Whole,
    /// With a fault. What had passed before it counts as consumed.
    Failed(Fault),
}

/// Providers.
pub trait Provider {
    /// What comes of a call.
    fn call(&mut self, call: &Call<'_>) -> Reply;
}

impl Reply {
    /// A whole answer.
    #[must_use]
    pub const fn whole(first_ms: u64, end_ms: u64, usage: Usage) -> Self {
        Self { first_ms: Some(first_ms), last_ms: end_ms, end: Some((end_ms, Ending::Whole)), usage }
    }

    /// A fault before any content.
    #[must_use]
    pub fn fault(end_ms: u64, fault: Fault) -> Self {
        Self { first_ms: None, last_ms: 0, end: Some((end_ms, Ending::Failed(fault))), usage: Usage::default() }
    }

    /// Silence.
    #[must_use]
    pub fn silence() -> Self {
        Self { first_ms: None, last_ms: 0, end: None, usage: Usage::default() }
    }

    /// What of a stream has passed after that time; `None` before its first content.
    pub(super) fn passed(&self, after_ms: u64) -> Option<Metered> {
        let first_ms = self.first_ms.filter(|first| *first <= after_ms)?;
        let whole = self.last_ms.saturating_sub(first_ms);
        let part = after_ms.min(self.last_ms).saturating_sub(first_ms);
        let output = match whole {
            0 => self.usage.output,
            _ => {
                u64::try_from(u128::from(self.usage.output) * u128::from(part) / u128::from(whole)).unwrap_or(u64::MAX)
            }
        };
        let usage = Usage { output, reasoning: self.usage.reasoning.min(output), ..self.usage };
        Some(Metered { usage, source: UsageSource::Counted })
    }
}
