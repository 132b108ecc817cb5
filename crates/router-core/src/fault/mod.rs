//! A fault is data: what went wrong, whose fault it is, where another try makes sense, how long to stay away.
//!
//! The wire crate makes faults from answers, the server makes them from sockets and timers; the table in this
//! module decides everything that follows.

mod error_code;
mod not_sent;
mod retry_after;
mod table;

pub use error_code::{ERROR_CODES, ErrorCode, ErrorRule};
pub use not_sent::NotSent;
pub use retry_after::{clamp_retry_after, parse_retry_after, parse_retry_after_ms, parse_span, wait_in_message};
pub use table::{Blame, Cell, Elsewhere, RULES, Rule, Scope, StayAway};

/// What went wrong in an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// No TCP connection: refused, unreachable.
    Connect,
    /// The name of the host does not resolve.
    Dns,
    /// The connection was not there in time.
    ConnectTimeout,
    /// TLS failed.
    Tls,
    /// The egress guard refused the address.
    EgressDenied,
    /// No content in time.
    FirstByteTimeout,
    /// A stream fell silent.
    IdleTimeout,
    /// The request's whole time ran out.
    TotalTimeout,
    /// The connection ended before the answer began.
    ClosedEarly,
    /// The connection or stream ended before the answer's proper end.
    Cut,
    /// Status 200 and nothing in it.
    EmptyAnswer,
    /// An answer that is not of the provider's protocol (HTML, broken JSON, wrong length, too large).
    BadAnswer,
    /// A redirect, which is never followed.
    Redirect,
    /// The provider refuses the key.
    KeyInvalid,
    /// The provider's account is out of money.
    KeyBilling,
    /// The channel cannot serve this model (unknown, decommissioned, not allowed).
    ModelUnavailable,
    /// Too many requests or tokens.
    RateLimited,
    /// The request alone is larger than the channel's limit per minute.
    TooLargeForLimit,
    /// The provider is overloaded.
    Overloaded,
    /// Any passing failure of the provider (5xx).
    Temporary,
    /// The client's request is wrong.
    InvalidRequest,
    /// Longer than the model's context.
    ContextLength,
    /// The provider's content policy refused it.
    ContentPolicy,
    /// The channel lacks a feature or parameter.
    Unsupported,
    /// The request holds what only another account can read (encrypted reasoning).
    ForeignState,
    /// The model itself produced something unusable.
    ModelOutput,
    /// Not sent: the circuit breaker lets nobody through, or no more probes.
    BreakerOpen,
    /// The channel leads back to this router.
    Loop,
    /// Ours.
    Internal,
}

/// One failed attempt.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// Status of the provider's answer, if there was one.
    pub status: Option<u16>,
    /// Milliseconds that the provider asks us to stay away; bounded by `cooldown.max` when it is used.
    pub retry_after_ms: Option<u64>,
    /// Unix milliseconds of a date that the provider names (end of day, of month); kept as it is.
    pub until_ms: Option<u64>,
    /// What the provider said, redacted, at most 2 KiB; for the log only.
    pub detail: String,
    /// For a client's own fault: the provider's message, param and code, redacted, which the client may see.
    pub client_error: Option<Box<ClientError>>,
    /// What of ours stood in the way of an attempt that was never sent.
    pub not_sent: Option<NotSent>,
}

/// What of a provider's 400 passes to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError {
    /// At most 2 KiB, redacted.
    pub message: String,
    /// The parameter at fault.
    pub param: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
}

impl Fault {
    /// A fault of that kind without an answer from the provider.
    #[must_use]
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            retry_after_ms: None,
            until_ms: None,
            detail: detail.into(),
            client_error: None,
            not_sent: None,
        }
    }

    /// What the table says about this kind of fault.
    #[must_use]
    pub fn rule(&self) -> &'static Rule {
        self.kind.rule()
    }
}
