//! Errors of the control plane: RFC 9457 documents with our `code`. Texts are ours.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use router_core::fault::{ErrorCode, Fault, FaultKind, StayAway};
use router_store::{StoreError, StoreErrorKind};
use serde_json::json;

use crate::http::error::{ApiError, X_ROUTER_ERROR, X_SHOULD_RETRY, shown};

/// An answer that is not the one hoped for.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    detail: Cow<'static, str>,
    /// The field or parameter at fault.
    field: Option<String>,
    retry: bool,
    retry_after_s: Option<u64>,
    allow: Option<Box<str>>,
    /// What went wrong with a provider, in the words of the request log.
    error_class: Option<&'static str>,
}

impl Problem {
    /// A problem of the table of errors.
    pub(super) fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let rule = code.rule();
        Self {
            status: rule.status,
            code: rule.name,
            detail: detail.into(),
            field: None,
            retry: rule.retry,
            retry_after_s: None,
            allow: None,
            error_class: None,
        }
    }

    /// A value that is not allowed, with the field and what is.
    pub(super) fn invalid(field: &str, allowed: impl std::fmt::Display) -> Self {
        let shown = shown(field);
        Self {
            field: Some(shown.clone()),
            ..Self::new(ErrorCode::InvalidValue, format!("Invalid value for `{shown}`: {allowed}."))
        }
    }

    /// Names the field at fault.
    pub(super) fn at(self, field: Option<String>) -> Self {
        Self { field, ..self }
    }

    /// A provider failed at what the control plane asked of it. It is tried again only where that may help.
    pub(super) fn upstream(fault: &Fault, detail: String) -> Self {
        let code = match fault.kind {
            FaultKind::ConnectTimeout | FaultKind::TotalTimeout => ErrorCode::UpstreamTimeout,
            FaultKind::BadAnswer | FaultKind::Cut | FaultKind::ClosedEarly | FaultKind::EmptyAnswer => {
                ErrorCode::UpstreamBadResponse
            }
            _ => ErrorCode::UpstreamError,
        };
        let rule = fault.rule();
        let retry = matches!(rule.stay_away, StayAway::RateLimited | StayAway::Temporary)
            && fault.kind != FaultKind::EgressDenied;
        let retry_after_s = fault.retry_after_ms.map(|ms| ms.div_ceil(1_000));
        Self { error_class: Some(rule.class), retry, retry_after_s, ..Self::new(code, detail) }
    }

    /// No such object, or none that the caller may see.
    pub(super) fn not_found(what: &'static str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}."))
    }

    /// The caller's role does not permit it.
    pub(super) fn admin_required(needed: &str) -> Self {
        Self::new(ErrorCode::AdminRequired, format!("This needs a key with the role {needed}."))
    }

    /// Nothing here with that method.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("This method is not allowed here; allowed: {allow}.");
        Self { allow: Some(allow.into()), ..Self::new(ErrorCode::MethodNotAllowed, detail) }
    }

    /// `If-Match` names another state than the present one.
    pub(super) fn stale() -> Self {
        let detail = "The object has changed since it was read. Read it again and repeat the change.";
        Self { status: 412, code: "precondition_failed", ..Self::new(ErrorCode::Conflict, detail) }
    }

    /// The code, for the log.
    pub(super) const fn code(&self) -> &'static str {
        self.code
    }

    /// The document.
    pub(super) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut document = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let (Some(field), Some(map)) = (self.field, document.as_object_mut()) {
            map.insert("field".to_owned(), field.into());
        }
        if let (Some(class), Some(map)) = (self.error_class, document.as_object_mut()) {
            map.insert("error_class".to_owned(), class.into());
        }
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(X_ROUTER_ERROR, HeaderValue::from_static(self.code));
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static(if self.retry { "true" } else { "false" }));
        if let Some(seconds) = self.retry_after_s.filter(|_| self.retry) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let retry = error.code.rule().retry && !error.hopeless;
        Self { field: error.param, retry, retry_after_s: error.retry_after_s, ..Self::new(error.code, error.message) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::NotFound => Self::new(ErrorCode::NotFound, error.to_string()),
            StoreErrorKind::Conflict => Self::new(ErrorCode::Conflict, error.to_string()),
            StoreErrorKind::Invalid => Self::new(ErrorCode::InvalidValue, error.to_string()),
            StoreErrorKind::Unavailable => {
                tracing::warn!(%error, "the control plane cannot reach the database");
                let detail = "The database does not answer. Calls to models go on; try again in a moment.";
                Self { status: 503, retry_after_s: Some(1), ..Self::new(ErrorCode::AccountingUnavailable, detail) }
            }
            _ => {
                tracing::error!(%error, "the control plane failed");
                Self::new(ErrorCode::InternalError, "The router failed at this request. Its log says why.")
            }
        }
    }
}
