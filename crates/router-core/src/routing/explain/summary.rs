//! One sentence about a decision, for whoever reads it at night.

use super::names;
use crate::catalog::Snapshot;
use crate::routing::decision::Decision;

impl Decision {
    /// Who was chosen and why, or why nobody was.
    #[must_use]
    pub fn summary(&self, snapshot: &Snapshot) -> String {
        match self.chosen().and_then(|chosen| names(chosen, snapshot)) {
            Some((model, channel)) => {
                let mut text = format!("{} on {}", model.name, channel.name);
                text.push_str(&self.why(snapshot));
                text.push_str(&self.goals());
                if self.explored.is_some() {
                    text.push_str("; tried out, since nobody has used it lately");
                }
                text.push_str(&self.price(snapshot));
                text.push_str(&self.session(snapshot));
                text.push_str(&self.left_out());
                text
            }
            None => self.nobody(),
        }
    }

    fn why(&self, snapshot: &Snapshot) -> String {
        let mut ranked = self.ranked();
        let (Some(first), second) = (ranked.next(), ranked.next()) else { return String::new() };
        let Some(tier) = self.tier_of(first) else { return String::new() };
        let through = tier.fallback.as_ref().map_or_else(String::new, |name| format!(", through the fallback {name},"));
        let Some(second) = second.filter(|second| second.tier == first.tier) else {
            return format!("{through} as the only candidate that can take the request");
        };
        let how = if tier.layers.is_empty() || tier.selector.name != "top_score" {
            format!(" by {} ({})", tier.strategy.name, tier.selector.name)
        } else {
            let before = format!(" by {}: score {:.3} before {:.3}", tier.strategy.name, first.score, second.score);
            self.best_layer(snapshot).map_or(before.clone(), |layer| format!("{before}, best in {layer}"))
        };
        format!("{through}{how}, {} more to fall back on", self.eligible().saturating_sub(1))
    }

    /// The first layer in which the chosen candidate has the top value, if that says anything.
    fn best_layer(&self, snapshot: &Snapshot) -> Option<String> {
        let (first, second) = (*self.order.first()? as usize, *self.order.get(1)? as usize);
        self.values(first)
            .zip(self.values(second))
            .find(|((_, _, best), (_, _, next))| *best >= 1.0 && best > next)
            .map(|((layer, _, _), _)| layer.factor.name(snapshot))
    }

    /// By how much goals are missed that nobody holds.
    fn goals(&self) -> String {
        let Some(missed) = self.missed else { return String::new() };
        let tail = missed.goals.ttft_p95_ms.map(|goal| format!("ttft_p95 {:.0} of {goal:.0} ms", missed.ttft_p95_ms));
        let success = missed.goals.success.map(|goal| format!("success {:.3} of {goal}", missed.success));
        let told: Vec<String> = [tail, success].into_iter().flatten().collect();
        format!("; nobody holds the goals, this is the nearest to them ({})", told.join(", "))
    }

    /// What makes the price of the chosen one differ from what it is in the books.
    fn price(&self, snapshot: &Snapshot) -> String {
        let Some(costs) = self.places().next().map(|place| self.costs(place)) else { return String::new() };
        let policies = snapshot.prices().holding(costs.policies);
        let mut causes: Vec<String> =
            policies.map(|policy| format!("{} ×{}", policy.name, policy.multiplier)).collect();
        if costs.shadow_usd > 0.0 {
            causes.push("its quota is used ahead of the clock".to_owned());
        }
        if causes.is_empty() {
            causes.join("")
        } else {
            format!("; price for routing changed by {}", causes.join(", "))
        }
    }

    /// Whether the session stays where its prompt is cached.
    fn session(&self, snapshot: &Snapshot) -> String {
        let Some(sticky) = self.sticky else { return String::new() };
        if sticky.kept {
            return format!("; its session has about {} tokens cached there", sticky.held.cached_tokens);
        }
        let held = snapshot.model_and_channel(sticky.held.model);
        let place =
            held.map_or_else(|| "a channel that is gone".to_owned(), |(m, c)| format!("{} on {}", m.name, c.name));
        format!("; the session leaves its prompt cache at {place}")
    }

    /// The most frequent reasons of those that are out.
    fn left_out(&self) -> String {
        let counts = self.counts();
        if counts.is_empty() {
            return String::new();
        }
        let total: usize = counts.iter().map(|(_, count)| count).sum();
        format!("; {total} out ({})", reasons(&counts))
    }

    fn nobody(&self) -> String {
        match self.none() {
            None => "no candidate".to_owned(),
            Some(none) if none.counts.is_empty() => "there is no candidate: no channel model belongs to it".to_owned(),
            Some(none) => {
                let after = none.until_ms.map(|until| until.saturating_sub(self.at.now_ms).div_ceil(1000));
                let back = after.map_or_else(String::new, |seconds| format!("; the first is back in {seconds} s"));
                let total = self.candidates.len();
                format!("none of {total} candidates can take the request ({}){back}", reasons(&none.counts))
            }
        }
    }
}

fn reasons(counts: &[(&'static str, usize)]) -> String {
    let text = |(code, count): &(&str, usize)| format!("{count} {code}");
    let mut texts: Vec<_> = counts.iter().take(4).map(text).collect();
    if counts.len() > 4 {
        texts.push("…".to_owned());
    }
    texts.join(", ")
}
