//! A decision in little room, to be stored with each request. JSON, written by hand: it happens for every request.
//!
//! `{"g":"auto:fast","s":"balanced","a":"top_score","l":[["effective_cost","asc",0.3],…],
//! "c":[["channel","model",rank,score,[raw,…]],…,["channel","model","code",until_ms],…],"r":[["channel","model","code"],…]}`.
//! A model is `""` where it has the name of the one before it: most often all have the same, and names are most of the text.
//! `[place,priority,weight,in_flight]` follows the raw values: the place among the candidates, and what orders beside layers.
//! Where routing compared another price than the real one, `[real,effective,shadow,["policy",…]]` in USD follows. A
//! session's cache stands as `"h":["channel","model",tokens,kept]`, its hash as `k`, the number of the request's turn as `q`;
//! who goes first only to be tried out as `"x":["channel","model"]`; goals of strategy slo for each tier as
//! `"o":[[ttft_p95,success],…]`; `i` and `w` say what was asked for, see [`super::asked`], `e` and `u` what was seen beside that, see
//! [`super::seen`]. Where the request names an order of
//! providers, `y` holds the place in it of each candidate of `c` that was ranked; `"f":1` where only the first may be tried, and
//! the others (`fallbacks_off`) have their values too;
//! fallbacks as `"t":[["name","strategy","algorithm",[layer,…],first place],…]`; `"z":1` where the last resort was offered.
//! Raw values and weights have every digit: [`crate::routing::Recorded`] computes the same decision from them again.
//! `c` holds at most [`IN_FULL`] candidates, the best first; `r` the others, at most [`BY_NAME`]; `n` how many there
//! were in all.

use std::fmt::Write;

use crate::ask::Ask;
use crate::catalog::{ModelIx, Snapshot};
use crate::routing::Costs;
use crate::routing::decision::{Candidate, Decision, Tier, Verdict};
use crate::routing::reason::Reason;
use crate::wish::ProviderWish;

/// Candidates with their values.
pub(super) const IN_FULL: usize = 64;
/// Candidates beyond those with their names only; whoever comes after is only counted.
const BY_NAME: usize = 1_000;

impl Decision {
    /// Appends the decision to `out` as one JSON object.
    pub fn compact_json(&self, snapshot: &Snapshot, ask: &Ask, out: &mut String) {
        out.reserve(256 + self.candidates.len().min(IN_FULL) * 96);
        out.push('{');
        if let Some(tier) = self.tiers.first() {
            if let Some(group) = tier.group.and_then(|ix| snapshot.group(ix)) {
                out.push_str("\"g\":");
                string(out, &group.name);
                out.push(',');
            }
            out.push_str("\"s\":");
            tier_in_full(tier, snapshot, out, ",\"a\":", ",\"l\":");
            out.push(',');
        }
        if self.tiers.len() > 1 {
            out.push_str("\"t\":[");
            for (number, tier) in self.tiers.iter().skip(1).enumerate() {
                comma(out, number);
                out.push('[');
                string(out, tier.fallback.as_deref().unwrap_or_default());
                out.push(',');
                tier_in_full(tier, snapshot, out, ",", ",");
                out.push(',');
                integer(out, tier.first);
                out.push(']');
            }
            out.push_str("],");
        }
        out.push_str("\"q\":");
        integer(out, self.at.sequence);
        out.push(',');
        super::asked::write(ask, out);
        if let Some(session) = self.session {
            out.push_str("\"k\":");
            integer(out, session);
            out.push(',');
        }
        if self.last_resort {
            out.push_str("\"z\":1,");
        }
        if let Some(sticky) = self.sticky {
            out.push_str("\"h\":");
            named(sticky.held.model, snapshot, out);
            let _ = write!(out, ",{},{}],", sticky.held.cached_tokens, sticky.kept);
        }
        if let Some(model) = self.explored {
            out.push_str("\"x\":");
            named(model, snapshot, out);
            out.push_str("],");
        }
        self.write_seen(out);
        self.goals_of_tiers(snapshot, out);
        if let Some(wish) = ask.provider.as_deref().filter(|_| self.rearranged) {
            self.wished_order(wish, snapshot, out);
        }
        out.push_str("\"n\":");
        integer(out, self.candidates.len());
        out.push_str(",\"c\":[");
        let mut model_before = "";
        for (number, place) in self.places_in_order().take(IN_FULL).enumerate() {
            comma(out, number);
            self.in_full(place, snapshot, &mut model_before, out);
        }
        out.push(']');
        if self.candidates.len() > IN_FULL {
            out.push_str(",\"r\":[");
            for (number, place) in self.places_in_order().skip(IN_FULL).take(BY_NAME).enumerate() {
                comma(out, number);
                self.by_name(place, snapshot, out);
            }
            out.push(']');
        }
        out.push('}');
    }

    /// How the request's wishes changed the order beyond ranking.
    fn wished_order(&self, wish: &ProviderWish, snapshot: &Snapshot, out: &mut String) {
        out.push_str("\"y\":[");
        let ranked = self.places_in_order().take(IN_FULL).filter_map(|place| self.candidates.get(place));
        for (number, candidate) in ranked.filter(|candidate| was_ranked(candidate.verdict)).enumerate() {
            comma(out, number);
            let channel = snapshot.model_and_channel(candidate.model).map(|(_, channel)| channel);
            integer(out, channel.map_or(usize::MAX, |channel| wish.place(channel)));
        }
        out.push_str("],");
        if wish.first_only() {
            out.push_str("\"f\":1,");
        }
    }

    /// Goals of each tier, where any goes by them.
    fn goals_of_tiers(&self, snapshot: &Snapshot, out: &mut String) {
        if self.tiers.iter().all(|tier| tier.strategy.name != crate::routing::SLO) {
            return;
        }
        out.push_str("\"o\":[");
        for (number, tier) in self.tiers.iter().enumerate() {
            comma(out, number);
            let goals = tier.group.and_then(|ix| snapshot.group(ix)).map(|group| group.slo).unwrap_or_default();
            out.push('[');
            exact_or_null(out, goals.ttft_p95_ms.unwrap_or(f64::NAN));
            out.push(',');
            exact_or_null(out, goals.success.unwrap_or(f64::NAN));
            out.push(']');
        }
        out.push_str("],");
    }

    fn in_full<'a>(&self, place: usize, snapshot: &'a Snapshot, model_before: &mut &'a str, out: &mut String) {
        let Some(candidate) = self.candidates.get(place) else { return out.push_str("null") };
        let (channel, model) = names(candidate.model, snapshot);
        pair(channel, if model == *model_before { "" } else { model }, out);
        *model_before = model;
        match candidate.verdict {
            Verdict::Eligible { rank } => {
                out.push(',');
                integer(out, rank);
                self.ranked_by(place, candidate, snapshot, out);
            }
            Verdict::Out(reason @ Reason::FallbacksOff) => {
                out.push(',');
                string(out, reason.as_code());
                self.ranked_by(place, candidate, snapshot, out);
            }
            Verdict::Out(reason) => {
                out.push(',');
                string(out, reason.as_code());
                if let Some(until_ms) = reason.until_ms() {
                    out.push(',');
                    integer(out, until_ms);
                }
            }
        }
        out.push(']');
    }

    /// Score, raw values and what else orders.
    fn ranked_by(&self, place: usize, candidate: &Candidate, snapshot: &Snapshot, out: &mut String) {
        out.push(',');
        number_or_null(out, candidate.score);
        out.push_str(",[");
        for (number, (_, raw, _)) in self.values(place).enumerate() {
            comma(out, number);
            exact_or_null(out, raw);
        }
        let standing = candidate.standing;
        out.push_str("],[");
        integer(out, place);
        out.push(',');
        integer(out, standing.priority);
        out.push(',');
        exact_or_null(out, standing.weight);
        out.push(',');
        integer(out, standing.in_flight);
        out.push(']');
        prices(out, &candidate.costs, self.sticky.is_some(), snapshot);
    }

    fn by_name(&self, place: usize, snapshot: &Snapshot, out: &mut String) {
        let Some(candidate) = self.candidates.get(place) else { return out.push_str("null") };
        named(candidate.model, snapshot, out);
        out.push(',');
        string(out, candidate.verdict.reason().map_or("eligible", |reason| reason.as_code()));
        out.push(']');
    }
}

/// Whether it has values to be ranked by.
pub(super) fn was_ranked(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Eligible { .. } | Verdict::Out(Reason::FallbacksOff))
}

/// Of channel and model.
fn names(model: ModelIx, snapshot: &Snapshot) -> (&str, &str) {
    snapshot.model_and_channel(model).map_or(("?", "?"), |(model, channel)| (&*channel.name, &*model.name))
}

/// `["channel","model"`, to be continued.
fn named(model: ModelIx, snapshot: &Snapshot, out: &mut String) {
    let (channel, model) = names(model, snapshot);
    pair(channel, model, out);
}

fn pair(channel: &str, model: &str, out: &mut String) {
    out.push('[');
    string(out, channel);
    out.push(',');
    string(out, model);
}

/// Strategy, algorithm and layers, with what stands between them.
fn tier_in_full(tier: &Tier, snapshot: &Snapshot, out: &mut String, algorithm: &str, layers: &str) {
    string(out, tier.strategy.name);
    out.push_str(algorithm);
    string(out, tier.selector.name);
    out.push_str(layers);
    out.push('[');
    for (number, layer) in tier.layers.iter().enumerate() {
        comma(out, number);
        out.push('[');
        string(out, &layer.factor.name(snapshot));
        out.push_str(if layer.descending { ",\"desc\"," } else { ",\"asc\"," });
        exact_or_null(out, layer.weight);
        out.push(']');
    }
    out.push(']');
}

/// Nothing, unless routing compared another price than the real one, or a session's cache was weighed against prices.
fn prices(out: &mut String, costs: &Costs, weighed: bool, snapshot: &Snapshot) {
    let same = costs.policies == 0 && costs.effective_usd == costs.real_usd && !weighed;
    if same || !costs.real_usd.is_finite() {
        return;
    }
    let number = if weighed { exact_or_null } else { number_or_null };
    out.push_str(",[");
    for usd in [costs.real_usd, costs.effective_usd, costs.shadow_usd] {
        number(out, usd);
        out.push(',');
    }
    out.push('[');
    for (number, policy) in snapshot.prices().holding(costs.policies).enumerate() {
        comma(out, number);
        string(out, &policy.name);
    }
    out.push_str("]]");
}

/// What most weights are, and scores of whoever takes turns.
const ONE: &str = "1.0";

pub(super) fn comma(out: &mut String, number: usize) {
    if number > 0 {
        out.push(',');
    }
}

/// About seven digits, which is plenty for reading.
#[expect(clippy::cast_possible_truncation, reason = "shorter on purpose")]
pub(super) fn number_or_null(out: &mut String, value: f64) {
    if value == 1.0 {
        return out.push_str(ONE);
    }
    finite_or_null(out, value as f32, f32::is_finite);
}

/// Every digit that counts.
pub(super) fn exact_or_null(out: &mut String, value: f64) {
    if value == 1.0 {
        return out.push_str(ONE);
    }
    finite_or_null(out, value, f64::is_finite);
}

/// The shortest text that reads as this number again; by a library, since the standard one's is most of the time that a
/// decision takes to write.
fn finite_or_null<F: zmij::Float + Copy>(out: &mut String, value: F, is_finite: impl FnOnce(F) -> bool) {
    match is_finite(value) {
        true => out.push_str(zmij::Buffer::new().format_finite(value)),
        false => out.push_str("null"),
    }
}

pub(super) fn integer(out: &mut String, value: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(value));
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    // Names of ours have nothing to escape, and are most of the text.
    if !text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
