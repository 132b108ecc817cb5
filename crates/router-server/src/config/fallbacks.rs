//! Fallbacks of groups exist, and do not lead back.

use std::collections::{BTreeMap, BTreeSet};

use router_core::catalog::spec::GroupSpec;

use super::decode::Faults;
use super::groups::World;
use super::node::Path;
use super::suggest::nearest;
use super::words;

/// Notes every fallback of a configured group that names nothing or leads back. A ring is told once.
pub(super) fn check(groups: &[GroupSpec], world: &World<'_>, faults: &mut Faults) {
    let by_name: BTreeMap<&str, &GroupSpec> = groups.iter().map(|group| (&*group.name, group)).collect();
    let models: BTreeSet<&str> =
        world.channels.iter().flat_map(|channel| &channel.spec.models).map(|m| &*m.name).collect();
    for group in groups.iter().filter(|group| !group.built_in) {
        let root = Path::root("model_groups").key(&group.name).key("fallback");
        for (index, name) in group.fallback.iter().enumerate() {
            let at = root.index(index);
            let known = by_name.contains_key(&**name) || models.iter().any(|model| words::matches(name, model));
            let addressed = name.contains('/') || name.starts_with("tag:");
            if !known && !addressed && world.complete {
                let all = by_name.keys().copied().chain(models.iter().copied());
                let meant = nearest(name, all).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                faults.place(world.tree, &at, format!("`{name}` is neither a group nor a model{meant}"));
            } else if let Some(way) = way_back(&group.name, name, &by_name)
                && way.iter().min() == way.first()
            {
                faults.place(world.tree, &at, format!("fallbacks lead back: {}", way.join(" → ")));
            }
        }
    }
}

/// The way from `start` over `next` back to `start`, if there is one.
fn way_back<'a>(start: &'a str, next: &'a str, groups: &BTreeMap<&str, &'a GroupSpec>) -> Option<Vec<&'a str>> {
    let mut open = vec![vec![start, next]];
    let mut seen = BTreeSet::new();
    while let Some(way) = open.pop() {
        let name = way.last().copied()?;
        if name == start {
            return Some(way);
        }
        if !seen.insert(name) {
            continue;
        }
        let after = groups.get(name).map(|group| group.fallback.as_slice()).unwrap_or_default();
        open.extend(after.iter().map(|next| way.iter().copied().chain([&**next]).collect()));
    }
    None
}
