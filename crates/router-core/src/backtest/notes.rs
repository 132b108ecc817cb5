//! What a result assumes, in words.

use super::tallies::Tallies;
use super::{Observations, Scope};
use crate::catalog::Snapshot;

/// What was assumed, in words.
pub(super) fn notes(of: &Tallies, snapshot: &Snapshot, observed: &Observations, scope: &Scope) -> Vec<String> {
    let mut notes = Vec::new();
    let drawn = of.sources.observed + of.sources.assumed;
    if drawn == 0 {
        notes.push("every attempt is one that the log holds, so nothing was estimated".to_owned());
    } else {
        let all = drawn + of.sources.recorded;
        let mut note =
            format!("{drawn} of {all} attempts are not in the log; their tokens are those of the recorded answer");
        if of.sources.observed > 0 {
            note.push_str(
                ", their times and failures are drawn from what was observed of the channel model in that hour, and in the whole period where an hour has few",
            );
        }
        notes.push(note);
        notes.push(
            "the intervals hold what chance and few observations leave open, with what a policy that learns makes of them in five replays; another model may answer at another length"
                .to_owned(),
        );
    }
    let mut unseen: Vec<String> = Vec::new();
    for (ix, _) in of.drawn.keys() {
        let Some((model, channel)) = snapshot.model_and_channel(*ix) else { continue };
        let name = format!("{}/{}", channel.name, model.name);
        if observed.whole(&channel.name, &model.upstream_name).is_none() && !unseen.contains(&name) {
            unseen.push(name);
        }
    }
    if !unseen.is_empty() {
        notes.push(format!(
            "no observations of {}: speed and reliability are those of the catalogue's scores, and their cost may be half as much or half as much again",
            unseen.join(", ")
        ));
    }
    if of.skipped > 0 {
        notes.push(format!(
            "{} requests of the period are left out: they were refused before anything was decided, ended with the router, or were written by an older version",
            of.skipped
        ));
    }
    if of.unknown_price > 0 {
        notes.push(format!("{} requests would go where no price is known, and are counted as free", of.unknown_price));
    }
    if let Some(group) = scope.group.as_ref().filter(|_| of.predicted.requests > 0) {
        notes.push(format!("only requests for {group} were decided anew; all others went as they went"));
    }
    notes
}
