//! Prices as they stand in files: decimals per million tokens in some currency, turned into exact USD.

use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier};

use super::decode::{entry, section};
use super::units::Decimal;

section! {
    #[derive(serde::Deserialize)]
    /// A price: per million tokens in the provider's currency; `image` and `per_request` each.
    pub struct PriceEntry {
        /// Input tokens.
        input: Decimal = Decimal::default(),
        /// Output tokens.
        output: Decimal = Decimal::default(),
        /// Cached reads; else as input.
        cached_input: Option<Decimal> = None,
        /// Cache writes (5 minutes); else as input.
        cache_write: Option<Decimal> = None,
        /// Cache writes (1 hour); else as cache_write.
        cache_write_1h: Option<Decimal> = None,
        /// Reasoning tokens; else as output.
        reasoning: Option<Decimal> = None,
        /// For each image made.
        image: Option<Decimal> = None,
        /// Audio in; else as input.
        audio_input: Option<Decimal> = None,
        /// Audio out; else as output.
        audio_output: Option<Decimal> = None,
        /// For each request.
        per_request: Option<Decimal> = None,
        /// Other rates for long inputs.
        tiers: Vec<TierEntry> = Vec::new(),
    }
}

entry! {
    #[derive(serde::Deserialize)]
    /// Rates for inputs above a length.
    pub struct TierEntry {
        required {
            /// Applies when the input has more tokens than this.
            above_tokens: u64,
            /// Input tokens.
            input: Decimal,
        }
        optional {
            /// Output tokens; else as the price's own.
            output: Option<Decimal> = None,
            /// Cached reads; else as this tier's input.
            cached_input: Option<Decimal> = None,
            /// Cache writes; else as this tier's input.
            cache_write: Option<Decimal> = None,
            /// Cache writes (1 hour); else as this tier's cache_write.
            cache_write_1h: Option<Decimal> = None,
            /// Reasoning tokens; else as this tier's output.
            reasoning: Option<Decimal> = None,
        }
    }
}

/// From a provider's currency to USD, exactly: multiply by one decimal, divide by another, round up once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// `price_multiplier` of the provider.
    pub multiplier: Decimal,
    /// Units of the currency for one USD; never 0.
    pub per_usd: Decimal,
}

impl Conversion {
    /// USD as they are.
    pub const NONE: Self = Self { multiplier: Decimal::ONE, per_usd: Decimal::ONE };

    /// Nano-USD for a decimal amount of the currency, rounded up.
    #[must_use]
    pub fn nano_usd(self, amount: Decimal) -> i64 {
        let scaled = i128::from(amount.billionths()) * i128::from(self.multiplier.billionths());
        let divisor = i128::from(self.per_usd.billionths()).max(1);
        Nano::from_i128((scaled + divisor - 1) / divisor).0
    }

    /// The whole price in USD.
    #[must_use]
    pub fn price(self, entry: &PriceEntry) -> Price {
        let rate = |amount: Decimal| Rate(self.nano_usd(amount));
        Price {
            input: rate(entry.input),
            output: rate(entry.output),
            cached_input: entry.cached_input.map(rate),
            cache_write: entry.cache_write.map(rate),
            cache_write_1h: entry.cache_write_1h.map(rate),
            reasoning: entry.reasoning.map(rate),
            audio_input: entry.audio_input.map(rate),
            audio_output: entry.audio_output.map(rate),
            image: entry.image.map(|amount| Nano(self.nano_usd(amount))),
            per_request: Nano(entry.per_request.map_or(0, |amount| self.nano_usd(amount))),
            tiers: entry
                .tiers
                .iter()
                .map(|tier| Tier {
                    above_tokens: tier.above_tokens,
                    input: rate(tier.input),
                    output: rate(tier.output.unwrap_or(entry.output)),
                    cached_input: tier.cached_input.map(rate),
                    cache_write: tier.cache_write.map(rate),
                    ..Tier::default()
                })
                .collect(),
        }
    }
}

impl PriceEntry {
    /// Read as USD.
    #[must_use]
    pub fn in_currency_of_itself(&self) -> Price {
        Conversion::NONE.price(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_exactly_and_rounds_up_once() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        for (amount, multiplier, per_usd, nano) in [
            ("2.50", "1", "1", 2_500_000_000),
            ("7.2", "1", "7.2", 1_000_000_000),
            ("2", "1", "7.2", 277_777_778), // 0.2777…: up
            ("1", "0.5", "0.9", 555_555_556),
            ("0", "1", "7.2", 0),
        ] {
            let conversion = Conversion { multiplier: decimal(multiplier), per_usd: decimal(per_usd) };
            assert_eq!(conversion.nano_usd(decimal(amount)), nano, "{amount} × {multiplier} ÷ {per_usd}");
        }
    }
}
