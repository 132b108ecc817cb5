//! Nobody is left: who is away only by our guess is tried before nobody is.

use super::decision::{Decision, Verdict};
use super::live::Live;
use super::reason::Reason;
use crate::catalog::{ModelIx, Snapshot};

/// Nobody is left: candidates that are away only by our guess are tried, the first to return first. So a lone
/// channel is not given up after one passing fault, and one with an open breaker is probed about once a second.
pub(super) fn offer(decision: &mut Decision, snapshot: &Snapshot, live: &impl Live) {
    if !decision.order.is_empty() {
        return;
    }
    let now_ms = decision.at.now_ms;
    let mut found: Vec<(u64, usize)> = Vec::new();
    for (place, candidate) in decision.candidates.iter().enumerate() {
        let Verdict::Out(reason @ (Reason::CoolingDown { guess: true, .. } | Reason::BreakerOpen { .. })) =
            candidate.verdict
        else {
            continue;
        };
        let offered = live.sighted(candidate.model).and_then(|sighting| sighting.offered);
        if offered == Some(false) {
            continue;
        }
        let Some(model) = snapshot.model(candidate.model) else { continue };
        let away = [live.model(candidate.model).away, live.channel(model.channel).away];
        let early_ms = away.iter().map(|away| away.early_ms(now_ms)).max().unwrap_or(now_ms);
        if early_ms > now_ms && offered.is_none() {
            decision.early_ms = Some(decision.early_ms.map_or(early_ms, |known| known.min(early_ms)));
        } else {
            found.push((reason.until_ms().unwrap_or(now_ms), place));
        }
    }
    found.sort_unstable();
    let mut offered: Vec<ModelIx> = Vec::new();
    for (_, place) in found {
        let rank = u32::try_from(decision.order.len()).unwrap_or(u32::MAX);
        let Some(candidate) = decision.candidates.get_mut(place) else { continue };
        if offered.contains(&candidate.model) {
            continue;
        }
        offered.push(candidate.model);
        candidate.verdict = Verdict::Eligible { rank };
        decision.order.push(u32::try_from(place).unwrap_or(u32::MAX));
    }
    decision.last_resort = !decision.order.is_empty();
}
