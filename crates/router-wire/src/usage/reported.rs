//! What a provider says that a request cost. Only some providers are to be believed: see [`crate::adapters::Quirks`].

use router_core::money::{Nano, parse_decimal};
use serde_json::Value;

/// OpenRouter's `usage.cost` in USD. With `is_byok` the provider behind bills our own account besides: that is
/// `cost_details.upstream_inference_cost` and is added. `None` if no sane cost is named. Rounded up to the nano-dollar.
#[must_use]
pub fn reported_cost(usage: &Value) -> Option<Nano> {
    let cost = amount(usage.get("cost")?)?;
    if usage.get("is_byok").and_then(Value::as_bool) != Some(true) {
        return Some(cost);
    }
    match usage.get("cost_details").and_then(|details| details.get("upstream_inference_cost")) {
        None | Some(Value::Null) => Some(cost),
        Some(upstream) => Some(cost + amount(upstream)?),
    }
}

/// A number or a decimal text that is not negative.
fn amount(value: &Value) -> Option<Nano> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    // Providers add up floats: 0.00014000000000000001. What lies below 10⁻¹⁵ is their rounding, not money.
    let fine = parse_decimal(&shorten(&text), 15).ok()?;
    (fine >= 0).then(|| Nano(fine / 1_000_000 + i64::from(fine % 1_000_000 > 0)))
}

/// Cuts digits behind the fifteenth decimal place.
fn shorten(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, ""));
    let shift: usize = exponent.strip_prefix('-').and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let Some((whole, fraction)) = mantissa.split_once('.') else { return text.to_owned() };
    let kept: String = fraction.chars().take(15_usize.saturating_sub(shift)).collect();
    let exponent = if exponent.is_empty() { String::new() } else { format!("e{exponent}") };
    format!("{whole}.{kept}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_exactly() {
        for (usage, nano) in [
            (r#"{"cost":0.00014}"#, Some(140_000)),
            (r#"{"cost":0.00014000000000000001}"#, Some(140_000)),
            (r#"{"cost":"0.0000000001"}"#, Some(1)),
            (r#"{"cost":9.5e-7}"#, Some(950)),
            (r#"{"cost":0}"#, Some(0)),
            (r#"{"cost":2}"#, Some(2_000_000_000)),
            (r#"{"cost":0.01,"is_byok":true,"cost_details":{"upstream_inference_cost":0.2}}"#, Some(210_000_000)),
            (r#"{"cost":0.01,"is_byok":false,"cost_details":{"upstream_inference_cost":0.2}}"#, Some(10_000_000)),
            (r#"{"cost":0.01,"is_byok":true,"cost_details":{"upstream_inference_cost":null}}"#, Some(10_000_000)),
            (r#"{"cost":-1}"#, None),
            (r#"{"cost":null}"#, None),
            (r#"{"prompt_tokens":1}"#, None),
        ] {
            let usage: Value = serde_json::from_str(usage).unwrap();
            assert_eq!(reported_cost(&usage), nano.map(Nano), "{usage}");
        }
    }
}
