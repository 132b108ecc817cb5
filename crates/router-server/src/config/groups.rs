//! Model groups: configured and built in, validated against the channels that exist.

use std::collections::{BTreeMap, BTreeSet};

use router_core::catalog::spec::{
    ChannelModelSpec, FilterSpec, GroupSpec, LayerSpec, MemberSpec, SelectSpec, Slo, TimePolicySpec,
};
use router_core::routing::usually_descending;

use super::channels::Channel;
use super::decode::Faults;
use super::fallbacks;
use super::models::capabilities;
use super::node::{Node, Path};
use super::objects::{FilterEntry, GroupEntry, LayerEntry, MemberEntry, Order, SloEntry, TimePolicyEntry};
use super::presets;
use super::problem::{Level, Notice};
use super::providers::Scope;
use super::suggest::allowed_words;
use super::units::Span;
use super::words;

/// What groups are validated against.
pub(super) struct World<'a> {
    pub(super) tree: &'a Node,
    pub(super) channels: &'a [Channel],
    /// Names of providers and kinds.
    pub(super) providers: &'a BTreeSet<&'a str>,
    /// Simulated channels exist.
    pub(super) demo: bool,
    /// Only simulated channels exist, and never was another.
    pub(super) only_demo: bool,
    /// Every declared channel could be built: what is not there does not exist.
    pub(super) complete: bool,
}

/// All groups: the configured ones, then the built-in ones that no file replaces.
pub(super) fn all(
    entries: &BTreeMap<String, GroupEntry>,
    world: &World<'_>,
    faults: &mut Faults,
    notices: &mut Vec<Notice>,
) -> Vec<GroupSpec> {
    let root = Path::root("model_groups");
    let mut groups = Vec::new();
    for (name, entry) in entries {
        let path = root.key(name);
        let mut scope = Scope { path: path.clone(), tree: world.tree, faults };
        check_entry(name, entry, world, &mut scope);
        check_members(entry, world, &mut scope, notices);
        groups.push(with_demo(build(name, entry, &mut scope), world, false));
    }
    let mut unheard = Faults::default();
    let builtin = presets::groups().iter().filter(|(name, _)| !entries.contains_key(name));
    for (name, entry) in builtin.filter(|(name, _)| world.demo || name != "auto:demo") {
        let mut scope = Scope { path: root.key(name), tree: world.tree, faults: &mut unheard };
        groups.push(with_demo(build(name, entry, &mut scope), world, true));
    }
    fallbacks::check(&groups, world, faults);
    groups
}

/// Simulated answers never mix with real ones: unless only they exist, a rule takes them in only by their tag.
fn with_demo(mut group: GroupSpec, world: &World<'_>, built_in: bool) -> GroupSpec {
    group.built_in = built_in;
    if let Some(select) = &mut group.select
        && world.demo
        && !world.only_demo
        && !select.tags.iter().any(|tag| tag == "demo")
    {
        select.tags.push("!demo".to_owned());
    }
    group
}

fn build(name: &str, entry: &GroupEntry, scope: &mut Scope<'_>) -> GroupSpec {
    let filters = scope.path.key("filters");
    GroupSpec {
        name: name.into(),
        display_name: entry.display_name.clone().unwrap_or_else(|| name.to_owned()),
        description: entry.description.clone(),
        strategy: entry.strategy.clone(),
        layers: entry.routing_strategy.iter().map(layer).collect(),
        algorithm: entry.load_balancing.algorithm.clone().unwrap_or_default(),
        filters: filter(&entry.filters, &filters, scope),
        slo: entry.slo.as_ref().map(slo),
        daily_budget: entry.budget_limits.daily_budget.map(|usd| usd.0),
        max_cost_per_request: entry.budget_limits.max_cost_per_request.map(|usd| usd.0),
        time_policy: entry.time_policies.as_ref().and_then(time_policy),
        members: entry.channels.iter().map(member).collect(),
        select: select(entry),
        fallback: entry.fallback.iter().map(|name| name.as_str().into()).collect(),
        hedge_after: entry.hedge_after.map(|hedge| hedge.0),
        built_in: false,
    }
}

/// A group without members and rule takes all that its filters let through.
fn select(entry: &GroupEntry) -> Option<SelectSpec> {
    match &entry.select {
        Some(select) => Some(SelectSpec {
            tags: select.tags.iter().map(|tag| tag.trim().to_lowercase()).collect(),
            models: select.models.clone(),
        }),
        None if entry.channels.is_empty() => Some(SelectSpec::default()),
        None => None,
    }
}

fn layer(entry: &LayerEntry) -> LayerSpec {
    let descending = entry.order.map_or_else(|| usually_descending(&entry.field), |order| order == Order::Desc);
    LayerSpec { field: entry.field.clone(), descending, weight: entry.weight }
}

/// A list of fields as layers: each counts half as much as the one before.
fn ranked(fields: &[String]) -> Vec<LayerSpec> {
    let weights = std::iter::successors(Some(1.0), |weight| Some(weight / 2.0));
    let layer = |(field, weight): (&String, f64)| LayerSpec {
        field: field.clone(),
        descending: usually_descending(field),
        weight,
    };
    fields.iter().zip(weights).map(layer).collect()
}

fn slo(entry: &SloEntry) -> Slo {
    let ms = |span: Span| u32::try_from(span.as_duration().as_millis()).map_or(f64::MAX, f64::from);
    Slo { ttft_p95_ms: entry.ttft_p95.map(ms), success: entry.success.map(|share| share.0) }
}

fn time_policy(entry: &TimePolicyEntry) -> Option<TimePolicySpec> {
    let hours = entry.peak_hours?;
    Some(TimePolicySpec {
        timezone: entry.timezone.0.clone(),
        peak: (hours.from, hours.to),
        peak_layers: ranked(&entry.peak_strategy),
        off_peak_layers: ranked(&entry.off_peak_strategy),
    })
}

fn filter(entry: &FilterEntry, path: &Path, scope: &mut Scope<'_>) -> FilterSpec {
    let mut set = |words: &[String], field: &str| capabilities(words, &path.key(field), scope);
    FilterSpec {
        required_capabilities: set(&entry.required_capabilities, "required_capabilities"),
        optional_capabilities: set(&entry.optional_capabilities, "optional_capabilities"),
        exclude_capabilities: set(&entry.exclude_capabilities, "exclude_capabilities"),
        max_cost_per_million: entry.max_cost_per_million.map(|usd| usd.0),
        min_quality_score: entry.min_quality_score.map(|share| share.0),
        min_context_length: entry.min_context_length,
        max_latency_ms: entry.max_latency_ms,
        min_throughput_tps: entry.min_throughput_tps,
        exclude_models: entry.exclude_models.clone(),
        providers: entry.providers.clone(),
        regions: entry.regions.clone(),
    }
}

fn member(entry: &MemberEntry) -> MemberSpec {
    let mut score_overrides = entry.overrides.clone();
    let cost_multiplier = score_overrides.remove("cost_multiplier");
    MemberSpec {
        channel: entry.channel.clone(),
        provider: entry.provider.clone(),
        model: entry.model.clone(),
        priority: entry.priority,
        weight: entry.weight,
        daily_limit: entry.daily_limit,
        score_overrides,
        cost_multiplier,
        enabled: entry.enabled,
    }
}

/// Words and numbers that can be judged without knowing the channels.
fn check_entry(name: &str, entry: &GroupEntry, world: &World<'_>, scope: &mut Scope<'_>) {
    let path = scope.path.clone();
    if name.is_empty() || name.len() > 64 || !name.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ',') {
        scope.fault(&path, "not a legal name; allowed: 1 to 64 visible ASCII characters without / and ,");
    }
    unknown_word(&entry.strategy, &words::strategies(), "a strategy", &path.key("strategy"), scope);
    if let Some(algorithm) = &entry.load_balancing.algorithm {
        let at = path.key("load_balancing").key("algorithm");
        unknown_word(algorithm, &words::algorithms(), "an algorithm", &at, scope);
    }
    check_layers(entry, &path, scope);
    if entry.strategy == "slo" && entry.slo.as_ref().is_none_or(|slo| slo.ttft_p95.is_none() && slo.success.is_none()) {
        scope.fault(&path.key("slo"), "strategy slo needs goals: ttft_p95, success, or both");
    }
    for (index, provider) in entry.filters.providers.iter().enumerate() {
        let at = path.key("filters").key("providers").index(index);
        known_provider(provider, world, &at, scope);
    }
    check_time_policy(entry, &path, scope);
}

fn unknown_word(word: &str, known: &[&str], what: &str, path: &Path, scope: &mut Scope<'_>) {
    if !known.contains(&word) {
        scope.fault(path, format!("`{word}` is not {what}; {}", allowed_words(word, known)));
    }
}

fn check_layers(entry: &GroupEntry, path: &Path, scope: &mut Scope<'_>) {
    let layers = path.key("routing_strategy");
    let mut seen = BTreeSet::new();
    for (index, layer) in entry.routing_strategy.iter().enumerate() {
        let at = layers.index(index);
        known_field(&layer.field, &at.key("field"), scope);
        if !seen.insert(&layer.field) {
            scope.fault(&at.key("field"), format!("`{}` is a layer already", layer.field));
        }
        if layer.weight > 1000.0 {
            scope.fault(&at.key("weight"), "allowed: from 0 to 1000");
        }
    }
    if entry.strategy == "multi_layer" {
        if entry.routing_strategy.is_empty() {
            scope.fault(
                &layers,
                "strategy multi_layer needs at least one layer: { field: …, order: asc|desc, weight: … }",
            );
        } else if entry.routing_strategy.iter().all(|layer| layer.weight == 0.0) {
            scope.fault(&layers, "all weights are 0; at least one has to count");
        }
    }
}

fn known_field(field: &str, path: &Path, scope: &mut Scope<'_>) {
    if !words::is_field(field) {
        let known = words::fields();
        let message =
            format!("`{field}` is not a field; {}, or NAME_score", allowed_words(field, &known).trim_end_matches('?'));
        scope.fault(path, message);
    }
}

fn check_time_policy(entry: &GroupEntry, path: &Path, scope: &mut Scope<'_>) {
    let Some(policy) = &entry.time_policies else { return };
    let at = path.key("time_policies");
    if policy.peak_hours.is_none() {
        scope.fault(&at.key("peak_hours"), "missing, but required, for example \"09:00-18:00\"");
    }
    for (name, fields) in [("peak_strategy", &policy.peak_strategy), ("off_peak_strategy", &policy.off_peak_strategy)] {
        for (index, field) in fields.iter().enumerate() {
            known_field(field, &at.key(name).index(index), scope);
        }
    }
}

fn known_provider(name: &str, world: &World<'_>, path: &Path, scope: &mut Scope<'_>) {
    if !name.contains(['*', '?']) && !world.providers.contains(name) {
        let known: Vec<&str> = world.providers.iter().copied().collect();
        scope.fault(path, format!("`{name}` is not a provider; {}", allowed_words(name, &known)));
    }
}

/// Every member is reached by something, and the group as a whole is not empty.
fn check_members(entry: &GroupEntry, world: &World<'_>, scope: &mut Scope<'_>, notices: &mut Vec<Notice>) {
    let path = scope.path.clone();
    let mut reached = false;
    let mut seen: Vec<(&Option<String>, &Option<String>, &str)> = Vec::new();
    for (index, member) in entry.channels.iter().enumerate() {
        let at = path.key("channels").index(index);
        check_overrides(member, &at, scope);
        let rule = (&member.channel, &member.provider, member.model.as_str());
        if seen.contains(&rule) {
            scope.fault(&at, "unreachable: an earlier member names the same channel, provider and model");
        }
        seen.push(rule);
        if let Some(provider) = &member.provider {
            known_provider(provider, world, &at.key("provider"), scope);
        }
        let found = world.channels.iter().any(|channel| member_reaches(member, channel));
        reached |= found;
        if !found && world.complete {
            unreached(member, world, &at, scope, notices);
        }
    }
    let rule = select(entry).is_some_and(|select| {
        world
            .channels
            .iter()
            .any(|channel| channel.spec.models.iter().any(|model| rule_reaches(&select, channel, model)))
    });
    if !reached && !rule && world.complete {
        scope.fault(
            &path,
            "no channel serves this group; give it members (channels), a rule (select) that fits one, or a channel",
        );
    }
}

fn unreached(member: &MemberEntry, world: &World<'_>, at: &Path, scope: &mut Scope<'_>, notices: &mut Vec<Notice>) {
    if let Some(name) = member.channel.as_deref().filter(|name| !name.contains(['*', '?'])) {
        let Some(channel) = world.channels.iter().find(|channel| &*channel.spec.name == name) else {
            let known: Vec<&str> = world.channels.iter().map(|channel| &*channel.spec.name).collect();
            scope.fault(&at.key("channel"), format!("`{name}` is not a channel; {}", allowed_words(name, &known)));
            return;
        };
        let known: Vec<&str> = channel.spec.models.iter().map(|model| &*model.name).collect();
        let message =
            format!("channel `{name}` serves no model `{}`; {}", member.model, allowed_words(&member.model, &known));
        scope.fault(&at.key("model"), message);
        return;
    }
    notices.push(Notice {
        level: Level::Warning,
        pos: Some(scope.tree.place(at)),
        subject: at.to_string(),
        message: "no channel fits this member at present".to_owned(),
    });
}

fn check_overrides(member: &MemberEntry, at: &Path, scope: &mut Scope<'_>) {
    if member.channel.is_none() && member.provider.is_none() && member.model == "*" {
        scope.fault(at, "a member names at least one of channel, provider and model");
    }
    if member.priority == Some(0) {
        scope.fault(&at.key("priority"), "0 is no priority; 1 is the highest");
    }
    for (name, value) in &member.overrides {
        let at = at.key("overrides").key(name);
        if name == "cost_multiplier" {
            if *value > 1000.0 {
                scope.fault(&at, "allowed: from 0 to 1000");
            }
        } else if !name.ends_with("_score") {
            let known = ["speed_score", "quality_score", "reliability_score", "cost_multiplier"];
            scope.fault(
                &at,
                format!("unknown key; {}, or any NAME_score", allowed_words(name, &known).trim_end_matches('?')),
            );
        } else if *value > 1.0 {
            scope.fault(&at, "allowed: from 0 to 1");
        }
    }
}

fn member_reaches(member: &MemberEntry, channel: &Channel) -> bool {
    let spec = &channel.spec;
    let by_channel = member.channel.as_ref().is_none_or(|pattern| words::matches(pattern, &spec.name));
    let by_provider = member
        .provider
        .as_ref()
        .is_none_or(|pattern| words::matches(pattern, &spec.provider) || words::matches(pattern, &spec.kind));
    by_channel && by_provider && spec.models.iter().any(|model| model_fits(&member.model, model))
}

fn model_fits(pattern: &str, model: &ChannelModelSpec) -> bool {
    words::matches(pattern, &model.name) || model.aliases.iter().any(|alias| words::matches(pattern, alias))
}

fn rule_reaches(select: &SelectSpec, channel: &Channel, model: &ChannelModelSpec) -> bool {
    let has = |tag: &str| channel.spec.tags.iter().chain(&model.tags).any(|known| &**known == tag);
    let tagged = select.tags.iter().all(|tag| match tag.strip_prefix('!') {
        Some(unwanted) => !has(unwanted),
        None => has(tag),
    });
    tagged && (select.models.is_empty() || select.models.iter().any(|pattern| model_fits(pattern, model)))
}
