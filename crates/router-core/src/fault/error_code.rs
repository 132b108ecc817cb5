//! The errors that a client can get: one line each with status, retry flag and the words of the OpenAI
//! dialect. The edge renders from this table and decides nothing.

/// An error of the client API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The body is not JSON.
    InvalidJson,
    /// A parameter is missing.
    MissingRequiredParameter,
    /// A parameter has a value that it cannot have; also a provider's own 400.
    InvalidValue,
    /// A top-level key stands twice.
    DuplicateKey,
    /// Nested deeper than allowed.
    JsonTooDeep,
    /// Two different keys in one request.
    AmbiguousCredentials,
    /// Longer than any candidate's context, or larger than every channel's limit per minute.
    ContextLengthExceeded,
    /// No candidate has the parameter.
    UnsupportedParameter,
    /// Refused by the provider's content policy.
    ContentPolicy,
    /// No client key.
    MissingApiKey,
    /// Unknown, malformed or revoked client key.
    InvalidApiKey,
    /// The client key is past its date.
    KeyExpired,
    /// A budget is used up.
    BudgetExceeded,
    /// The client's address is not on the key's list.
    IpNotAllowed,
    /// The key's role is not enough.
    AdminRequired,
    /// A write from a foreign origin.
    Csrf,
    /// No such model or group, or not for this key.
    ModelNotFound,
    /// No such path or object.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The client sent its body too slowly.
    RequestTimeout,
    /// The object changed, or belongs to a file.
    Conflict,
    /// The body is too large.
    RequestTooLarge,
    /// Not a content type or content encoding that is read.
    UnsupportedMediaType,
    /// Same idempotency key, other body.
    IdempotencyMismatch,
    /// A WebSocket where none is spoken.
    UpgradeRequired,
    /// The head is too large.
    HeadersTooLarge,
    /// The client key's own limit, or every candidate is rate limited.
    RateLimitExceeded,
    /// A fault of this router.
    InternalError,
    /// All attempts failed.
    UpstreamError,
    /// All attempts failed, the last one with an unusable answer.
    UpstreamBadResponse,
    /// No candidate is available.
    NoChannelAvailable,
    /// This router is at its bounds.
    Overloaded,
    /// The books cannot be written.
    AccountingUnavailable,
    /// Not ready yet.
    Starting,
    /// About to end.
    ShuttingDown,
    /// The providers took too long.
    UpstreamTimeout,
    /// A channel points back at this router.
    LoopDetected,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRule {
    /// The error.
    pub code: ErrorCode,
    /// Its name: `x-router-error`, the row's `error_code`, and `code` where `openai_code` says nothing else.
    pub name: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether the same request may succeed later: `x-should-retry`.
    pub retry: bool,
    /// `error.type` in the OpenAI dialects.
    pub openai_type: &'static str,
    /// `error.code` in the OpenAI dialects.
    pub openai_code: &'static str,
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

/// All errors, in the order of [`ErrorCode`].
#[rustfmt::skip]
pub const ERROR_CODES: &[ErrorRule] = &[
    error(ErrorCode::InvalidJson,              "invalid_json",               400, false, INVALID),
    error(ErrorCode::MissingRequiredParameter, "missing_required_parameter", 400, false, INVALID),
    error(ErrorCode::InvalidValue,             "invalid_value",              400, false, INVALID),
    error(ErrorCode::DuplicateKey,             "duplicate_key",              400, false, INVALID),
    error(ErrorCode::JsonTooDeep,              "json_too_deep",              400, false, INVALID),
    error(ErrorCode::AmbiguousCredentials,     "ambiguous_credentials",      400, false, INVALID),
    error(ErrorCode::ContextLengthExceeded,    "context_length_exceeded",    400, false, INVALID),
    error(ErrorCode::UnsupportedParameter,     "unsupported_parameter",      400, false, INVALID),
    error(ErrorCode::ContentPolicy,            "content_policy",             400, false, INVALID),
    error(ErrorCode::MissingApiKey,            "missing_api_key",            401, false, "authentication_error"),
    error(ErrorCode::InvalidApiKey,            "invalid_api_key",            401, false, "authentication_error"),
    error(ErrorCode::KeyExpired,               "key_expired",                401, false, "authentication_error"),
    // SDKs and agents stop at once on this word, and on no other.
    ErrorRule { openai_code: "insufficient_quota", ..
    error(ErrorCode::BudgetExceeded,           "budget_exceeded",            402, false, "insufficient_quota") },
    error(ErrorCode::IpNotAllowed,             "ip_not_allowed",             403, false, "permission_error"),
    error(ErrorCode::AdminRequired,            "admin_required",             403, false, "permission_error"),
    error(ErrorCode::Csrf,                     "csrf",                       403, false, "permission_error"),
    error(ErrorCode::ModelNotFound,            "model_not_found",            404, false, INVALID),
    error(ErrorCode::NotFound,                 "not_found",                  404, false, INVALID),
    error(ErrorCode::MethodNotAllowed,         "method_not_allowed",         405, false, INVALID),
    error(ErrorCode::RequestTimeout,           "request_timeout",            408, true,  INVALID),
    error(ErrorCode::Conflict,                 "conflict",                   409, false, INVALID),
    error(ErrorCode::RequestTooLarge,          "request_too_large",          413, false, INVALID),
    error(ErrorCode::UnsupportedMediaType,     "unsupported_media_type",     415, false, INVALID),
    error(ErrorCode::IdempotencyMismatch,      "idempotency_mismatch",       422, false, INVALID),
    error(ErrorCode::UpgradeRequired,          "upgrade_required",           426, false, INVALID),
    error(ErrorCode::HeadersTooLarge,          "headers_too_large",          431, false, INVALID),
    error(ErrorCode::RateLimitExceeded,        "rate_limit_exceeded",        429, true,  "rate_limit_exceeded"),
    error(ErrorCode::InternalError,            "internal_error",             500, true,  SERVER),
    error(ErrorCode::UpstreamError,            "upstream_error",             502, true,  SERVER),
    error(ErrorCode::UpstreamBadResponse,      "upstream_bad_response",      502, true,  SERVER),
    error(ErrorCode::NoChannelAvailable,       "no_channel_available",       503, true,  SERVER),
    error(ErrorCode::Overloaded,               "overloaded",                 503, true,  SERVER),
    error(ErrorCode::AccountingUnavailable,    "accounting_unavailable",     503, true,  SERVER),
    error(ErrorCode::Starting,                 "starting",                   503, true,  SERVER),
    error(ErrorCode::ShuttingDown,             "shutting_down",              503, true,  SERVER),
    error(ErrorCode::UpstreamTimeout,          "upstream_timeout",           504, true,  SERVER),
    error(ErrorCode::LoopDetected,             "loop_detected",              508, false, SERVER),
];

const fn error(code: ErrorCode, name: &'static str, status: u16, retry: bool, openai_type: &'static str) -> ErrorRule {
    ErrorRule { code, name, status, retry, openai_type, openai_code: name }
}

impl ErrorCode {
    /// The line of the table.
    #[must_use]
    pub fn rule(self) -> &'static ErrorRule {
        const INTERNAL: &ErrorRule = &error(ErrorCode::InternalError, "internal_error", 500, true, SERVER);
        ERROR_CODES.get(self as usize).unwrap_or(INTERNAL)
    }

    /// The name: `x-router-error` and the row's `error_code`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.rule().name
    }

    /// HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.rule().status
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_finds_its_own_line() {
        for (place, rule) in ERROR_CODES.iter().enumerate() {
            assert_eq!(rule.code as usize, place, "{} stands in the wrong place", rule.name);
            assert_eq!(rule.code.name(), rule.name);
        }
        assert_eq!(ERROR_CODES.len(), ErrorCode::LoopDetected as usize + 1, "a code has no line");
        let names: HashSet<_> = ERROR_CODES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), ERROR_CODES.len());
    }

    #[test]
    fn only_what_may_pass_is_to_be_retried() {
        for rule in ERROR_CODES {
            let passing = matches!(rule.status, 408 | 429 | 500..=504);
            assert_eq!(rule.retry, passing, "{}", rule.name);
        }
    }

    #[test]
    fn a_spent_budget_speaks_the_words_that_stop_clients() {
        let rule = ErrorCode::BudgetExceeded.rule();
        assert_eq!((rule.name, rule.status), ("budget_exceeded", 402));
        assert_eq!((rule.openai_type, rule.openai_code), ("insufficient_quota", "insufficient_quota"));
    }
}
