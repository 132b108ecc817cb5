//! What a rehearsal tells.

use super::Request;
use crate::fault::{Cell, ErrorCode, Fault};
use crate::health::BreakerState;
use crate::request::{AttemptRecord, Status};
use crate::routing::Decision;
use crate::settle::Settlement;
use crate::world::Target;

/// Something that happened to a request.
#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    /// It came.
    Arrived(&'a Request),
    /// It waits for others to end.
    Queued,
    /// Who should serve it, or that nobody can.
    Decided(&'a Decision),
    /// An attempt goes out.
    Sent {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Where.
        target: &'a Target,
        /// Whether it probes the half-open breaker of its channel model, of its channel.
        probes: [bool; 2],
    },
    /// An attempt that could not go out: no room, no probe, no money.
    Unsent {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Where it would have gone.
        target: &'a Target,
        /// Why not.
        fault: &'a Fault,
    },
    /// The first content of a stream goes to the client.
    FirstByte {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// From where.
        target: &'a Target,
    },
    /// An attempt ended.
    Ended {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Where it was.
        target: &'a Target,
        /// `completed`, `client_closed`, `outrun`, or the fault's class.
        outcome: &'static str,
        /// Of a good answer: milliseconds to its first content.
        first_ms: Option<u64>,
        /// Milliseconds that it took.
        whole_ms: u64,
    },
    /// What the end of an attempt changed.
    Changed {
        /// Where.
        target: &'a Target,
        /// Of what: the channel, its model or its key.
        cell: Cell,
        /// How.
        change: Change,
    },
    /// It ended.
    Finished(Finished<'a>),
}

/// A change of what keeps something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The breaker opened, closed, or became half-open.
    Breaker(BreakerState),
    /// It cools down until then; unix milliseconds.
    CoolingUntil(u64),
    /// The cooldown is over before its time.
    Back,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// The request.
    pub request: &'a Request,
    /// For the row.
    pub status: Status,
    /// What the client is told, if it is told of an error.
    pub error: Option<ErrorCode>,
    /// Its attempts, those that were never sent too. Times count from its arrival.
    pub attempts: &'a [AttemptRecord],
    /// Where each of them went.
    pub targets: &'a [Target],
    /// What it cost.
    pub settlement: &'a Settlement,
    /// Milliseconds from its arrival.
    pub latency_ms: u64,
}

/// Whoever wants to know.
pub trait Watch {
    /// Something happened to request number `number` at `now_ms` (unix milliseconds).
    fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>);
}
