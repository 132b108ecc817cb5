//! Usage objects × prices → nano-dollars: `golden/costs.json`. The sums were worked out with exact fractions from the
//! providers' own rules, not by this program.

use std::collections::BTreeMap;

use router_core::money::Nano;
use router_core::pricing::{Price, Rate, Tier, booked_cost};
use router_core::usage::{ServiceTier, Usage};
use router_wire::usage;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Golden {
    /// USD per million tokens; fees in USD.
    prices: BTreeMap<String, Listed>,
    rows: Vec<Row>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    input: String,
    output: String,
    cached_input: Option<String>,
    cache_write: Option<String>,
    cache_write_1h: Option<String>,
    reasoning: Option<String>,
    audio_input: Option<String>,
    audio_output: Option<String>,
    per_request: Option<String>,
    /// Of a tier: its threshold.
    above: Option<String>,
    #[serde(default)]
    inclusive: bool,
    #[serde(default)]
    tiers: Vec<Listed>,
    /// By service tier.
    #[serde(default)]
    services: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    dialect: String,
    price: String,
    usage: Value,
    /// The service tier that the answer names.
    #[serde(default)]
    service_tier: String,
    /// What the provider says that it cost is booked.
    #[serde(default)]
    believes_provider: bool,
    nano_usd: i64,
}

fn rate(usd: &str) -> Rate {
    Rate::parse(usd).unwrap()
}

impl Listed {
    fn price(&self) -> Price {
        let class = |usd: &Option<String>| usd.as_deref().map(rate);
        Price {
            input: rate(&self.input),
            output: rate(&self.output),
            cached_input: class(&self.cached_input),
            cache_write: class(&self.cache_write),
            cache_write_1h: class(&self.cache_write_1h),
            reasoning: class(&self.reasoning),
            audio_input: class(&self.audio_input),
            audio_output: class(&self.audio_output),
            per_request: self.per_request.as_ref().map_or(Nano::ZERO, |usd| usd.parse().unwrap()),
            tiers: self.tiers.iter().map(Self::tier).collect(),
            services: self.services.iter().map(|(name, own)| (ServiceTier::named(name), own.price())).collect(),
            ..Price::default()
        }
    }

    fn tier(&self) -> Tier {
        let price = self.price();
        Tier {
            above_tokens: self.above.as_ref().unwrap().parse().unwrap(),
            inclusive: self.inclusive,
            input: price.input,
            output: price.output,
            cached_input: price.cached_input,
            cache_write: price.cache_write,
            cache_write_1h: price.cache_write_1h,
            reasoning: price.reasoning,
            audio_input: price.audio_input,
            audio_output: price.audio_output,
        }
    }
}

#[test]
fn every_usage_costs_what_it_should_to_the_nano_dollar() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/costs.json")).unwrap();
    let mut wrong = Vec::new();
    for row in &golden.rows {
        let read = match row.dialect.as_str() {
            "openai_chat" => usage::from_openai(row.usage.to_string().as_bytes()),
            "openai_responses" => usage::from_responses(&row.usage),
            "anthropic" => usage::from_anthropic(&row.usage),
            "gemini" => usage::from_gemini(&row.usage),
            "ollama" => usage::from_ollama(&row.usage),
            other => panic!("no dialect {other}"),
        };
        let read = read.unwrap_or_else(|| panic!("no usage in {}", row.name));
        let read = Usage { service: ServiceTier::named(&row.service_tier), ..read };
        let cost =
            booked_cost(Some(&golden.prices[&row.price].price()), &read, row.believes_provider).unwrap().round_up();
        if cost != Nano(row.nano_usd) {
            wrong.push(format!("{} × {}: {} instead of {}: {read:?}", row.name, row.price, cost.0, row.nano_usd));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(golden.rows.len() >= 80, "{}", golden.rows.len());
}
