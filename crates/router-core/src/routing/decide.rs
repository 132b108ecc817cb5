//! The decision: judge every candidate, rank those that can take the request, put them in order.

use std::sync::Arc;

use super::decision::{Candidate, Decision, Moment, Standing, Tier, Verdict};
use super::explore;
use super::factors::{Tokens, View, real_usd};
use super::filter::{Filter, InGroup, Subject};
use super::last_resort;
use super::live::Live;
use super::plan::Plan;
use super::prices::{Costs, Saving, shadow_usd, used};
use super::rank::Ranking;
use super::reason::Reason;
use super::resolve::{Members, Target, lookup};
use super::select::{Draw, Row};
use super::sighting::{Known, Load};
use super::slo::Miss;
use super::sticky::Sticky;
use crate::ask::Ask;
use crate::catalog::{Capabilities, Member, ModelIx, Snapshot};
use crate::ids::mix;

/// A target with all its fallbacks has at most so many tiers.
const MOST_TIERS: usize = 16;

/// Decides who should serve a request.
///
/// A pure function: equal arguments give equal decisions. `ask.strategy` overrides the group's strategy; the caller
/// has checked the name with [`strategy`](super::strategy()), an unknown one counts for nothing here.
#[must_use]
pub fn decide(snapshot: &Snapshot, target: &Target, ask: &Ask, live: &impl Live, at: Moment) -> Decision {
    let mut run = Run {
        snapshot,
        ask,
        live,
        at,
        filter: Filter::new(snapshot, ask, live.pinned(), at.now_ms),
        tokens: Tokens::expected(ask),
        paced: Vec::new(),
        decision: Decision {
            at,
            tiers: Vec::with_capacity(1),
            candidates: Vec::new(),
            savings: Vec::new(),
            rearranged: false,
            missed: None,
            explored: None,
            sticky: None,
            session: ask.session,
            last_resort: false,
            early_ms: None,
            known: Vec::new(),
            loads: Vec::new(),
            order: Vec::new(),
            raw: Vec::new(),
            normalised: Vec::new(),
        },
    };
    run.tier(target, None);
    run.further_models(target);
    if ask.provider.as_ref().is_none_or(|wish| wish.allow_fallbacks) {
        run.fallbacks(target);
    }
    last_resort::offer(&mut run.decision, snapshot, live);
    run.note_session();
    run.decision
}

struct Run<'a, L> {
    snapshot: &'a Snapshot,
    ask: &'a Ask,
    live: &'a L,
    at: Moment,
    filter: Filter<'a>,
    tokens: Tokens,
    /// Places, in the tier that is being judged, of candidates with a quota that is paced.
    paced: Vec<u32>,
    decision: Decision,
}

impl<L: Live> Run<'_, L> {
    /// The request's own list of models, as far as they exist and the key may use them.
    fn further_models(&mut self, target: &Target) {
        let ask = self.ask;
        for name in ask.models.iter().filter(|name| **name != ask.model) {
            if self.decision.tiers.len() >= MOST_TIERS {
                return;
            }
            if let Some(further) = lookup(self.snapshot, target.key, name) {
                self.tier(&further, Some(&Arc::from(name.as_str())));
            }
        }
    }

    /// Fallbacks of a group, then theirs, each group once, as far as the key may use them.
    fn fallbacks(&mut self, target: &Target) {
        let Some(first) = target.group() else { return };
        let mut groups = vec![first];
        let mut next = 0;
        while let Some(group) = groups.get(next).and_then(|ix| self.snapshot.group(*ix)) {
            next += 1;
            for name in &group.fallback {
                if self.decision.tiers.len() >= MOST_TIERS {
                    return;
                }
                let Some(fallback) = lookup(self.snapshot, target.key, name) else { continue };
                if let Some(group) = fallback.group() {
                    if groups.contains(&group) {
                        continue;
                    }
                    groups.push(group);
                }
                self.tier(&fallback, Some(name));
            }
        }
    }

    fn tier(&mut self, target: &Target, fallback: Option<&Arc<str>>) {
        let group = target.group().and_then(|ix| Some((ix, self.snapshot.group(ix)?)));
        let plan = Plan::of(self.ask, target, group, self.at.now_ms);
        let stride = match &target.members {
            Members::Group(_) => group.map_or(0, |(_, group)| group.members.len()),
            Members::Name(list) => self.snapshot.list(*list).len(),
            Members::Models(models) => models.len(),
        };
        let tier = Tier {
            group: group.map(|(ix, _)| ix),
            fallback: fallback.cloned(),
            strategy: plan.strategy,
            layers: plan.layers,
            selector: plan.selector,
            first: self.decision.candidates.len(),
            len: 0,
            values: self.decision.raw.len(),
            stride,
        };
        let mut rows = Vec::with_capacity(stride);
        self.paced.clear();
        self.decision.candidates.reserve(stride);
        self.decision.raw.resize(tier.values + stride * tier.layers.len(), f64::NAN);
        self.decision.normalised.resize(tier.values + stride * tier.layers.len(), f64::NAN);
        let taken = self.eligible_so_far();
        let mut visit = |run: &mut Self, member: &Member| {
            if taken.as_ref().is_none_or(|taken| taken.get(member.model.slot()) != Some(&true)) {
                rows.extend(run.candidate(target, group, &tier, member));
            }
        };
        match &target.members {
            Members::Group(_) => {
                for member in group.iter().flat_map(|(_, group)| group.members.iter()) {
                    visit(self, member);
                }
            }
            Members::Name(list) => {
                let snapshot = self.snapshot;
                plain_members(snapshot, snapshot.list(*list)).for_each(|member| visit(self, &member));
            }
            Members::Models(models) => {
                plain_members(self.snapshot, models).for_each(|member| visit(self, &member));
            }
        }
        self.rank(tier, rows);
    }

    /// Which channel models an earlier tier already offers; `None` for the first tier.
    fn eligible_so_far(&self) -> Option<Vec<bool>> {
        if self.decision.order.is_empty() {
            return None;
        }
        let mut taken = vec![false; self.snapshot.models().len()];
        for model in self.decision.order() {
            if let Some(place) = taken.get_mut(model.slot()) {
                *place = true;
            }
        }
        Some(taken)
    }

    /// Judges and measures one candidate; a row if it may be tried.
    fn candidate(&mut self, target: &Target, group: InGroup<'_>, tier: &Tier, member: &Member) -> Option<Row> {
        let (model, channel) = self.snapshot.model_and_channel(member.model)?;
        let (mut live, mut channel_live) = (self.live.model(member.model), self.live.channel(model.channel));
        let mut member_today = match (group, member.daily_limit) {
            (Some((ix, _)), Some(_)) => self.live.member_requests_today(ix, member.model),
            _ => 0,
        };
        let sighting = self.live.sighted(member.model);
        if let Some(sighting) = sighting {
            sighting.recall(&mut live, &mut channel_live, &mut member_today);
        }
        let passing = sighting.and_then(|sighting| sighting.passing);
        let subject =
            Subject { member, model, channel, live: &live, channel_live: &channel_live, member_today, passing };
        let reason = self.filter.judge(target, group, &subject);
        let place = u32::try_from(self.decision.candidates.len() - tier.first).ok()?;
        let mut view = View {
            model,
            channel,
            member,
            overrides: group.map_or(&[], |(_, group)| group.overrides_of(member)),
            live: &live,
            channel_live: &channel_live,
            tokens: self.tokens,
            member_today,
            costs: Costs::default(),
            optional: group.map_or(Capabilities::NONE, |(_, group)| group.optional_capabilities),
        };
        view.costs = self.costs(&view, place);
        if self.snapshot.prices().watch(model.policies) || self.paced.last() == Some(&place) {
            let at = u32::try_from(self.decision.candidates.len()).unwrap_or(u32::MAX);
            self.decision.loads.push((at, Load::of(&channel_live, member_today)));
        }
        for (number, layer) in tier.layers.iter().enumerate() {
            if let Some(value) = self.decision.raw.get_mut(tier.values + number * tier.stride + place as usize) {
                let seen = sighting.and_then(|sighting| sighting.value(layer.factor));
                *value = seen.unwrap_or_else(|| layer.factor.raw(&view));
            }
        }
        let verdict = reason.map_or(Verdict::Eligible { rank: u32::MAX }, Verdict::Out);
        let standing = Standing {
            priority: member.priority,
            weight: if member.weight.is_finite() { member.weight.max(0.0) } else { 0.0 },
            in_flight: live.in_flight,
        };
        self.decision.candidates.push(Candidate {
            model: member.model,
            tier: u32::try_from(self.decision.tiers.len()).unwrap_or(u32::MAX),
            verdict,
            score: 0.0,
            costs: view.costs,
            standing,
        });
        let row = Row {
            place,
            priority: standing.priority,
            score: 1.0,
            share: 0.0,
            weight: standing.weight,
            in_flight: standing.in_flight as f64,
            tie: mix(self.ask.session.unwrap_or(self.at.seed) ^ model.stable_id),
            stable_id: model.stable_id,
        };
        reason.is_none().then_some(row)
    }

    /// How well a candidate is known.
    fn known(&self, model: Option<ModelIx>) -> Known {
        let Some(model) = model else { return Known::default() };
        let seen = self.live.sighted(model).and_then(|sighting| sighting.known);
        seen.unwrap_or_else(|| Known::of(&self.live.model(model)))
    }

    /// What goes beyond ranking: somebody to try out where no cache is warm, the request's own order of providers.
    /// Each overrides those before it.
    fn rearrange(&mut self, tier: &Tier, rows: &mut Vec<Row>, missed: Option<Miss>) {
        let of_tier = explore::Rows { decision: &self.decision, snapshot: self.snapshot, first: tier.first };
        let mut explored = None;
        if self.decision.order.is_empty()
            && self.ask.held.is_none()
            && let Some(due) = explore::is_due(tier, self.at.seed)
        {
            let first = u32::try_from(tier.first).unwrap_or(u32::MAX);
            let known: Vec<Known> = rows.iter().map(|row| self.known(of_tier.model(row))).collect();
            let places = rows.iter().map(|row| first.saturating_add(row.place));
            let mut places: Vec<(u32, Known)> = places.zip(known.iter().copied()).collect();
            places.sort_unstable_by_key(|(place, _)| *place);
            explored = explore::put_first(rows, &known, due, &of_tier);
            self.decision.known = places;
        }
        if self.decision.order.is_empty() {
            (self.decision.missed, self.decision.explored) = (missed, explored);
        }
        let wished = self.ask.provider.as_ref().is_some_and(|wish| !wish.order.is_empty() || wish.first_only());
        self.decision.rearranged |= wished;
        let Some(wish) = self.ask.provider.as_deref() else { return };
        if !wish.order.is_empty() {
            let channel = |row: &Row| {
                let candidate = self.decision.candidates.get(tier.first + row.place as usize)?;
                self.snapshot.model_and_channel(candidate.model).map(|(_, channel)| channel)
            };
            rows.sort_by_key(|row| channel(row).map_or(usize::MAX, |channel| wish.place(channel)));
        }
        if wish.first_only() {
            for row in rows.drain(rows.len().min(1)..) {
                if let Some(candidate) = self.decision.candidates.get_mut(tier.first + row.place as usize) {
                    candidate.verdict = Verdict::Out(Reason::FallbacksOff);
                }
            }
        }
    }

    /// What the request would cost there, the shadow price of a quota included.
    fn costs(&mut self, view: &View<'_>, place: u32) -> Costs {
        let (prices, ix) = (self.snapshot.prices(), view.member.model);
        let price = if view.model.facts.has_tiers { self.snapshot.price(ix) } else { None };
        let cached = self.ask.held.filter(|held| held.model == ix).map_or(0, |held| held.cached_tokens);
        let real = real_usd(view.model, price, Tokens { cached, ..self.tokens });
        let used = if prices.pacing { used(view) } else { None };
        if cached == 0 && used.is_none() && view.model.policies == 0 && view.member.cost_multiplier == 1.0 {
            return Costs::real(real);
        }
        let mut costs = Costs::of(real, view, prices, self.at.now_ms);
        if let Some(used) = used {
            self.paced.push(place);
            costs = costs.with_shadow(shadow_usd(view, used, self.filter.elapsed()), view);
        }
        costs
    }

    /// What a use of each paced quota would have saved: the cheapest candidate without one, less this one.
    fn savings(&mut self, tier: &Tier, rows: &[Row]) {
        if self.paced.is_empty() {
            return;
        }
        let is_paced = |row: &&Row| self.paced.binary_search(&row.place).is_ok();
        let costs = |row: &Row| self.decision.costs(tier.first + row.place as usize);
        let others = rows.iter().filter(|row| !is_paced(row));
        let cheapest = others.map(|row| costs(row).effective_usd).reduce(f64::min);
        let Some(cheapest) = cheapest.filter(|usd| usd.is_finite()) else { return };
        let saving = |row: &Row| {
            let candidate = self.decision.candidates.get(tier.first + row.place as usize)?;
            let own = costs(row);
            let usd = cheapest - (own.effective_usd - own.shadow_usd);
            Some(Saving { channel: self.snapshot.model(candidate.model)?.channel, usd: usd.max(0.0) })
        };
        let savings: Vec<Saving> = rows.iter().filter(is_paced).filter_map(saving).collect();
        self.decision.savings.extend(savings);
    }

    /// Says what became of the session's cache, and whether the one to be tried out is.
    fn note_session(&mut self) {
        let chosen = self.decision.chosen().map(|chosen| chosen.model);
        self.decision.explored = self.decision.explored.filter(|tried| chosen == Some(*tried));
        self.decision.sticky = self.ask.held.map(|held| Sticky { held, kept: chosen == Some(held.model) });
    }

    /// Scores and orders the rows of a tier and appends them to the decision.
    fn rank(&mut self, mut tier: Tier, mut rows: Vec<Row>) {
        tier.len = self.decision.candidates.len() - tier.first;
        self.savings(&tier, &rows);
        let decision = &mut self.decision;
        let raw = decision.raw.get(tier.values..).unwrap_or(&[]);
        let normalised = decision.normalised.get_mut(tier.values..).unwrap_or(&mut []);
        let goals = tier.group.and_then(|ix| self.snapshot.group(ix)).map(|group| group.slo).unwrap_or_default();
        let missed = Ranking {
            strategy: tier.strategy,
            selector: tier.selector,
            layers: &tier.layers,
            raw,
            normalised,
            stride: tier.stride,
            draw: Draw { seed: self.at.seed, sequence: self.at.sequence, session: self.ask.session },
            held: self.ask.held,
            goals,
            candidates: decision.candidates.get(tier.first..).unwrap_or(&[]),
        }
        .order(&mut rows);
        self.rearrange(&tier, &mut rows, missed);
        let decision = &mut self.decision;
        decision.order.reserve(rows.len());
        for row in rows {
            let place = tier.first + row.place as usize;
            if let Some(candidate) = decision.candidates.get_mut(place) {
                candidate.score = row.score;
                candidate.verdict = Verdict::Eligible { rank: u32::try_from(decision.order.len()).unwrap_or(u32::MAX) };
                decision.order.push(u32::try_from(place).unwrap_or(u32::MAX));
            }
        }
        decision.tiers.push(tier);
    }
}

fn plain_members<'a>(snapshot: &'a Snapshot, models: &'a [ModelIx]) -> impl Iterator<Item = Member> + 'a {
    models.iter().filter_map(|ix| {
        let (model, channel) = snapshot.model_and_channel(*ix)?;
        Some(Member::plain(*ix, model, channel))
    })
}
