//! Model groups: members found, strategy and layers resolved, lasting filters judged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Builder, Known};
use crate::catalog::group::{Overrides, TimePolicy};
use crate::catalog::pattern::{Pattern, any_matches};
use crate::catalog::problem::Problem;
use crate::catalog::spec::{FilterSpec, GroupSpec, LayerSpec, MemberSpec, SelectSpec, Slo, TimePolicySpec};
use crate::catalog::{Capabilities, Channel, ChannelModel, Group, Hours, Member, ModelIx, ScoreId, Snapshot, TagId};
use crate::money::Nano;
use crate::routing::{self, FactorRef, Layer, Reason, Selector, Strategy};

impl Builder {
    pub(super) fn groups(
        &mut self,
        specs: Vec<GroupSpec>,
        channels: &[Channel],
        models: &[ChannelModel],
    ) -> Vec<Group> {
        let known = Known { channels, models };
        let mut names = HashSet::new();
        let mut groups = Vec::with_capacity(specs.len());
        for spec in specs {
            let path = format!("model_groups.{}", spec.name);
            if spec.name.is_empty() || !names.insert(Arc::clone(&spec.name)) {
                self.problems.error(&path, "has no name, or shares it with another group");
            }
            groups.push(self.group(&path, spec, known));
        }
        groups
    }

    fn group(&mut self, path: &str, spec: GroupSpec, known: Known<'_>) -> Group {
        let strategy = self.strategy(path, &spec.strategy);
        let layers = self.group_layers(path, strategy, &spec.layers);
        let selector = self.selector(path, strategy, &spec.algorithm);
        self.check_filters(path, &spec.filters);
        self.check_slo(path, strategy, spec.slo);
        let time_policy = spec.time_policy.as_ref().map(|policy| self.time_policy(path, policy));
        let filters = CompiledFilters::new(&spec.filters);
        let (members, overrides) = self.members(path, &spec, &filters, known);
        if members.is_empty() && !spec.built_in {
            self.problems.warn(path, "has no member: no channel model matches `channels` or `select`");
        }
        Group {
            name: spec.name,
            display_name: spec.display_name,
            description: spec.description,
            strategy,
            layers,
            selector,
            optional_capabilities: spec.filters.optional_capabilities,
            max_latency_ms: spec.filters.max_latency_ms,
            min_throughput_tps: spec.filters.min_throughput_tps,
            slo: spec.slo.unwrap_or_default(),
            hedge_after: spec.hedge_after,
            daily_budget: spec.daily_budget,
            max_cost_per_request: spec.max_cost_per_request,
            time_policy,
            members: members.into(),
            overrides,
            fallback: spec.fallback.into(),
            built_in: spec.built_in,
        }
    }

    fn strategy(&mut self, path: &str, name: &str) -> &'static Strategy {
        if name.is_empty() {
            return routing::default_strategy();
        }
        routing::strategy(name).unwrap_or_else(|unknown| {
            self.problems.error(format!("{path}.strategy"), unknown.to_string());
            routing::default_strategy()
        })
    }

    fn selector(&mut self, path: &str, strategy: &'static Strategy, name: &str) -> &'static Selector {
        if name.is_empty() {
            return strategy.selector;
        }
        routing::selector(name).unwrap_or_else(|unknown| {
            self.problems.error(format!("{path}.load_balancing.algorithm"), unknown.to_string());
            strategy.selector
        })
    }

    fn group_layers(&mut self, path: &str, strategy: &'static Strategy, own: &[LayerSpec]) -> Arc<[Layer]> {
        let path = format!("{path}.routing_strategy");
        if !strategy.own_layers {
            if !own.is_empty() {
                let message = format!("counts for `multi_layer` only; `{}` has layers of its own", strategy.name);
                self.problems.warn(path, message);
            }
            return strategy.preset_layers();
        }
        if own.is_empty() {
            self.problems.error(&path, "is empty; strategy `multi_layer` needs at least one layer");
        }
        self.layers(&path, own)
    }

    fn layers(&mut self, path: &str, specs: &[LayerSpec]) -> Arc<[Layer]> {
        let mut layers = Vec::with_capacity(specs.len());
        for (place, spec) in specs.iter().enumerate() {
            self.problems.require_finite(|| format!("{path}[{place}].weight"), spec.weight);
            match self.factor(&spec.field) {
                Some(factor) => layers.push(Layer { factor, descending: spec.descending, weight: spec.weight }),
                None => self.problems.error(
                    format!("{path}[{place}].field"),
                    format!(
                        "`{}` is no factor; {} are, and NAME_score for a score",
                        spec.field,
                        routing::factor_names()
                    ),
                ),
            }
        }
        layers.into()
    }

    /// A factor by name; any other `NAME_score` reads `scores.NAME`, also where no channel has it yet.
    fn factor(&mut self, name: &str) -> Option<FactorRef> {
        if let Some(known) = FactorRef::known(name) {
            return Some(known);
        }
        let score = name.strip_suffix("_score").filter(|score| !score.is_empty())?;
        Some(FactorRef::Score(ScoreId::of(self.scores.intern(score))))
    }

    fn time_policy(&mut self, path: &str, spec: &TimePolicySpec) -> TimePolicy {
        let path = format!("{path}.time_policies");
        if spec.peak.0 >= 1440 || spec.peak.1 > 1440 {
            self.problems.error(format!("{path}.peak_hours"), "lies outside of 00:00-24:00");
        }
        let mut layers = |field: &str, specs: &[LayerSpec]| {
            (!specs.is_empty()).then(|| self.layers(&format!("{path}.{field}"), specs))
        };
        let peak_layers = layers("peak_strategy", &spec.peak_layers);
        let off_peak_layers = layers("off_peak_strategy", &spec.off_peak_layers);
        let zone = self.zone(&format!("{path}.timezone"), &spec.timezone);
        TimePolicy { peak: Hours::new(zone, spec.peak, 0), peak_layers, off_peak_layers }
    }

    fn check_slo(&mut self, path: &str, strategy: &Strategy, slo: Option<Slo>) {
        let slo = slo.unwrap_or_default();
        if let Some(ms) = slo.ttft_p95_ms {
            self.problems.require_finite(|| format!("{path}.slo.ttft_p95"), ms);
        }
        if let Some(share) = slo.success {
            self.problems.require_unit(|| format!("{path}.slo.success"), share);
        }
        if strategy.name == routing::SLO && slo == Slo::default() {
            self.problems.error(format!("{path}.slo"), "strategy slo needs goals: ttft_p95, success, or both");
        }
    }

    fn check_filters(&mut self, path: &str, filters: &FilterSpec) {
        if let Some(score) = filters.min_quality_score {
            self.problems.require_unit(|| format!("{path}.filters.min_quality_score"), score);
        }
        if let Some(tps) = filters.min_throughput_tps {
            self.problems.require_finite(|| format!("{path}.filters.min_throughput_tps"), tps);
        }
    }

    /// Explicit members in their order, then those of the rule. A channel model counts once: the first entry that
    /// matches it wins.
    fn members(
        &mut self,
        path: &str,
        spec: &GroupSpec,
        filters: &CompiledFilters,
        known: Known<'_>,
    ) -> (Vec<Member>, Vec<Overrides>) {
        let mut members = Vec::new();
        let mut overrides = Vec::new();
        let mut taken = vec![false; known.models.len()];
        for (place, entry) in spec.members.iter().enumerate() {
            let path = format!("{path}.channels[{place}]");
            let own = self.overrides(&path, entry);
            let number = if own.is_empty() { u32::MAX } else { overrides.len() as u32 };
            let patterns = MemberPatterns::new(entry);
            let before = members.len();
            for_each(
                known,
                &mut taken,
                |model, channel| patterns.match_one(model, channel),
                |ix, model, channel| {
                    let mut member = Member::plain(ix, model, channel);
                    member.priority = entry.priority.unwrap_or(channel.priority);
                    member.weight = entry.weight.unwrap_or(channel.weight);
                    member.cost_multiplier = entry.cost_multiplier.unwrap_or(1.0);
                    member.daily_limit = entry.daily_limit;
                    member.overrides = number;
                    let quality =
                        own.iter().find(|(factor, _)| *factor == FactorRef::quality()).map(|(_, value)| *value);
                    let disabled = (!entry.enabled).then_some(Reason::MemberDisabled);
                    member.out = member.out.or(disabled).or_else(|| filters.judge(model, channel, quality));
                    members.push(member);
                },
            );
            if members.len() == before && !spec.built_in {
                self.problems.warn(&path, "matches no channel model that an entry above it has not taken");
            }
            if !own.is_empty() {
                overrides.push(own);
            }
        }
        if let Some(select) = &spec.select {
            let rule = SelectRule::new(self, select);
            for_each(
                known,
                &mut taken,
                |model, _| rule.matches(model),
                |ix, model, channel| {
                    let mut member = Member::plain(ix, model, channel);
                    member.out = member.out.or_else(|| filters.judge(model, channel, None));
                    members.push(member);
                },
            );
        }
        (members, overrides)
    }

    fn overrides(&mut self, path: &str, entry: &MemberSpec) -> Overrides {
        if let Some(weight) = entry.weight {
            self.problems.require_finite(|| format!("{path}.weight"), weight);
        }
        if let Some(multiplier) = entry.cost_multiplier {
            self.problems.require_finite(|| format!("{path}.overrides.cost_multiplier"), multiplier);
        }
        let mut overrides = Vec::with_capacity(entry.score_overrides.len());
        for (name, value) in &entry.score_overrides {
            let path = format!("{path}.overrides.{name}");
            self.problems.require_unit(|| path.clone(), *value);
            match self.factor(name) {
                Some(factor) => overrides.push((factor, *value)),
                None => self.problems.error(path, "is no factor; NAME_score is one for any NAME"),
            }
        }
        overrides.into()
    }
}

/// Visits every channel model that is not yet taken and that matches, and takes it.
fn for_each(
    known: Known<'_>,
    taken: &mut [bool],
    matches: impl Fn(&ChannelModel, &Channel) -> bool,
    mut visit: impl FnMut(ModelIx, &ChannelModel, &Channel),
) {
    for (slot, (model, taken)) in known.models.iter().zip(taken).enumerate() {
        let Some(channel) = known.channels.get(model.channel.slot()) else { continue };
        if !*taken && matches(model, channel) {
            *taken = true;
            visit(ModelIx::of(slot), model, channel);
        }
    }
}

/// The patterns of an explicit member.
struct MemberPatterns {
    channel: Option<Pattern>,
    provider: Option<Pattern>,
    model: Pattern,
}

impl MemberPatterns {
    fn new(spec: &MemberSpec) -> Self {
        let pattern = |text: &Option<String>| text.as_deref().map(Pattern::new);
        Self { channel: pattern(&spec.channel), provider: pattern(&spec.provider), model: Pattern::new(&spec.model) }
    }

    fn match_one(&self, model: &ChannelModel, channel: &Channel) -> bool {
        let provider = |p: &Pattern| p.matches(&channel.provider) || p.matches(&channel.kind);
        self.channel.as_ref().is_none_or(|pattern| pattern.matches(&channel.name))
            && self.provider.as_ref().is_none_or(provider)
            && named(std::slice::from_ref(&self.model), model)
    }
}

/// A rule that fills a group.
struct SelectRule {
    required: Vec<Option<TagId>>,
    forbidden: Vec<TagId>,
    models: Vec<Pattern>,
}

impl SelectRule {
    fn new(builder: &Builder, spec: &SelectSpec) -> Self {
        let find = |tag: &str| builder.tags.find(&tag.trim().to_ascii_lowercase()).map(TagId::of);
        let (forbidden, required): (Vec<&String>, Vec<&String>) = spec.tags.iter().partition(|t| t.starts_with('!'));
        Self {
            required: required.into_iter().map(|tag| find(tag)).collect(),
            forbidden: forbidden.into_iter().filter_map(|tag| find(tag.trim_start_matches('!'))).collect(),
            models: spec.models.iter().map(|text| Pattern::new(text)).collect(),
        }
    }

    fn matches(&self, model: &ChannelModel) -> bool {
        self.required.iter().all(|tag| tag.is_some_and(|tag| model.has_tag(tag)))
            && !self.forbidden.iter().any(|tag| model.has_tag(*tag))
            && (self.models.is_empty() || named(&self.models, model))
    }
}

fn named(patterns: &[Pattern], model: &ChannelModel) -> bool {
    any_matches(patterns, &model.name) || model.aliases.iter().any(|alias| any_matches(patterns, alias))
}

/// The filters of a group that do not depend on the request.
struct CompiledFilters {
    required: Capabilities,
    excluded: Capabilities,
    max_cost_per_million: Option<Nano>,
    min_quality: Option<f64>,
    min_context: Option<u64>,
    exclude_models: Vec<Pattern>,
    providers: Vec<Pattern>,
    regions: Vec<Pattern>,
}

impl CompiledFilters {
    fn new(spec: &FilterSpec) -> Self {
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
        Self {
            required: spec.required_capabilities,
            excluded: spec.exclude_capabilities,
            max_cost_per_million: spec.max_cost_per_million,
            min_quality: spec.min_quality_score,
            min_context: spec.min_context_length,
            exclude_models: patterns(&spec.exclude_models),
            providers: patterns(&spec.providers),
            regions: patterns(&spec.regions),
        }
    }

    /// The first filter that the channel model does not pass. What is unknown does not hold a minimum.
    fn judge(&self, model: &ChannelModel, channel: &Channel, quality: Option<f64>) -> Option<Reason> {
        let provided = |p: &Pattern| p.matches(&channel.provider) || p.matches(&channel.kind);
        if !self.providers.is_empty() && !self.providers.iter().any(provided) {
            return Some(Reason::OtherProvider);
        }
        let region = channel.region.as_deref().unwrap_or("");
        if !self.regions.is_empty() && !any_matches(&self.regions, region) {
            return Some(Reason::OtherRegion);
        }
        if named(&self.exclude_models, model) || any_matches(&self.exclude_models, &model.upstream_name) {
            return Some(Reason::ExcludedModel);
        }
        let missing = self.required.minus(model.capabilities);
        if !missing.is_empty() {
            return Some(Reason::MissingCapabilities(missing));
        }
        let excluded = self.excluded.intersection(model.capabilities);
        if !excluded.is_empty() {
            return Some(Reason::ExcludedCapabilities(excluded));
        }
        if let Some(limit) = self.min_context
            && model.context_length.is_none_or(|tokens| tokens < limit)
        {
            return Some(Reason::ShortContext { tokens: model.context_length, limit });
        }
        if let Some(limit) = self.min_quality {
            let quality = quality.unwrap_or(model.facts.quality);
            if quality.is_nan() || quality < limit {
                return Some(Reason::LowQuality { score: quality, limit });
            }
        }
        let limit = self.max_cost_per_million?;
        (model.facts.usd_per_million > limit.as_usd_f64() * (1.0 + 1e-9))
            .then_some(Reason::CostPerMillion { usd: model.facts.usd_per_million, limit })
    }
}

/// Fallbacks of a group that name neither a group nor a model, or the group itself.
pub(super) fn fallbacks_that_lead_nowhere(snapshot: &Snapshot) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut known: HashMap<&str, bool> = HashMap::new();
    for group in &snapshot.groups {
        for (place, name) in group.fallback.iter().enumerate() {
            let exists = *known.entry(name).or_insert_with(|| routing::exists(snapshot, name));
            if !exists || *name == group.name {
                found.push(Problem {
                    path: format!("model_groups.{}.fallback[{place}]", group.name),
                    message: format!("`{name}` leads nowhere: a model, another group or a tag expression does"),
                });
            }
        }
    }
    found
}
