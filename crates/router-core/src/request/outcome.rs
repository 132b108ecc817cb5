//! How attempts and requests end, and which error a client gets when all attempts failed.

use crate::fault::{ClientError, ErrorCode, Fault, FaultKind};
use crate::usage::{Usage, UsageSource};

/// What an attempt consumed, as far as it is known when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// The counts.
    pub usage: Usage,
    /// Where they come from.
    pub source: UsageSource,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It runs.
    Running,
    /// A whole answer.
    Completed,
    /// A fault, before or after content.
    Failed(Fault),
    /// Cancelled because the client left.
    ClientClosed,
    /// Cancelled because the router ends.
    Shutdown,
    /// Cancelled because the attempt beside it answered first.
    Outrun,
}

impl Outcome {
    /// The word in rows and metrics: `completed`, `client_closed`, `shutdown`, `outrun`, or the fault's class.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed(fault) => fault.kind.class(),
            Self::ClientClosed => "client_closed",
            Self::Shutdown => "shutdown",
            Self::Outrun => "outrun",
        }
    }
}

/// The place of the attempt that a request's row tells of: whose answer the client got or was getting, else the last.
#[must_use]
pub fn answering(attempts: &[AttemptRecord]) -> Option<usize> {
    let served = |attempt: &AttemptRecord| attempt.relayed || matches!(attempt.outcome, Outcome::Completed);
    let ran = |attempt: &AttemptRecord| !matches!(attempt.outcome, Outcome::Outrun);
    attempts.iter().rposition(served).or_else(|| attempts.iter().rposition(ran))
}

/// One attempt, for the row and the books. Times are those that the events came with.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    /// Place of the candidate in the plan.
    pub candidate: usize,
    /// Place of the provider key in the channel's order; `None` where there is none.
    pub key: Option<u16>,
    /// When it was commanded.
    pub started_ms: u64,
    /// When its first content came.
    pub first_byte_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it consumed; `None` if nobody can tell that it consumed anything.
    pub metered: Option<Metered>,
    /// Whether its content went to the client.
    pub relayed: bool,
}

/// The `status` of a request row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A whole answer.
    Completed,
    /// All attempts failed, or the stream broke.
    Error,
    /// The client left.
    ClientClosed,
    /// The time was over.
    Timeout,
    /// The router ended.
    Shutdown,
}

impl Status {
    /// The word in rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Error => "error",
            Self::ClientClosed => "client_closed",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// For the row.
    pub status: Status,
    /// What the client is told; `None` if it got its answer or has gone.
    pub error: Option<FinalError>,
}

/// The error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalError {
    /// Status and words.
    pub code: ErrorCode,
    /// Class of the fault behind it, for the row (`error_class`); empty without one.
    pub class: &'static str,
    /// The provider's words, where the client's request was at fault.
    pub client_error: Option<Box<ClientError>>,
}

impl FinalError {
    pub(super) fn of(fault: &Fault) -> Self {
        let rule = fault.rule();
        let may_see = rule.error.rule().status == 400;
        Self {
            code: rule.error,
            class: rule.class,
            client_error: if may_see { fault.client_error.clone() } else { None },
        }
    }
}

/// Chooses the error of a request all of whose attempts failed before content. First that holds:
///
/// | attempts | error |
/// |---|---|
/// | none | 503 `no_channel_available` |
/// | one found the request wrong, or we failed | that one's: 400 or 500 |
/// | all say that the request does not fit them (context, policy, feature, size) | the last one's 400 |
/// | the rest after these, apart from refused keys, missing models and channels that lead back: none | the last one's 503 `no_channel_available` or 508 |
/// | … all rate limited | 429 |
/// | … all too late | 504 |
/// | … otherwise | the last failure's 502 |
#[must_use]
pub fn final_error<'a>(faults: impl DoubleEndedIterator<Item = &'a Fault> + Clone) -> FinalError {
    let none = FinalError { code: ErrorCode::NoChannelAvailable, class: "", client_error: None };
    let Some(last) = faults.clone().next_back() else { return none };
    if let Some(sure) = faults.clone().rfind(|f| matches!(f.kind, FaultKind::InvalidRequest | FaultKind::Internal)) {
        return FinalError::of(sure);
    }
    if faults.clone().all(does_not_fit) {
        return FinalError::of(last);
    }
    let code = |fault: &Fault| fault.rule().error;
    let passing = faults.filter(|f| !does_not_fit(f));
    let serving =
        passing.clone().filter(|f| !matches!(code(f), ErrorCode::NoChannelAvailable | ErrorCode::LoopDetected));
    let Some(last) = serving.clone().next_back() else {
        return passing.clone().next_back().map_or(none, FinalError::of);
    };
    if [ErrorCode::RateLimitExceeded, ErrorCode::UpstreamTimeout]
        .iter()
        .any(|one| serving.clone().all(|f| code(f) == *one))
    {
        return FinalError::of(last);
    }
    let failed =
        serving.clone().rfind(|f| matches!(code(f), ErrorCode::UpstreamError | ErrorCode::UpstreamBadResponse));
    // timeouts and rate limits mixed: neither code would be the truth
    failed.map_or(FinalError { code: ErrorCode::UpstreamError, ..FinalError::of(last) }, FinalError::of)
}

/// The candidate cannot serve this request, which says nothing about another candidate.
fn does_not_fit(fault: &Fault) -> bool {
    fault.rule().error.rule().status == 400
}
