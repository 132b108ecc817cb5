//! What another configuration would change, in words an operator understands.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use router_core::catalog::spec::{ChannelModelSpec, ChannelSpec, ClientKeySpec, GroupSpec, ProviderKeySpec};
use router_core::catalog::{Group, KeyIx, Snapshot};
use router_core::limits::Limits;
use router_core::money::Nano;
use router_core::pricing::Price;
use serde::Serialize;
use serde_json::Value;

use crate::config::Loaded;

/// A member of a group that costs at most one part in so many of the next wins every ranking by price.
const FAR_CHEAPER: f64 = 20.0;
/// Names that are listed before the rest is only counted.
const MOST_NAMES: usize = 10;

/// One thing that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `warning` where it is probably not meant, else `change`.
    pub level: &'static str,
    /// What it is about: `channel NAME`, `group NAME`, `key NAME`, `settings`.
    pub about: String,
    /// In words.
    pub text: String,
}

/// Compares two configurations. `keys` are the client keys of the database.
///
/// # Errors
/// The problems of one that has no catalogue.
pub fn findings(serving: &Loaded, planned: &Loaded, keys: &[ClientKeySpec]) -> Result<Vec<Finding>, String> {
    let (before, after) = (catalogue(serving, keys)?, catalogue(planned, keys)?);
    let mut found = Findings::default();
    found.channels(serving, planned);
    found.groups(serving, planned, (&before, &after));
    found.keys(&before, &after);
    found.settings(serving, planned);
    for warning in after.warnings().iter().filter(|warning| !before.warnings().contains(warning)) {
        found.warn(warning.path.clone(), warning.message.clone());
    }
    Ok(found.0)
}

fn catalogue(loaded: &Loaded, keys: &[ClientKeySpec]) -> Result<Snapshot, String> {
    let mut spec = loaded.catalog_spec(0, Vec::new());
    spec.keys = keys.to_vec();
    Snapshot::build(spec).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, about: impl Into<String>, text: impl Into<String>) {
        self.0.push(Finding { level: "change", about: about.into(), text: text.into() });
    }

    fn warn(&mut self, about: impl Into<String>, text: impl Into<String>) {
        self.0.push(Finding { level: "warning", about: about.into(), text: text.into() });
    }

    fn changed<V: PartialEq + Debug>(&mut self, about: &str, field: &str, before: &V, after: &V) {
        if before != after {
            self.add(about, format!("{field}: {} → {}", shown(before), shown(after)));
        }
    }

    fn channels(&mut self, serving: &Loaded, planned: &Loaded) {
        let by_name = |loaded: &Loaded| -> BTreeMap<String, ChannelSpec> {
            loaded.channels.iter().map(|channel| (channel.spec.name.to_string(), channel.spec.clone())).collect()
        };
        let (before, after) = (by_name(serving), by_name(planned));
        for (name, channel) in &after {
            let about = format!("channel {name}");
            match before.get(name) {
                None => self.add(&about, format!("new, at {} with {} models", channel.base_url, channel.models.len())),
                Some(known) => self.channel(&about, known, channel),
            }
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            self.add(format!("channel {name}"), "is removed");
        }
    }

    fn channel(&mut self, about: &str, before: &ChannelSpec, after: &ChannelSpec) {
        self.changed(about, "enabled", &before.enabled, &after.enabled);
        self.changed(about, "base_url", &before.base_url, &after.base_url);
        self.changed(about, "region", &before.region, &after.region);
        self.changed(about, "priority", &before.priority, &after.priority);
        self.changed(about, "weight", &before.weight, &after.weight);
        self.changed(about, "keys", &before.keys.len(), &after.keys.len());
        self.changed(about, "key_rotation", &before.key_rotation.as_str(), &after.key_rotation.as_str());
        for key in &after.keys {
            if let Some(known) = before.keys.iter().find(|known| known.id == key.id) {
                self.provider_key(&format!("provider key {}", key.id), known, key);
            }
        }
        self.limits(about, &before.limits.into(), &after.limits.into());
        self.changed(about, "limits.daily_budget", &usd(before.limits.daily_budget), &usd(after.limits.daily_budget));
        for model in &after.models {
            match before.models.iter().find(|known| known.name == model.name) {
                None => self.add(about, format!("model {} is new, at {}", model.name, price(model.price.as_ref()))),
                Some(known) => self.model(about, known, model),
            }
        }
        for model in before.models.iter().filter(|known| !after.models.iter().any(|model| model.name == known.name)) {
            self.add(about, format!("model {} is removed", model.name));
        }
    }

    fn provider_key(&mut self, about: &str, before: &ProviderKeySpec, after: &ProviderKeySpec) {
        self.changed(about, "weight", &before.weight, &after.weight);
        self.changed(about, "daily_budget", &usd(before.daily_budget), &usd(after.daily_budget));
        self.limits(about, &before.limits, &after.limits);
    }

    fn limits(&mut self, about: &str, old: &Limits, new: &Limits) {
        self.changed(about, "limits.requests_per_minute", &old.requests_per_minute, &new.requests_per_minute);
        self.changed(about, "limits.tokens_per_minute", &old.tokens_per_minute, &new.tokens_per_minute);
        self.changed(about, "limits.requests_per_day", &old.requests_per_day, &new.requests_per_day);
        self.changed(about, "limits.max_in_flight", &old.max_in_flight, &new.max_in_flight);
    }

    fn model(&mut self, about: &str, before: &ChannelModelSpec, after: &ChannelModelSpec) {
        let field = |field: &str| format!("{field} of {}", after.name);
        if before.price != after.price {
            let (old, new) = (price(before.price.as_ref()), price(after.price.as_ref()));
            let more = if old == new { " (in a class of tokens, tier or service)" } else { "" };
            self.add(about, format!("{}: {old} → {new}{more}", field("price")));
        }
        self.changed(about, &field("name at the provider"), &before.upstream_name, &after.upstream_name);
        self.changed(about, &field("context_length"), &before.context_length, &after.context_length);
        self.changed(about, &field("max_output_tokens"), &before.max_output_tokens, &after.max_output_tokens);
        self.changed(about, &field("capabilities"), &before.capabilities, &after.capabilities);
        self.changed(about, &field("scores"), &before.scores, &after.scores);
    }

    fn groups(&mut self, serving: &Loaded, planned: &Loaded, (before, after): (&Snapshot, &Snapshot)) {
        let compiled = |core: &'_ Snapshot, name: &str| core.group_by_name(name).and_then(|ix| core.group(ix).cloned());
        for group in &planned.groups {
            let about = format!("group {}", group.name);
            let new = compiled(after, &group.name);
            let old = compiled(before, &group.name);
            match serving.groups.iter().find(|known| known.name == group.name) {
                None => self.add(&about, format!("new, by {}", group.strategy)),
                Some(known) => self.group(&about, known, group),
            }
            let Some(new) = new else { continue };
            let (were, are) = (old.as_ref().map(|old| members(before, old)).unwrap_or_default(), members(after, &new));
            if old.is_some() {
                self.names(&about, "gains", are.difference(&were));
                self.names(&about, "loses", were.difference(&are));
            }
            if are.is_empty() && !were.is_empty() {
                self.warn(&about, "no channel serves it any more");
            }
            let cheapest = far_cheapest(after, &new);
            if let Some((name, factor)) =
                cheapest.filter(|_| old.as_ref().and_then(|old| far_cheapest(before, old)) != far_cheapest(after, &new))
            {
                let text = format!(
                    "{name} costs {factor:.0} times less than the next: wherever the price counts, it always wins"
                );
                self.warn(&about, text);
            }
        }
        for group in serving.groups.iter().filter(|known| !planned.groups.iter().any(|group| group.name == known.name))
        {
            self.add(format!("group {}", group.name), "is removed: requests for it are refused as unknown");
        }
    }

    fn group(&mut self, about: &str, before: &GroupSpec, after: &GroupSpec) {
        self.changed(about, "strategy", &before.strategy, &after.strategy);
        self.changed(about, "algorithm", &before.algorithm, &after.algorithm);
        for layer in &after.layers {
            match before.layers.iter().find(|known| known.field == layer.field) {
                None => self.add(about, format!("layer {} is new, with weight {}", layer.field, layer.weight)),
                Some(known) => self.changed(about, &format!("weight of {}", layer.field), &known.weight, &layer.weight),
            }
        }
        for layer in before.layers.iter().filter(|known| !after.layers.iter().any(|layer| layer.field == known.field)) {
            self.add(about, format!("layer {} is removed", layer.field));
        }
        self.changed(about, "slo", &before.slo, &after.slo);
        self.changed(about, "daily_budget", &usd(before.daily_budget), &usd(after.daily_budget));
        self.changed(
            about,
            "max_cost_per_request",
            &usd(before.max_cost_per_request),
            &usd(after.max_cost_per_request),
        );
        self.changed(about, "fallback", &before.fallback, &after.fallback);
        for (what, old, new) in [
            ("filters", format!("{:?}", before.filters), format!("{:?}", after.filters)),
            ("time_policies", format!("{:?}", before.time_policy), format!("{:?}", after.time_policy)),
            ("what its members override", format!("{:?}", before.members), format!("{:?}", after.members)),
        ] {
            if old != new {
                self.add(about, format!("{what} change"));
            }
        }
    }

    /// What client keys could use and could not any more.
    fn keys(&mut self, before: &Snapshot, after: &Snapshot) {
        for (place, key) in (0u32..).zip(before.keys()).filter(|(_, key)| key.enabled) {
            let names = |core: &Snapshot| -> BTreeSet<String> {
                core.listing(Some(KeyIx(place))).map(|listed| listed.name.to_string()).collect()
            };
            let (were, are) = (names(before), names(after));
            let lost: Vec<&String> = were.difference(&are).collect();
            if !lost.is_empty() {
                self.warn(format!("key {}", key.name), format!("could not use any more: {}", listed(lost.into_iter())));
            }
        }
    }

    fn settings(&mut self, serving: &Loaded, planned: &Loaded) {
        let read = |loaded: &Loaded| serde_json::from_str::<Value>(&loaded.canonical).unwrap_or_default();
        let (before, after) = (read(serving), read(planned));
        for (name, part) in [("system", "/system"), ("pricing_policies", "/objects/pricing_policies")] {
            differences(name, before.pointer(part), after.pointer(part), &mut |path, old, new| {
                // Of a secret there is only a digest.
                let secret = [&old, &new].iter().any(|text| text.contains("sha256:"));
                let text = if secret { format!("{path} changes") } else { format!("{path}: {old} → {new}") };
                self.add("settings", text);
            });
        }
    }

    fn names<'n>(&mut self, about: &str, verb: &str, names: impl Iterator<Item = &'n String>) {
        let names: Vec<&String> = names.collect();
        if !names.is_empty() {
            self.add(about, format!("{verb} {}", listed(names.into_iter())));
        }
    }
}

fn listed<'n>(names: impl ExactSizeIterator<Item = &'n String>) -> String {
    let count = names.len();
    let first: Vec<&str> = names.take(MOST_NAMES).map(String::as_str).collect();
    let more = count.saturating_sub(MOST_NAMES);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}

/// `CHANNEL/MODEL` of those that may serve a group.
fn members(core: &Snapshot, group: &Group) -> BTreeSet<String> {
    let named = |member: &router_core::catalog::Member| {
        let (model, channel) = core.model_and_channel(member.model)?;
        Some(format!("{}/{}", channel.name, model.name))
    };
    group.members.iter().filter(|member| member.out.is_none()).filter_map(named).collect()
}

/// The member that is far cheaper than every other, in a group that looks at prices; and how much.
fn far_cheapest(core: &Snapshot, group: &Group) -> Option<(String, f64)> {
    let by_price = group.layers.iter().any(|layer| layer.weight > 0.0 && layer.factor.name(core) == "effective_cost");
    let mut prices: Vec<(f64, String)> = Vec::new();
    for member in group.members.iter().filter(|member| member.out.is_none()) {
        let (model, channel) = core.model_and_channel(member.model)?;
        prices.push((model.facts.usd_per_million, format!("{}/{}", channel.name, model.name)));
    }
    prices.retain(|(usd, _)| usd.is_finite() && *usd > 0.0);
    prices.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (first, second) = (prices.first()?, prices.get(1)?);
    let factor = second.0 / first.0;
    (by_price && factor >= FAR_CHEAPER).then(|| (first.1.clone(), factor))
}

fn differences(path: &str, before: Option<&Value>, after: Option<&Value>, tell: &mut impl FnMut(&str, String, String)) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                differences(&format!("{path}.{name}"), old.get(name), new.get(name), tell);
            }
        }
        (old, new) if old != new => {
            let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
            tell(path, text(old), text(new));
        }
        _ => {}
    }
}

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.strip_prefix("Some(").and_then(|text| text.strip_suffix(')')) {
        Some(inner) => inner.trim_matches('"').to_owned(),
        None if text == "None" => "none".to_owned(),
        None => text.trim_matches('"').to_owned(),
    }
}

fn usd(amount: Option<Nano>) -> Option<String> {
    amount.map(|amount| format!("{amount} USD"))
}

fn price(price: Option<&Price>) -> String {
    price.map_or_else(
        || "no known price".to_owned(),
        |price| format!("{} USD in and {} USD out a million tokens", short(price.input.0), short(price.output.0)),
    )
}

fn short(nano: i64) -> String {
    Nano(nano).to_string().trim_end_matches('0').trim_end_matches('.').to_owned()
}
