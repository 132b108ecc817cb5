//! How long a provider asks to be left alone, from the best source that says so.
//!
//! A limit per day or month ends with that: it goes before any time in seconds. Else in this order: `retry-after-ms`, `retry-after`, the body (`retryDelay`, `resets_in_seconds`, `resets_at` …), the reset
//! header of the dimension that is used up, the message (`try again in 1m2.5s`).

use http::{HeaderMap, HeaderName};
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

    fn at_ms(self, now_ms: u64) -> Option<u64> {
        self.until_ms.or(self.retry_after_ms.map(|ms| now_ms.saturating_add(ms)))
    }

    const fn until(ms: u64) -> Self {
        Self { retry_after_ms: None, until_ms: Some(ms) }
    }
}

pub(super) fn wait(headers: &HeaderMap, error: &ErrorBody, now_ms: u64) -> Wait {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(at) = end_of_period(error, now_ms) {
        return Wait::until(at);
    }
    header("retry-after-ms")
        .or_else(|| header("x-ms-retry-after-ms"))
        .and_then(parse_retry_after_ms)
        .or_else(|| header("retry-after").and_then(|value| parse_retry_after(value, now_ms)))
        .map(Wait::span)
        .or_else(|| in_body(error, now_ms))
        .or_else(|| in_reset_header(headers, now_ms))
        .or_else(|| wait_in_message(&error.message).map(Wait::span))
        .or_else(|| in_siliconflow(&error.message).map(Wait::span))
        .or_else(|| in_anthropic(error, now_ms))
        .unwrap_or_default()
}

fn end_of(period: Period, zone: &str, now_ms: u64) -> Option<u64> {
    Some(Window::at(period, &Zone::named(zone).ok()?, now_ms).end_ms)
}

/// The end of a day or a month, where the limit is one of those.
fn end_of_period(error: &ErrorBody, now_ms: u64) -> Option<u64> {
    // Google's days end at midnight Pacific, SiliconFlow's in China; Anthropic's enforced spend limit ends with the month.
    let mut google = error.object.get("details").and_then(Value::as_array).into_iter().flatten();
    let per_day = |detail: &Value| {
        let violations = detail.get("violations").and_then(Value::as_array);
        let mut ids = violations.into_iter().flatten().filter_map(|violation| violation.get("quotaId")?.as_str());
        ids.any(|id| id.contains("PerDay"))
    };
    if google.any(per_day) {
        return end_of(Period::Day, "America/Los_Angeles", now_ms);
    }
    if error.reason() == Some("enforced_spend_limit_reached") {
        return end_of(Period::Month, "UTC", now_ms);
    }
    if let Some((_, limit)) = error.message.split_once("due to rate limiting. Details: ")
        && ["RPD", "TPD", "IPD"].iter().any(|day| limit.starts_with(day))
    {
        return end_of(Period::Day, "Asia/Shanghai", now_ms);
    }
    // Anthropic: "You will regain access on 2026-12-01 at 00:00 UTC."
    let (_, date) = error.message.split_once("regain access on ")?;
    let (day, after) = date.split_at_checked(10)?;
    let hour = after.strip_prefix(" at ").and_then(|after| after.get(..5)).unwrap_or("00:00");
    parse_retry_after(&format!("{day}T{hour}:00Z"), now_ms).map(|ms| now_ms.saturating_add(ms))
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

/// What is left of each dimension, and when it is there again: of OpenAI and those who do as it does (Groq, OpenRouter, Azure …),
/// then of Anthropic.
static DIMENSIONS: [(HeaderName, HeaderName); 7] = [
    named("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    named("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    named("x-ratelimit-remaining", "x-ratelimit-reset"),
    named("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    named("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    named("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    named("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
];

const fn named(remaining: &'static str, reset: &'static str) -> (HeaderName, HeaderName) {
    (HeaderName::from_static(remaining), HeaderName::from_static(reset))
}

/// Until when nothing is left of some dimension, as the headers of any answer say: unix milliseconds, the latest if there are
/// several. Untrusted: to be bounded.
#[must_use]
pub fn spent_until(headers: &HeaderMap, now_ms: u64) -> Option<u64> {
    spent(headers, now_ms)?.at_ms(now_ms)
}

fn spent(headers: &HeaderMap, now_ms: u64) -> Option<Wait> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
    let spent = DIMENSIONS.iter().filter(|(remaining, _)| text(remaining).is_some_and(|left| left.trim() == "0"));
    spent.filter_map(|(_, reset)| moment(text(reset)?, now_ms)).max_by_key(|wait| wait.at_ms(now_ms))
}

/// The reset of a dimension of which nothing remains.
fn in_reset_header(headers: &HeaderMap, now_ms: u64) -> Option<Wait> {
    let unified = || moment(headers.get("anthropic-ratelimit-unified-reset")?.to_str().ok()?, now_ms);
    spent(headers, now_ms).or_else(unified)
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

/// Anthropic names the day on which a key works again, or a limit on spending, which ends with the month.
fn in_anthropic(error: &ErrorBody, now_ms: u64) -> Option<Wait> {
    let code = error.object.get("details").and_then(|details| details.get("error_code")?.as_str());
    if code == Some("enforced_spend_limit_reached") {
        return Some(Wait::until(Window::at(Period::Month, &Zone::named("UTC").ok()?, now_ms).end_ms));
    }
    let (_, date) = error.message.split_once("regain access on ")?;
    moment(&format!("{}T00:00:00Z", date.get(..10)?), now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_435_200_000;

    #[test]
    fn nothing_is_left_until_the_latest_reset_of_what_is_spent() {
        type Headers = &'static [(&'static str, &'static str)];
        #[rustfmt::skip]
        let table: &[(Headers, Option<u64>)] = &[
            (&[], None),
            (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")], Some(360_000)),
            (&[("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", "6m0s")], None),
            (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "7.66s"),
               ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "20ms")], Some(7_660)),
            // OpenRouter: epoch milliseconds; others: epoch seconds, plain seconds
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795435230000")], Some(30_000)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795435230")], Some(30_000)),
            (&[("x-ratelimit-remaining", " 0 "), ("x-ratelimit-reset", "45")], Some(45_000)),
            (&[("anthropic-ratelimit-input-tokens-remaining", "0"),
               ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T12:00:50Z")], Some(50_000)),
            // nothing that could be read, or no time
            (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "soon")], None),
            (&[("x-ratelimit-remaining-requests", "-1"), ("x-ratelimit-reset-requests", "5s")], None),
            (&[("x-ratelimit-remaining-requests", "0")], None),
        ];
        for (headers, expected) in table {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(spent_until(&map, NOW).map(|at| at - NOW), *expected, "{headers:?}");
        }
    }
}
