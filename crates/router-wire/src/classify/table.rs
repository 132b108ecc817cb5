//! The evidence tables: codes and types, statuses, messages. Data, read from top to bottom.

use router_core::fault::FaultKind::{self, *};

/// Codes and types that decide, in lower case. Looked up by code, then by type.
pub(super) const CODES: &[(&str, FaultKind)] = &[
    // keys and accounts
    ("invalid_api_key", KeyInvalid),
    ("invalid_authentication", KeyInvalid),
    ("invalid_authentication_error", KeyInvalid),
    ("authentication_error", KeyInvalid),
    ("unauthenticated", KeyInvalid),
    ("account_deactivated", KeyInvalid),
    ("organization_restricted", KeyInvalid),
    ("organization_deactivated", KeyInvalid),
    ("insufficient_quota", KeyBilling),
    ("credit_balance_exhausted", KeyBilling),
    ("organization_spend_limit_exceeded", KeyBilling),
    ("project_spend_limit_exceeded", KeyBilling),
    ("organization_usage_limit_exceeded", KeyBilling),
    ("billing_hard_limit_reached", KeyBilling),
    ("billing_not_active", KeyBilling),
    ("billing_error", KeyBilling),
    ("insufficient_balance", KeyBilling),
    ("insufficient_user_quota", KeyBilling),
    ("pre_consume_token_quota_failed", KeyBilling),
    ("exceeded_current_quota_error", KeyBilling),
    ("blocked_api_access", KeyBilling),
    ("30001", KeyBilling),
    ("enforced_spend_limit_reached", KeyBilling),
    ("contract_spend_limit_reached", KeyBilling),
    ("linked_organization_billing", KeyBilling),
    ("billing_disabled", KeyBilling),
    ("1113", KeyBilling),
    ("arrearage", KeyBilling),
    ("api_key_invalid", KeyInvalid),
    ("api_key_expired", KeyInvalid),
    ("api_key_service_blocked", KeyInvalid),
    ("service_disabled", KeyInvalid),
    ("consumer_suspended", KeyInvalid),
    ("organization_on_hold", KeyInvalid),
    ("incorrect_api_key_error", KeyInvalid),
    ("invalidapikey", KeyInvalid),
    // models and places
    ("model_not_found", ModelUnavailable),
    ("model_decommissioned", ModelUnavailable),
    ("model_terms_required", ModelUnavailable),
    ("model_not_active", ModelUnavailable),
    ("model_price_error", ModelUnavailable),
    ("deploymentnotfound", ModelUnavailable),
    ("unsupported_country_region_territory", ModelUnavailable),
    ("ip_not_authorized", ModelUnavailable),
    ("permission_error", ModelUnavailable),
    ("permission_denied", ModelUnavailable),
    ("permissions_error", ModelUnavailable),
    ("permission_denied_error", ModelUnavailable),
    ("access_denied", ModelUnavailable),
    ("not_found_error", ModelUnavailable),
    ("notfounderror", ModelUnavailable),
    ("20012", ModelUnavailable),
    ("model.accessdenied", ModelUnavailable),
    ("modelnotfound", ModelUnavailable),
    ("resource_not_found_error", ModelUnavailable),
    ("invalid_model", ModelUnavailable),
    ("cmek_key_unavailable", ModelUnavailable),
    // our own word, of a router that was asked by itself
    ("loop_detected", Loop),
    // load
    ("slow_down", Overloaded),
    ("server_is_overloaded", Overloaded),
    ("service_unavailable_error", Overloaded),
    ("overloaded_error", Overloaded),
    ("overloaded", Overloaded),
    ("engine_overloaded", Overloaded),
    ("engine_overloaded_error", Overloaded),
    ("capacity_exceeded", Overloaded),
    ("model_capacity_exhausted", Overloaded),
    ("compaction_unavailable", Overloaded),
    ("service_unavailable", Overloaded),
    ("unavailable", Overloaded),
    ("provider_unavailable", Overloaded),
    ("50505", Overloaded),
    ("50603", Overloaded),
    ("rate_limit_exceeded", RateLimited),
    ("rate_limit_error", RateLimited),
    ("ramp_limit_exceeded", RateLimited),
    ("throttling", RateLimited),
    ("throttling.ratequota", RateLimited),
    ("throttling.allocationquota", RateLimited),
    ("limit_requests", RateLimited),
    ("rate_limit_reached_error", RateLimited),
    ("rate_limited", RateLimited),
    ("ratelimiterror", RateLimited),
    ("too_many_requests", RateLimited),
    ("toomanyrequests", RateLimited),
    ("resource_exhausted", RateLimited),
    ("tokens_exceeded_error", RateLimited),
    ("token_concurrency_limit_reached", RateLimited),
    ("openrouter_in_flight_budget", RateLimited),
    // the request
    ("context_length_exceeded", ContextLength),
    ("max_tokens_exceeded", ContextLength),
    ("token_limit_exceeded", ContextLength),
    ("exceed_context_size_error", ContextLength),
    ("unsupported_parameter", Unsupported),
    ("unsupported_value", Unsupported),
    ("unsupported_model_feature", Unsupported),
    ("content_policy_violation", ContentPolicy),
    ("cyber_policy", ContentPolicy),
    ("content_filter", ContentPolicy),
    ("content_filter_error", ContentPolicy),
    ("sensitive_words_detected", ContentPolicy),
    ("prompt_blocked", ContentPolicy),
    ("data_inspection_failed", ContentPolicy),
    ("responsibleaipolicyviolation", ContentPolicy),
    ("invalid_encrypted_content", ForeignState),
    ("string_above_max_length", InvalidRequest),
    ("array_above_max_length", InvalidRequest),
    ("string_too_long", InvalidRequest),
    ("invalid_type", InvalidRequest),
    ("invalid_prompt", InvalidRequest),
    ("invalid_image", InvalidRequest),
    ("invalid_base64", InvalidRequest),
    ("invalid_request", InvalidRequest),
    ("invalid_json", InvalidRequest),
    ("read_request_body_failed", InvalidRequest),
    ("convert_request_failed", InvalidRequest),
    ("tool_use_failed", ModelOutput),
    ("json_validate_failed", ModelOutput),
    // a gateway's own trouble behind it
    ("channel:no_available_key", Temporary),
    ("channel:invalid_key", Temporary),
    ("get_channel_failed", Temporary),
    ("do_request_failed", Temporary),
    ("bad_response_status_code", Temporary),
    ("bad_response_body", Temporary),
    ("bad_response", Temporary),
    ("empty_response", Temporary),
    ("read_response_body_failed", Temporary),
];

/// Types that are too general to outrank a status: they count where the status says nothing (200, in streams).
pub(super) const GENERAL: &[(&str, FaultKind)] = &[
    ("invalid_request_error", InvalidRequest),
    ("badrequesterror", InvalidRequest),
    ("invalid_argument", InvalidRequest),
    ("validation_error", InvalidRequest),
    ("tokens", RateLimited),
    ("requests", RateLimited),
    ("server_error", Temporary),
    ("api_error", Temporary),
    ("internal_error", Temporary),
    ("internal_server_error", Temporary),
    ("internalservererror", Temporary),
    ("timeout_error", Temporary),
    ("upstream_error", Temporary),
];

/// Where a phrase has to stand in the provider's message (compared in lower case).
pub(super) enum Phrase {
    Starts(&'static str),
    Holds(&'static str),
}
use Phrase::{Holds, Starts};

/// For which statuses a phrase counts.
#[derive(Clone, Copy)]
pub(super) enum On {
    /// 400, 404, 413, 422, and where the status says nothing.
    Request,
    /// 401, 402, 403, 429 and 400.
    Account,
    /// 5xx.
    Server,
    /// 429, 413.
    Limit,
}

/// Messages that decide where neither code nor type did. First match counts.
pub(super) const PHRASES: &[(On, Phrase, FaultKind)] = &[
    // Before the context phrases: an output limit or a limit per minute is no context.
    (On::Request, Holds("max_tokens is too large"), Unsupported),
    (On::Limit, Starts("request too large"), TooLargeForLimit),
    (On::Request, Holds("maximum context length is"), ContextLength),
    (On::Request, Holds("context_length_exceeded"), ContextLength),
    (On::Request, Holds("exceed context limit"), ContextLength),
    (On::Request, Holds("prompt is too long"), ContextLength),
    (On::Request, Holds("maximum context limit"), ContextLength),
    (On::Request, Holds("longer than the model's context length"), ContextLength),
    (On::Request, Holds("exceeds the model's maximum context length"), ContextLength),
    (On::Request, Holds("maximum model length"), ContextLength),
    (On::Request, Holds("input tokens exceed the configured limit"), ContextLength),
    (On::Request, Holds("exceeds the available context size"), ContextLength),
    (On::Request, Holds("exceeds the maximum number of tokens allowed"), ContextLength),
    (On::Request, Holds("must be less than max_seq_len"), ContextLength),
    (On::Request, Holds("input is too long"), ContextLength),
    (On::Request, Holds("input too long"), ContextLength),
    (On::Request, Holds("reduce the length of the messages"), ContextLength),
    (On::Request, Holds("while limit is"), ContextLength),
    (On::Request, Holds("range of input length should be"), ContextLength),
    (On::Request, Holds("exceeded model token limit"), ContextLength),
    (On::Request, Holds("this model's maximum prompt length is"), ContextLength),
    (On::Request, Holds("too large for model with"), ContextLength),
    (On::Request, Holds("input token count exceeds"), ContextLength),
    // Accounts.
    (On::Account, Holds("requires more credits, or fewer max_tokens"), TooLargeForLimit),
    (On::Account, Holds("credit balance is too low"), KeyBilling),
    (On::Account, Starts("insufficient balance"), KeyBilling),
    (On::Account, Starts("insufficient credits"), KeyBilling),
    (On::Account, Holds("insufficient balance"), KeyBilling),
    (On::Account, Starts("you exceeded your current quota"), KeyBilling),
    (On::Account, Holds("account balance is insufficient"), KeyBilling),
    (On::Account, Holds("arrearage"), KeyBilling),
    (On::Account, Holds("余额不足"), KeyBilling),
    (On::Account, Holds("额度不足"), KeyBilling),
    (On::Account, Holds("预扣费额度失败"), KeyBilling),
    (On::Account, Starts("invalid token"), KeyInvalid),
    (On::Account, Holds("api key is invalid"), KeyInvalid),
    (On::Account, Starts("incorrect api key"), KeyInvalid),
    (On::Account, Starts("invalid api key"), KeyInvalid),
    (On::Account, Starts("api key not valid"), KeyInvalid),
    (On::Account, Holds("无效的令牌"), KeyInvalid),
    (On::Account, Holds("令牌已过期"), KeyInvalid),
    (On::Account, Holds("该令牌无权访问模型"), ModelUnavailable),
    (On::Account, Holds("real-name"), ModelUnavailable),
    (On::Account, Holds("reported as leaked"), KeyInvalid),
    (On::Account, Holds("api key expired"), KeyInvalid),
    (On::Account, Holds("organization has been disabled"), KeyInvalid),
    (On::Account, Starts("you have reached your specified"), RateLimited),
    (On::Account, Holds("billing to be enabled"), KeyBilling),
    (On::Account, Holds("enable billing"), KeyBilling),
    (On::Account, Holds("user location is not supported"), ModelUnavailable),
    (On::Account, Holds("flagged"), ContentPolicy),
    // Models and features.
    (On::Request, Starts("model does not exist"), ModelUnavailable),
    (On::Request, Starts("the model `"), ModelUnavailable),
    (On::Request, Holds("is not a valid model id"), ModelUnavailable),
    (On::Request, Holds("does not support tools"), Unsupported),
    (On::Request, Holds("support tool use"), Unsupported),
    (On::Request, Holds("support image input"), Unsupported),
    (On::Request, Holds("auto\" tool choice requires"), Unsupported),
    (On::Request, Starts("unsupported parameter"), Unsupported),
    (On::Request, Holds("stream_options"), Unsupported),
    (On::Request, Starts("not a multimodal model"), Unsupported),
    (On::Request, Holds("is not a multimodal model"), Unsupported),
    (On::Request, Holds("content management policy"), ContentPolicy),
    (On::Request, Holds("blocked by content filtering policy"), ContentPolicy),
    (On::Request, Holds("content exists risk"), ContentPolicy),
    (On::Request, Holds("prefill"), Unsupported),
    (On::Request, Holds("unexpected value(s) for the `anthropic-beta` header"), Unsupported),
    (On::Request, Holds("thinking may not be enabled when tool_choice forces"), Unsupported),
    (On::Request, Holds("missing a `thought_signature`"), Unsupported),
    (On::Request, Holds("missing a thought_signature"), Unsupported),
    (On::Request, Holds("does not support parameter"), Unsupported),
    (On::Request, Holds("may only be specified once in conversation"), Unsupported),
    // Servers.
    (On::Server, Holds("无可用渠道"), ModelUnavailable),
    (On::Server, Holds("no available channel"), ModelUnavailable),
    (On::Server, Starts("model is overloaded"), Overloaded),
    (On::Server, Holds("system is too busy"), Overloaded),
    (On::Server, Holds("overloaded"), Overloaded),
];

/// Messages under a code of rate limits that mean another thing.
pub(super) const LIMITS: &[(Phrase, FaultKind)] = &[
    // No quota at all for that model: waiting does not help.
    (Holds("limit: 0,"), ModelUnavailable),
    (Holds("limit: 0\n"), ModelUnavailable),
    (Holds("prepayment credits are depleted"), KeyBilling),
    (Holds("prepay"), KeyBilling),
    (Holds("insufficient balance"), KeyBilling),
    (Holds("overloaded"), Overloaded),
];

impl On {
    pub(super) const fn counts(self, status: u16) -> bool {
        match self {
            Self::Request => matches!(status, 0 | 400 | 404 | 413 | 422),
            Self::Account => matches!(status, 0 | 400 | 401 | 402 | 403 | 429),
            Self::Server => matches!(status, 0 | 500..=599),
            Self::Limit => matches!(status, 0 | 413 | 429),
        }
    }
}

impl Phrase {
    pub(super) fn fits(&self, message: &str) -> bool {
        match self {
            Starts(text) => message.starts_with(text),
            Holds(text) => message.contains(text),
        }
    }
}

/// What a status alone says. The path and method of a request are ours, so 404 and 405 speak of the channel, not of
/// the client. 0 stands for an error inside a 200.
pub(super) const fn by_status(status: u16) -> FaultKind {
    match status {
        300..=399 => Redirect,
        400 | 409 | 411 | 415 | 422 | 431 => InvalidRequest,
        401 | 403 => KeyInvalid,
        402 => KeyBilling,
        404 | 405 | 410 => ModelUnavailable,
        413 => TooLargeForLimit,
        429 => RateLimited,
        451 => ContentPolicy,
        498 | 503 | 529 => Overloaded,
        508 => Loop,
        _ => Temporary,
    }
}
