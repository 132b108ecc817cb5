//! How long a provider asks us to stay away, in each form in which providers say it.
//!
//! Everything is milliseconds. A value that cannot be read is `None`, never zero and never a guess; a date in
//! the past is zero. Bounding is [`clamp_retry_after`]'s work.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The least time to stay away: a provider that says zero would otherwise be asked again at once.
const LEAST_MS: u64 = 1_000;

/// Bounds a provider's wish to one second … `max_ms` (`cooldown.max`).
#[must_use]
pub fn clamp_retry_after(wish_ms: u64, max_ms: u64) -> u64 {
    wish_ms.clamp(LEAST_MS.min(max_ms), max_ms)
}

/// Reads `Retry-After` (RFC 9110 10.2.3: seconds or an HTTP date) and the forms that providers write into that
/// and other headers beside it: `2.5`, `36s`, `1m2.5s`, `20ms`, an RFC 3339 date.
#[must_use]
pub fn parse_retry_after(value: &str, now_ms: u64) -> Option<u64> {
    let value = value.trim();
    decimal_ms(value, 1_000).or_else(|| parse_span(value)).or_else(|| date_ms(value, now_ms))
}

/// Reads `retry-after-ms`: a number of milliseconds.
#[must_use]
pub fn parse_retry_after_ms(value: &str) -> Option<u64> {
    decimal_ms(value.trim(), 1)
}

/// Reads a span of units such as `36s`, `1m2.5s`, `6m0s`, `20ms`, `1h30m`, `2d`. Each number needs its unit.
#[must_use]
pub fn parse_span(value: &str) -> Option<u64> {
    let mut rest = value.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(unit_end)?;
        total = total.checked_add(decimal_ms(number, unit_ms(unit)?)?)?;
        rest = next;
    }
    Some(total)
}

/// Finds the time in a message of the form `… try again in 1m2.5s …` or `… retry in 36 seconds …`.
#[must_use]
pub fn wait_in_message(message: &str) -> Option<u64> {
    const LEADS: [&str; 4] = ["try again in ", "retry in ", "retry after ", "try again after "];
    let lower = message.to_ascii_lowercase();
    let after = LEADS.iter().find_map(|lead| lower.split_once(lead).map(|(_, after)| after))?;
    let mut words = after.split_whitespace();
    let first = words.next()?.trim_end_matches(['.', ',', ';', ')', '!']);
    if let Some(span) = parse_span(first) {
        return Some(span);
    }
    let unit = words.next().unwrap_or("").trim_end_matches(['.', ',', ';', ')', '!']);
    decimal_ms(first, unit_ms(unit)?)
}

fn unit_ms(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" | "milliseconds" | "millisecond" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    })
}

/// Reads a decimal number of units as milliseconds, rounded up: staying away too short is worse. No sign, no
/// exponent; saturates.
fn decimal_ms(text: &str, unit_ms: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return None;
    }
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit_ms);
    // nine digits are enough for anything a clock can tell apart
    let mut part: u128 = 0;
    let mut scale: u128 = 1;
    for byte in fraction.bytes().take(9) {
        part = part * 10 + u128::from(byte - b'0');
        scale *= 10;
    }
    let part = (part * u128::from(unit_ms)).div_ceil(scale);
    Some(whole.saturating_add(u64::try_from(part).unwrap_or(u64::MAX)))
}

fn date_ms(value: &str, now_ms: u64) -> Option<u64> {
    let at = match value.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?,
    };
    let at_ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Some(at_ms.saturating_sub(now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T12:00:00Z
    const NOW: u64 = 1_795_435_200_000;

    #[test]
    fn reads_every_form() {
        for (text, ms) in [
            ("0", Some(0)),
            ("7", Some(7_000)),
            (" 7 ", Some(7_000)),
            ("2.5", Some(2_500)),
            ("0.0001", Some(1)),
            ("36s", Some(36_000)),
            ("1m2.5s", Some(62_500)),
            ("6m0s", Some(360_000)),
            ("20ms", Some(20)),
            ("1h30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("Mon, 23 Nov 2026 12:00:36 GMT", Some(36_000)),
            ("Mon, 23 Nov 2026 11:00:00 GMT", Some(0)),
            ("2026-11-23T12:01:00Z", Some(60_000)),
            ("99999999999999999999", Some(u64::MAX)),
            ("", None),
            ("-3", None),
            ("5.", None),
            (".5", None),
            ("1e3", None),
            ("soon", None),
            ("5x", None),
            ("m5", None),
            ("NaN", None),
        ] {
            assert_eq!(parse_retry_after(text, NOW), ms, "{text}");
        }
    }

    #[test]
    fn reads_milliseconds() {
        for (text, ms) in [("1500", Some(1500)), ("0.5", Some(1)), ("", None), ("1s", None)] {
            assert_eq!(parse_retry_after_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn finds_the_time_in_a_message() {
        for (text, ms) in [
            ("Rate limit reached. Please try again in 1m2.5s. Visit …", Some(62_500)),
            ("Please retry in 36 seconds.", Some(36_000)),
            ("Please Try Again In 20ms", Some(20)),
            ("retry after 3s, or else", Some(3_000)),
            ("try again in a while", None),
            ("try again in 5", None),
            ("try again in ", None),
            ("too many requests", None),
        ] {
            assert_eq!(wait_in_message(text), ms, "{text}");
        }
    }

    #[test]
    fn bounds_the_wish() {
        for (wish, max, taken) in
            [(0, 60_000, 1_000), (5_000, 60_000, 5_000), (u64::MAX, 60_000, 60_000), (0, 10, 10), (50, 10, 10)]
        {
            assert_eq!(clamp_retry_after(wish, max), taken);
        }
    }
}
