//! What of the tested configuration is as it was when a request was recorded: kept configurations compared with it, part by part.
//!
//! Only then does what a decision saw of the present mean the same: averages stand on the same priors, who was full had the
//! same limits, who was away had been judged by the same rules.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use router_core::backtest::Unchanged;
use router_store::{Store, StoreError};
use serde_json::Value;

use crate::config::Loaded;

/// Parts of the whole by which every channel's state comes about.
const OF_ALL: [&str; 7] = [
    "/system/timeouts",
    "/system/failover",
    "/system/breaker",
    "/system/cooldown",
    "/system/limits",
    "/system/budgets",
    "/catalogue",
];
/// Fields of a group by which it sees and admits candidates; the others rank them.
const OF_GROUP: [&str; 4] = ["channels", "select", "filters", "budget_limits"];
/// Where a channel is reached, and with which secret, changes nothing of what its state means.
const ADDRESS: &str = "base_url";
const SECRET: &str = "value";

/// Comparisons with the tested configuration, each made once.
pub(super) struct Comparisons<'a> {
    store: &'a Store,
    tested: Value,
    known: HashMap<i64, Option<Arc<Unchanged>>>,
}

impl<'a> Comparisons<'a> {
    pub(super) fn new(store: &'a Store, tested: &Loaded) -> Self {
        let tested = serde_json::from_str(&tested.canonical).unwrap_or_default();
        Self { store, tested, known: HashMap::new() }
    }

    /// With the configuration of that number; `None` if it is not kept.
    ///
    /// # Errors
    /// As the store says.
    pub(super) async fn with(&mut self, version: i64) -> Result<Option<Arc<Unchanged>>, StoreError> {
        if let Some(known) = self.known.get(&version) {
            return Ok(known.clone());
        }
        let kept = self.store.config(version).await?;
        let kept: Option<Value> = kept.and_then(|text| serde_json::from_str(&text).ok());
        let found = kept.map(|kept| Arc::new(unchanged(&kept, &self.tested)));
        self.known.insert(version, found.clone());
        Ok(found)
    }
}

fn unchanged(kept: &Value, tested: &Value) -> Unchanged {
    if OF_ALL.iter().any(|part| kept.pointer(part) != tested.pointer(part)) {
        return Unchanged::default();
    }
    let (before, after) = (channels(kept), channels(tested));
    let same = after.iter().filter(|(name, channel)| before.get(*name) == Some(channel));
    let groups =
        |of: &Value| of.pointer("/objects/model_groups").and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (groups(kept), groups(tested));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |name: &&String| {
        let (old, new) = (old.get(*name), new.get(*name));
        OF_GROUP.iter().any(|field| old.and_then(|group| group.get(field)) != new.and_then(|group| group.get(field)))
    };
    Unchanged {
        channels: same.map(|(name, _)| Arc::from(name.as_str())).collect(),
        changed_groups: names.into_iter().filter(differs).map(|name| Arc::from(name.as_str())).collect(),
    }
}

/// Channels by name, each with its provider's definition, without address and secrets.
fn channels(of: &Value) -> HashMap<String, (Value, Option<Value>)> {
    let provider = |channel: &Value| {
        let name = channel.get("provider")?.as_str()?;
        of.pointer("/objects/providers")?.get(name).cloned().map(without_address)
    };
    let listed =
        ["/objects/channels", "/undeclared_channels"].into_iter().filter_map(|part| of.pointer(part)?.as_array());
    let named = listed.flatten().filter_map(|channel| {
        let name = channel.get("name")?.as_str()?.to_owned();
        Some((name, (without_address(channel.clone()), provider(channel))))
    });
    named.collect()
}

fn without_address(mut part: Value) -> Value {
    if let Some(fields) = part.as_object_mut() {
        fields.remove(ADDRESS);
    }
    for key in part.get_mut("api_keys").and_then(Value::as_array_mut).into_iter().flatten() {
        match key {
            Value::Object(fields) => _ = fields.remove(SECRET),
            secret => *secret = Value::Null,
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configuration() -> Value {
        let channel = |name: &str| {
            json!({"name": name, "provider": "openai", "base_url": null, "limits": {"max_in_flight": 5},
                   "api_keys": [{"value": "sha256:aa", "name": null, "weight": 1.0}]})
        };
        json!({
            "system": {"breaker": {"window": "1m"}, "jobs": {"quota_reset": {"cron": "0 0 * * *"}}},
            "objects": {
                "providers": {"openai": {"kind": "openai", "base_url": "https://a.example/v1"}},
                "channels": [channel("one"), channel("two")],
                "model_groups": {"g": {"strategy": "balanced", "filters": {"regions": []}, "channels": [], "select": null}},
            },
            "undeclared_channels": [{"name": "demo", "provider": "demo", "base_url": "http://127.0.0.1:1/v1", "api_keys": [], "models": 3}],
            "catalogue": "00",
        })
    }

    #[test]
    fn what_decides_is_compared_and_nothing_else() {
        type Found<'a> = (&'a [&'a str], &'a [&'a str]);
        let all: &[&str] = &["demo", "one", "two"];
        let cases: [(&str, Value, Found<'_>); 12] = [
            ("/system/jobs/quota_reset/cron", json!("1 0 * * *"), (all, &[])),
            ("/undeclared_channels/0/base_url", json!("http://127.0.0.1:2/v1"), (all, &[])),
            ("/objects/channels/0/api_keys/0/value", json!("sha256:bb"), (all, &[])),
            ("/objects/model_groups/g/strategy", json!("priority"), (all, &[])),
            ("/objects/model_groups/g/filters/regions", json!(["eu"]), (all, &["g"])),
            ("/objects/model_groups/g/channels", json!([{"channel": "one"}]), (all, &["g"])),
            ("/objects/channels/0/limits/max_in_flight", json!(6), (&["demo", "two"], &[])),
            ("/objects/channels/0/api_keys/0/weight", json!(2.0), (&["demo", "two"], &[])),
            ("/objects/providers/openai/kind", json!("groq"), (&["demo"], &[])),
            ("/undeclared_channels/0/models", json!(4), (&["one", "two"], &[])),
            ("/system/breaker/window", json!("2m"), (&[], &[])),
            ("/catalogue", json!("01"), (&[], &[])),
        ];
        for (part, value, (channels, groups)) in cases {
            let mut tested = configuration();
            *tested.pointer_mut(part).expect("such a part") = value;
            let found = unchanged(&configuration(), &tested);
            let sorted = |names: &std::collections::HashSet<Arc<str>>| {
                names.iter().map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
            };
            assert_eq!(
                (sorted(&found.channels), sorted(&found.changed_groups)),
                (
                    channels.iter().map(|name| (*name).to_owned()).collect(),
                    groups.iter().map(|name| (*name).to_owned()).collect()
                ),
                "{part}"
            );
        }
    }
}
