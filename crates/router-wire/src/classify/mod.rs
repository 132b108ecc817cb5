//! From a provider's error to a [`Fault`]: code and type first, then status, then the provider's own message field.
//!
//! Never from substrings of a whole body, which may echo a prompt.

mod body;
mod table;
mod wait;

pub use body::ErrorBody;
pub use wait::spent_until;

use http::HeaderMap;
use router_core::fault::{ClientError, Fault, FaultKind};

use crate::redact::redact;

/// A provider's exception from the tables: looked at first.
pub type Refine = fn(status: u16, error: &ErrorBody) -> Option<FaultKind>;

/// Classifies an answer that is an error: any status that is not 2xx, or a 2xx (or stream event) with an error inside.
/// `now_ms` is unix milliseconds, for dates in headers.
#[must_use]
pub fn classify(refine: Refine, status: u16, headers: &HeaderMap, body: &[u8], now_ms: u64) -> Fault {
    let error = ErrorBody::read(body);
    let effective = if (200..300).contains(&status) { error.status_in_code().unwrap_or(0) } else { status };
    let kind = refine(effective, &error).unwrap_or_else(|| kind(effective, &error));
    let message = redact(&error.message);
    let mut fault = Fault::new(kind, detail(status, &error, &message));
    fault.status = Some(status);
    if helps_to_wait(kind) {
        let wait = wait::wait(headers, &error, now_ms);
        fault.retry_after_ms = wait.retry_after_ms;
        fault.until_ms = wait.until_ms;
    }
    if is_client_error(kind) {
        let short = |text: Option<String>| text.map(|text| redact(&text).chars().take(200).collect());
        fault.client_error =
            Some(Box::new(ClientError { message, param: short(error.param), code: short(error.code) }));
    }
    fault
}

const fn helps_to_wait(kind: FaultKind) -> bool {
    use FaultKind::{KeyBilling, Overloaded, RateLimited, Temporary};
    matches!(kind, RateLimited | Overloaded | Temporary | KeyBilling)
}

const fn is_client_error(kind: FaultKind) -> bool {
    use FaultKind::{ContentPolicy, ContextLength, ForeignState, InvalidRequest, Unsupported};
    matches!(kind, InvalidRequest | ContextLength | ContentPolicy | Unsupported | ForeignState)
}

/// `status`, 0 where it says nothing.
fn kind(status: u16, error: &ErrorBody) -> FaultKind {
    if (300..400).contains(&status) {
        return FaultKind::Redirect;
    }
    let message: String = error.message.chars().take(1_000).collect::<String>().to_lowercase();
    let words = [error.reason(), error.code.as_deref(), error.kind.as_deref()];
    let words = words.map(|word| word.unwrap_or_default().to_ascii_lowercase());
    let listed = |list: &[(&str, FaultKind)]| {
        words.iter().find_map(|word| list.iter().find(|(name, _)| name == word).map(|(_, kind)| *kind))
    };
    let phrase = || {
        let fits =
            |(on, phrase, _): &&(table::On, table::Phrase, FaultKind)| on.counts(status) && phrase.fits(&message);
        table::PHRASES.iter().find(fits).map(|(_, _, kind)| *kind)
    };
    match listed(table::CODES) {
        // A limit per minute that this request alone exceeds: waiting does not help.
        Some(FaultKind::RateLimited) if is_too_large(&message) => FaultKind::TooLargeForLimit,
        // A general code for a limit that is none of a minute: none at all, or one of money.
        Some(FaultKind::RateLimited) => limit_phrase(&message).unwrap_or(FaultKind::RateLimited),
        // A general code for something that the message names better.
        Some(FaultKind::InvalidRequest | FaultKind::ModelUnavailable) if status != 401 => {
            phrase().or_else(|| listed(table::CODES)).unwrap_or(FaultKind::InvalidRequest)
        }
        Some(kind) => kind,
        None if matches!(status, 413 | 429) && message.starts_with("request too large") && !is_too_large(&message) => {
            if status == 429 {
                FaultKind::RateLimited
            } else {
                FaultKind::TooLargeForLimit
            }
        }
        None => phrase().unwrap_or_else(|| match status {
            0 => listed(table::GENERAL).unwrap_or(FaultKind::Temporary),
            401 if words.iter().any(|word| word == "upstream_error") => FaultKind::Temporary,
            // A page in place of an error is not from the provider's API: a wrong address or a proxy in between.
            400 | 403 if !error.json && error.message.starts_with("a web page") => FaultKind::Temporary,
            _ => table::by_status(status),
        }),
    }
}

fn limit_phrase(message: &str) -> Option<FaultKind> {
    table::LIMITS.iter().find(|(phrase, _)| phrase.fits(message)).map(|(_, kind)| *kind)
}

/// `Request too large … Limit 6000, Requested 9000`: more asked than the limit ever gives.
fn is_too_large(message: &str) -> bool {
    let number = |name: &str| {
        let (_, after) = message.split_once(name)?;
        let digits: String = after.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
        digits.trim_end_matches(',').replace(',', "").parse::<u64>().ok()
    };
    match (message.starts_with("request too large"), number("limit "), number("requested ")) {
        (true, Some(limit), Some(requested)) => requested > limit,
        (true, _, _) => true,
        _ => false,
    }
}

fn detail(status: u16, error: &ErrorBody, message: &str) -> String {
    let word = |name: &str, value: &Option<String>| {
        value.as_deref().map(|value| format!(" {name}={}", redact(value))).unwrap_or_default()
    };
    redact(&format!("status {status}{}{}: {message}", word("code", &error.code), word("type", &error.kind)))
}
