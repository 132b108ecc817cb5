//! Prices as they stand in files: decimals per million tokens in some currency, turned into exact USD.

use router_core::money::Nano;
use std::collections::BTreeMap;

use router_core::pricing::{Price, Rate, Tier};
use router_core::usage::ServiceTier;

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
        /// Other rates for answers in a service tier, by its name: flex, priority.
        service_tiers: BTreeMap<String, ServiceEntry> = BTreeMap::new(),
    }
}

section! {
    #[derive(serde::Deserialize)]
    /// Rates of a service tier; what is left out is as in the usual price.
    pub struct ServiceEntry {
        /// Input tokens.
        input: Option<Decimal> = None,
        /// Output tokens.
        output: Option<Decimal> = None,
        /// Cached reads.
        cached_input: Option<Decimal> = None,
        /// Cache writes (5 minutes).
        cache_write: Option<Decimal> = None,
        /// Cache writes (1 hour).
        cache_write_1h: Option<Decimal> = None,
        /// Reasoning tokens.
        reasoning: Option<Decimal> = None,
        /// Audio in.
        audio_input: Option<Decimal> = None,
        /// Audio out.
        audio_output: Option<Decimal> = None,
        /// Other rates for long inputs; else the usual ones, but none below this tier's own.
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
            /// Cache writes (1 hour); else as this tier's cache_write, or the price's own if that is dearer.
            cache_write_1h: Option<Decimal> = None,
            /// Reasoning tokens; else as this tier's output, or the price's own if that is dearer.
            reasoning: Option<Decimal> = None,
            /// Audio in; else as this tier's input, or the price's own if that is dearer.
            audio_input: Option<Decimal> = None,
            /// Audio out; else as this tier's output, or the price's own if that is dearer.
            audio_output: Option<Decimal> = None,
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

    /// A price in the provider's currency as one in USD; each amount is rounded up once.
    #[must_use]
    pub fn exchanged(self, price: &Price) -> Price {
        let nano = |amount: i64| self.nano_usd(Decimal::from_billionths(amount));
        let rate = |rate: Rate| Rate(nano(rate.0));
        Price {
            input: rate(price.input),
            output: rate(price.output),
            cached_input: price.cached_input.map(rate),
            cache_write: price.cache_write.map(rate),
            cache_write_1h: price.cache_write_1h.map(rate),
            reasoning: price.reasoning.map(rate),
            audio_input: price.audio_input.map(rate),
            audio_output: price.audio_output.map(rate),
            image: price.image.map(|image| Nano(nano(image.0))),
            per_request: Nano(nano(price.per_request.0)),
            tiers: price
                .tiers
                .iter()
                .map(|tier| Tier {
                    input: rate(tier.input),
                    output: rate(tier.output),
                    cached_input: tier.cached_input.map(rate),
                    cache_write: tier.cache_write.map(rate),
                    cache_write_1h: tier.cache_write_1h.map(rate),
                    reasoning: tier.reasoning.map(rate),
                    audio_input: tier.audio_input.map(rate),
                    audio_output: tier.audio_output.map(rate),
                    ..*tier
                })
                .collect(),
            services: price.services.iter().map(|(tier, price)| (*tier, self.exchanged(price))).collect(),
        }
    }

    /// The whole price in USD.
    #[must_use]
    pub fn price(self, entry: &PriceEntry) -> Price {
        self.exchanged(&entry.in_currency_of_itself())
    }
}

impl ServiceEntry {
    /// The whole price of the tier.
    fn over(&self, usual: &PriceEntry) -> PriceEntry {
        let (input, output) = (self.input.unwrap_or(usual.input), self.output.unwrap_or(usual.output));
        let cached_input = self.cached_input.or(usual.cached_input);
        let cache_write = self.cache_write.or(usual.cache_write);
        let cache_write_1h = self.cache_write_1h.or(usual.cache_write_1h);
        let reasoning = self.reasoning.or(usual.reasoning);
        let audio_input = self.audio_input.or(usual.audio_input);
        let audio_output = self.audio_output.or(usual.audio_output);
        let dearer =
            |long: Option<Decimal>, own: Option<Decimal>| long.map(|long| own.map_or(long, |own| own.max(long)));
        let long = |tier: &TierEntry| TierEntry {
            input: tier.input.max(input),
            output: Some(tier.output.unwrap_or(usual.output).max(output)),
            cached_input: dearer(tier.cached_input, cached_input),
            cache_write: dearer(tier.cache_write, cache_write),
            cache_write_1h: dearer(tier.cache_write_1h, cache_write_1h),
            reasoning: dearer(tier.reasoning, reasoning),
            audio_input: dearer(tier.audio_input, audio_input),
            audio_output: dearer(tier.audio_output, audio_output),
            ..tier.clone()
        };
        PriceEntry {
            input,
            output,
            cached_input,
            cache_write,
            cache_write_1h,
            reasoning,
            audio_input,
            audio_output,
            tiers: if self.tiers.is_empty() { usual.tiers.iter().map(long).collect() } else { self.tiers.clone() },
            service_tiers: BTreeMap::new(),
            ..usual.clone()
        }
    }
}

impl PriceEntry {
    /// Read as USD.
    #[must_use]
    pub fn in_currency_of_itself(&self) -> Price {
        let rate = |amount: Decimal| Rate(amount.billionths());
        Price {
            input: rate(self.input),
            output: rate(self.output),
            cached_input: self.cached_input.map(rate),
            cache_write: self.cache_write.map(rate),
            cache_write_1h: self.cache_write_1h.map(rate),
            reasoning: self.reasoning.map(rate),
            audio_input: self.audio_input.map(rate),
            audio_output: self.audio_output.map(rate),
            image: self.image.map(|amount| Nano(amount.billionths())),
            per_request: Nano(self.per_request.map_or(0, Decimal::billionths)),
            tiers: self
                .tiers
                .iter()
                .map(|tier| Tier {
                    above_tokens: tier.above_tokens,
                    input: rate(tier.input),
                    output: rate(tier.output.unwrap_or(self.output)),
                    cached_input: tier.cached_input.map(rate),
                    cache_write: tier.cache_write.map(rate),
                    cache_write_1h: tier.cache_write_1h.map(rate),
                    reasoning: tier.reasoning.map(rate),
                    audio_input: tier.audio_input.map(rate),
                    audio_output: tier.audio_output.map(rate),
                    inclusive: false,
                })
                .collect(),
            services: self
                .service_tiers
                .iter()
                .map(|(name, service)| (ServiceTier::named(name), service.over(self).in_currency_of_itself()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_tier_is_the_usual_price_but_for_what_it_says() {
        let entry: PriceEntry = serde_saphyr::from_str(
            "{ input: 2, output: 10, cached_input: 0.2, cache_write: 2.5, tiers: [{ above_tokens: 9, input: 4, output: 12, cached_input: 0.4 }],
               service_tiers: { flex: { input: 1, output: 5 }, priority: { input: 5, output: 20, cached_input: 0.5 } } }",
        )
        .unwrap();
        let price = entry.in_currency_of_itself();
        let of = |service, tokens| {
            let rates = price.of(service).rates(tokens);
            [rates.input, rates.output, rates.cached_input, rates.cache_write].map(|rate| rate.0 / 1_000_000)
        };
        assert_eq!(of(ServiceTier::Standard, 1), [2_000, 10_000, 200, 2_500]);
        assert_eq!(of(ServiceTier::Flex, 1), [1_000, 5_000, 200, 2_500]);
        assert_eq!(of(ServiceTier::Priority, 1), [5_000, 20_000, 500, 2_500]);
        // Long inputs: the usual rates, but none below the tier's own.
        assert_eq!(of(ServiceTier::Flex, 10), [4_000, 12_000, 400, 4_000]);
        assert_eq!(of(ServiceTier::Priority, 10), [5_000, 20_000, 500, 5_000]);
    }

    #[test]
    fn a_tier_of_long_inputs_has_every_rate_that_it_names() {
        let entry: PriceEntry = serde_saphyr::from_str(
            "{ input: 1, output: 2, reasoning: 3, audio_output: 30,
               tiers: [{ above_tokens: 9, input: 4, output: 5, cached_input: 0.5, cache_write: 6, cache_write_1h: 7, reasoning: 8, audio_input: 9, audio_output: 10 },
                       { above_tokens: 99, input: 40, output: 50 }],
               service_tiers: { priority: { reasoning: 80 } } }",
        )
        .unwrap();
        let price = Conversion::NONE.price(&entry);
        let of = |service, tokens| {
            let r = price.of(service).rates(tokens);
            let rates =
                [r.input, r.output, r.cached_input, r.cache_write, r.cache_write_1h, r.reasoning, r.audio_input];
            (rates.map(|rate| rate.0 / 100_000_000), r.audio_output.0 / 100_000_000)
        };
        assert_eq!(of(ServiceTier::Standard, 9), ([10, 20, 10, 10, 10, 30, 10], 300));
        assert_eq!(of(ServiceTier::Standard, 10), ([40, 50, 5, 60, 70, 80, 90], 100));
        // What it does not name follows from its own input and output.
        assert_eq!(of(ServiceTier::Standard, 100), ([400, 500, 400, 400, 400, 500, 400], 500));
        assert_eq!(of(ServiceTier::Priority, 10).0[5], 800, "none below the service tier's own");
    }

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
