//! Errors at the edge: made by small functions, rendered by the client's dialect, in one place. Texts are ours.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use router_core::fault::{ClientError, ErrorCode};
use router_core::limits::Rates;
use router_wire::dialects::{Dialect, ErrorView, of_errors};

use super::body::Body;

/// The name of the error in every dialect.
pub const X_ROUTER_ERROR: HeaderName = HeaderName::from_static("x-router-error");
/// Tells SDKs whether another try is of use.
pub const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A recovery after this is none that a client waits for: SDKs take no longer `retry-after` than one or two minutes and ask again
/// at once, agents have given up.
const IN_SIGHT_MS: u64 = 60_000;

/// A client's own text within a message of ours: short, and without what would break a line of a log.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// An answer that is not the one the client hoped for.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Which.
    pub code: ErrorCode,
    /// What is wrong and what is allowed.
    pub message: Cow<'static, str>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// A provider's own code for a client's own fault; clients read it.
    pub provider_code: Option<String>,
    /// Seconds after which another try makes sense.
    pub retry_after_s: Option<u64>,
    /// Says that waiting is of no use although the code would allow it.
    pub hopeless: bool,
    /// What is left of the client key's limits, where that is known.
    pub rates: Option<Box<Rates>>,
}

impl ApiError {
    /// An error with its text.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            provider_code: None,
            retry_after_s: None,
            hopeless: false,
            rates: None,
        }
    }

    /// Names the parameter at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Names the time after which another try makes sense; rounded up to whole seconds, at least one.
    #[must_use]
    pub fn retry_after_ms(mut self, wait_ms: Option<u64>) -> Self {
        self.retry_after_s = wait_ms.map(|ms| ms.div_ceil(1000).max(1));
        self
    }

    /// Nobody is there for so long. Beyond what clients wait by themselves, another try is of no use to them.
    #[must_use]
    pub fn nobody_for_ms(self, wait_ms: u64) -> Self {
        let error = self.retry_after_ms(Some(wait_ms));
        if wait_ms > IN_SIGHT_MS { error.hopeless() } else { error }
    }

    /// Another try is of no use.
    #[must_use]
    pub fn hopeless(mut self) -> Self {
        self.hopeless = true;
        self
    }

    /// A client's own fault, in the provider's words.
    #[must_use]
    pub fn in_provider_words(mut self, said: &ClientError) -> Self {
        self.message = said.message.clone().into();
        self.param = said.param.clone();
        self.provider_code = said.code.clone();
        self
    }

    /// The error as that dialect renders it, for the request of that id.
    #[must_use]
    pub fn view<'a>(&'a self, dialect: &Dialect, request_id: Option<&'a str>) -> ErrorView<'a> {
        let rule = self.code.rule();
        ErrorView {
            message: &self.message,
            kind: rule.openai_type,
            param: self.param.as_deref(),
            code: Some(self.provider_code.as_deref().unwrap_or(rule.openai_code)),
            status: if self.code == ErrorCode::BudgetExceeded { dialect.budget_status } else { rule.status },
            error: self.code,
            request_id,
        }
    }

    /// The whole answer where no dialect is spoken: in OpenAI's shape.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        self.in_dialect(of_errors("", |_| false), None)
    }

    /// The whole answer in a dialect.
    #[must_use]
    pub fn in_dialect(self, dialect: &Dialect, request_id: Option<&str>) -> Response<Body> {
        let rule = self.code.rule();
        let view = self.view(dialect, request_id);
        let mut response = Response::new(Body::from(Bytes::from((dialect.error_body)(&view))));
        *response.status_mut() = StatusCode::from_u16(view.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_ROUTER_ERROR, HeaderValue::from_static(rule.name));
        let retry = rule.retry && !self.hopeless;
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static(if retry { "true" } else { "false" }));
        if let Some(seconds) = self.retry_after_s.filter(|_| rule.retry) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self.code {
            ErrorCode::MethodNotAllowed => _ = headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST")),
            // The rest of the request would be taken for the next one: the connection ends, and the client has to know that it
            // cannot be used again.
            ErrorCode::RequestTimeout | ErrorCode::RequestTooLarge => {
                _ = headers.insert(CONNECTION, HeaderValue::from_static("close"))
            }
            _ => {}
        }
        response
    }
}

/// The one answer to an unknown, malformed or revoked key: the same bytes for every cause.
#[must_use]
pub fn invalid_api_key() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidApiKey,
        "The API key is not valid. Use a key that `smart-ai-router key create` printed.",
    )
}

/// The router is told to end.
#[must_use]
pub fn shutting_down() -> ApiError {
    let message = "This router is about to end. Try again in a moment.";
    ApiError::new(ErrorCode::ShuttingDown, message).retry_after_ms(Some(1_000))
}

/// No key came.
#[must_use]
pub fn missing_api_key() -> ApiError {
    ApiError::new(ErrorCode::MissingApiKey, "No API key. Send one as `Authorization: Bearer KEY` or `x-api-key: KEY`.")
}

/// Nothing is served at this path.
#[must_use]
pub fn not_found(path: &str) -> ApiError {
    let shown = shown(path);
    ApiError::new(
        ErrorCode::NotFound,
        format!(
            "Nothing is served at `{shown}`. The client API is at /v1/chat/completions, /v1/responses, /v1/messages, /v1beta/models/…, /v1/embeddings, /v1/models and their kin."
        ),
    )
}

/// The base URL was given with `/v1` and got it again.
#[must_use]
pub fn doubled_base() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "The base URL ends in /v1 twice. Remove one.")
}
