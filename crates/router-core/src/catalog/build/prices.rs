//! Pricing policies: checked, put in order, and matched with the channel models that they may ever apply to.

use super::Builder;
use crate::catalog::pattern::{Pattern, any_matches};
use crate::catalog::spec::{PricePolicySpec, PricingSpec};
use crate::catalog::{Channel, ChannelModel, Hours, MOST_PRICE_POLICIES};
use crate::routing::{PRICE_RULES, PricePolicies, PricePolicy, PriceRule, price_rule};

/// To which channel models a policy may apply. Empty lists apply to all.
struct Reach {
    providers: Vec<Pattern>,
    channels: Vec<Pattern>,
    models: Vec<Pattern>,
    regions: Vec<Pattern>,
}

impl Builder {
    /// Compiles the policies and notes in each channel model which of them concern it.
    pub(super) fn prices(
        &mut self,
        spec: PricingSpec,
        channels: &[Channel],
        models: &mut [ChannelModel],
    ) -> PricePolicies {
        self.problems.require_finite(|| "pricing_policies.limits.min".to_owned(), spec.min);
        self.problems.require_finite(|| "pricing_policies.limits.max".to_owned(), spec.max);
        let mut policies = PricePolicies { all: Vec::new(), min: spec.min, max: spec.max, pacing: spec.pacing };
        for kind in &spec.order {
            let Some(rule) = price_rule(kind) else {
                let known: Vec<&str> = PRICE_RULES.iter().map(|rule| rule.name).collect();
                let message = format!("`{kind}` is no kind of pricing policy; allowed: {}", known.join(", "));
                self.problems.error("pricing_policies.order", message);
                continue;
            };
            let own = spec.policies.iter().filter(|policy| policy.kind == *kind).enumerate();
            for (place, policy) in own.filter(|(_, policy)| policy.enabled) {
                let path = format!("pricing_policies.{kind}[{place}]");
                let compiled = self.policy(&path, rule, policy);
                if policies.all.len() == MOST_PRICE_POLICIES {
                    self.problems.error(path, format!("is one too many; at most {MOST_PRICE_POLICIES} may be enabled"));
                    continue;
                }
                if !Reach::of(policy).mark(policies.all.len(), channels, models) {
                    self.problems.warn(path, "applies to no channel model");
                }
                policies.all.push(compiled);
            }
        }
        policies
    }

    fn policy(&mut self, path: &str, rule: &'static PriceRule, spec: &PricePolicySpec) -> PricePolicy {
        self.problems.require_finite(|| format!("{path}.multiplier"), spec.multiplier);
        if let Some(message) = (rule.lacks)(spec) {
            self.problems.error(path, message);
        }
        if rule.observes.is_none() && (spec.above.is_some() || spec.below.is_some()) {
            let message = format!("has a threshold, but a policy of kind {} observes nothing", rule.name);
            self.problems.error(path, message);
        }
        let timed = spec.hours.is_some() || spec.weekdays != 0;
        let zone = self.zone(&format!("{path}.timezone"), &spec.timezone);
        PricePolicy {
            rule,
            name: spec.name.clone(),
            multiplier: spec.multiplier,
            hours: timed.then(|| Hours::new(zone, spec.hours.unwrap_or((0, 0)), spec.weekdays)),
            from_ms: spec.from_ms.unwrap_or(0),
            until_ms: spec.until_ms.unwrap_or(u64::MAX),
            above: spec.above,
            below: spec.below,
        }
    }
}

impl Reach {
    fn of(spec: &PricePolicySpec) -> Self {
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
        Self {
            providers: patterns(&spec.providers),
            channels: patterns(&spec.channels),
            models: patterns(&spec.models),
            regions: patterns(&spec.regions),
        }
    }

    /// Sets the bit of the policy in every channel model that it may apply to; whether there is one.
    fn mark(&self, number: usize, channels: &[Channel], models: &mut [ChannelModel]) -> bool {
        let mut found = false;
        for model in models {
            let Some(channel) = channels.get(model.channel.slot()) else { continue };
            if self.holds(channel, model) {
                model.policies |= 1 << number;
                found = true;
            }
        }
        found
    }

    fn holds(&self, channel: &Channel, model: &ChannelModel) -> bool {
        let any = |patterns: &[Pattern], text: &str| patterns.is_empty() || any_matches(patterns, text);
        let provider = any(&self.providers, &channel.provider) || any_matches(&self.providers, &channel.kind);
        let named =
            any(&self.models, &model.name) || model.aliases.iter().any(|alias| any_matches(&self.models, alias));
        provider
            && named
            && any(&self.channels, &channel.name)
            && any(&self.regions, channel.region.as_deref().unwrap_or(""))
    }
}
