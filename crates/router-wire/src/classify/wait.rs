//! How long a provider asks to be left alone, from the best source that says so.
//!
//! In this order: `retry-after-ms`, `retry-after`, the body (`retryDelay`, `resets_in_seconds`, `resets_at` …), the reset
//! header of the dimension that is used up, the message (`try again in 1m2.5s`).

use http::HeaderMap;
use router_core::budget::{Period, Window, Zone};
use router_core::fault::{parse_retry_after, parse_retry_after_ms, parse_span, wait_in_message};
use serde_json::Value;

use super::ErrorBody;

/// A wish to be left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wait {
    /// For so many milliseconds.
    pub(super) retry_after_ms: Option<u64>,
    /// Until that time (unix milliseconds).
    pub(super) until_ms: Option<u64>,
}

impl Wait {
    const fn span(ms: u64) -> Self {
        Self { retry_after_ms: Some(ms), until_ms: None }
    }

    const fn until(ms: u64) -> Self {
        Self { retry_after_ms: None, until_ms: Some(ms) }
    }
}

pub(super) fn wait(headers: &HeaderMap, error: &ErrorBody, now_ms: u64) -> Wait {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    header("retry-after-ms")
        .or_else(|| header("x-ms-retry-after-ms"))
        .and_then(parse_retry_after_ms)
        .or_else(|| header("retry-after").and_then(|value| parse_retry_after(value, now_ms)))
        .map(Wait::span)
        .or_else(|| until_midnight_pacific(error, now_ms))
        .or_else(|| in_body(error, now_ms))
        .or_else(|| in_reset_header(&header, now_ms))
        .or_else(|| wait_in_message(&error.message).map(Wait::span))
        .or_else(|| in_siliconflow(&error.message).map(Wait::span))
        .unwrap_or_default()
}

/// Google's quotas per day begin anew at midnight in California, whatever `retryDelay` beside them says.
fn until_midnight_pacific(error: &ErrorBody, now_ms: u64) -> Option<Wait> {
    let list = |value: Option<&'_ Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let violations = list(error.object.get("details")).into_iter().flat_map(|detail| list(detail.get("violations")));
    let per_day = |quota: &Value| quota.get("quotaId").and_then(Value::as_str).is_some_and(|id| id.contains("PerDay"));
    violations.into_iter().find(per_day)?;
    let zone = Zone::named("America/Los_Angeles").ok()?;
    Some(Wait::until(Window::at(Period::Day, &zone, now_ms).end_ms))
}

fn in_body(error: &ErrorBody, now_ms: u64) -> Option<Wait> {
    let metadata = error.object.get("metadata").and_then(Value::as_object);
    let find = |key: &str| error.object.get(key).or_else(|| metadata?.get(key));
    let delay = error.object.get("details").and_then(Value::as_array).into_iter().flatten();
    let delay = delay.filter_map(|detail| detail.get("retryDelay")?.as_str()).find_map(parse_span);
    if let Some(ms) = delay {
        return Some(Wait::span(ms));
    }
    for key in ["resets_in_seconds", "retry_after_seconds", "retry_after"] {
        if let Some(value) = find(key)
            && let Some(ms) = parse_retry_after(value.as_str().unwrap_or(&value.to_string()), now_ms)
        {
            return Some(Wait::span(ms));
        }
    }
    let at = find("resets_at").or_else(|| find("reset_at"))?;
    moment(at.as_str().unwrap_or(&at.to_string()), now_ms)
}

/// A point in time: epoch seconds, epoch milliseconds or a date; small numbers and spans are from now.
fn moment(text: &str, now_ms: u64) -> Option<Wait> {
    match text.trim().split('.').next().and_then(|whole| whole.parse::<u64>().ok()) {
        Some(ms) if ms >= 1_000_000_000_000 => Some(Wait::until(ms)),
        Some(seconds) if seconds >= 1_000_000_000 => Some(Wait::until(seconds.saturating_mul(1_000))),
        _ => {
            let ms = parse_retry_after(text, now_ms)?;
            Some(if text.contains([':', 'T']) { Wait::until(now_ms.saturating_add(ms)) } else { Wait::span(ms) })
        }
    }
}

/// The reset of a dimension of which nothing remains; the latest if there are several.
fn in_reset_header<'a>(header: &impl Fn(&str) -> Option<&'a str>, now_ms: u64) -> Option<Wait> {
    let spent = |remaining: &str| header(remaining).is_some_and(|left| left.trim() == "0");
    ["-requests", "-tokens", ""]
        .into_iter()
        .filter(|dimension| spent(&format!("x-ratelimit-remaining{dimension}")))
        .filter_map(|dimension| moment(header(&format!("x-ratelimit-reset{dimension}"))?, now_ms))
        .max_by_key(|wait| wait.until_ms.or(wait.retry_after_ms.map(|ms| now_ms.saturating_add(ms))))
}

/// SiliconFlow names the limit and no time.
fn in_siliconflow(message: &str) -> Option<u64> {
    let (_, limit) = message.split_once("due to rate limiting. Details: ")?;
    match limit.split_whitespace().next()? {
        "RPM" | "TPM" | "IPM" => Some(60_000),
        "RPH" => Some(3_600_000),
        _ => None,
    }
}
