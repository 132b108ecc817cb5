//! The family of a model name: without vendor prefix (`anthropic/`, `models/`) and without date
//! (`-20240307`, `-2024-08-06`, `@20240307`, `-latest`).

/// Splits a name into its family and its date as `yyyymmdd`; 0 is no date or `-latest`.
#[must_use]
pub fn split(name: &str) -> (&str, u32) {
    let bare = name.rsplit_once('/').map_or(name, |(_, rest)| rest);
    if let Some(family) = strip_suffix_ignore_case(bare, "-latest") {
        return (family, 0);
    }
    match dated(bare, 8).or_else(|| dated(bare, 10)) {
        Some((family, date)) if !family.is_empty() => (family, date),
        _ => (bare, 0),
    }
}

/// Splits off a date that is `length` bytes long, and the `-` or `@` before it.
fn dated(name: &str, length: usize) -> Option<(&str, u32)> {
    let (head, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
    let family = head.strip_suffix(['-', '@'])?;
    let mut number = 0u32;
    for (place, byte) in date.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if length == 8 || (place != 4 && place != 7) => number = number * 10 + u32::from(byte - b'0'),
            b'-' if length == 10 && (place == 4 || place == 7) => {}
            _ => return None,
        }
    }
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let plausible = (2015..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    plausible.then_some((family, number))
}

fn strip_suffix_ignore_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    (tail.eq_ignore_ascii_case(suffix) && !head.is_empty()).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_prefix_and_date_off() {
        for (name, family, date) in [
            ("gpt-4o", "gpt-4o", 0),
            ("gpt-4o-2024-08-06", "gpt-4o", 20_240_806),
            ("claude-3-haiku-20240307", "claude-3-haiku", 20_240_307),
            ("claude-3-haiku@20240307", "claude-3-haiku", 20_240_307),
            ("claude-3-5-sonnet-latest", "claude-3-5-sonnet", 0),
            ("anthropic/claude-3-haiku-20240307", "claude-3-haiku", 20_240_307),
            ("models/gemini-1.5-pro", "gemini-1.5-pro", 0),
            ("a/b/c", "c", 0),
            ("x-99999999", "x-99999999", 0),
            ("x-20241399", "x-20241399", 0),
            ("20240307", "20240307", 0),
            ("-20240307", "-20240307", 0),
            ("-latest", "-latest", 0),
            ("", "", 0),
            ("模型-20240307", "模型", 20_240_307),
            ("模型模型模型", "模型模型模型", 0),
        ] {
            assert_eq!(split(name), (family, date), "{name}");
        }
    }
}
