//! An installation in a folder of its own: configuration, data, and a look into its database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use router_store::{RequestFilter, RequestRecord, Store, StoreOptions};
use tempfile::TempDir;

/// The client key of all tests here; it has a budget, so that every request is posted to its ledger.
pub(crate) const CLIENT_KEY: &str = "sk-router-endurance-client-key";
/// Nano-USD for a token of input, and of output: the prices of the configuration below.
pub(crate) const INPUT_NANO: i64 = 1_000;
/// As above.
pub(crate) const OUTPUT_NANO: i64 = 3_000;

/// A folder with `router.yaml` and `data/`.
#[derive(Debug)]
pub(crate) struct Installation(TempDir);

impl Installation {
    /// Writes the configuration: system settings as YAML, then the channels.
    pub(crate) fn new(system: &str, channels: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "server: {{ port: 0 }}\nlogging: {{ level: warn }}\nbudgets: {{ daily: 100000.0 }}\n{system}\n\
             keys: [ {{ name: endurance, value: \"${{ENDURANCE_KEY}}\", role: user, daily_budget: 100000.0 }} ]\n\
             {channels}"
        );
        std::fs::write(folder.path().join("router.yaml"), text).expect("a file");
        Self(folder)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.path().join("router.yaml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The environment of the router, all of it.
    pub(crate) fn env() -> BTreeMap<String, String> {
        let pairs = [
            ("ENDURANCE_KEY", CLIENT_KEY),
            ("SMART_AI_ROUTER_ADMIN_KEY", "sk-router-endurance-admin-key"),
            ("SMART_AI_ROUTER_MASTER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Opens the database beside the router.
    pub(crate) async fn store(&self) -> Store {
        let url = format!("sqlite://{}", self.data().join("router.db").display());
        Store::open(&url, StoreOptions { create: false, ..StoreOptions::default() }).await.expect("the database")
    }
}

/// Channels of one provider, all with the models `plain` and `shared`, cheapest price everywhere the same; the group
/// `pair` tries them in their order.
pub(crate) fn channels(bases: &[(&str, &str)]) -> String {
    let price = "price: { input: 1.0, output: 3.0 }, context_length: 100000, max_output_tokens: 4096";
    let mut text = String::from(
        "providers:\n  simulated: { kind: openai_compatible, base_url: \"http://127.0.0.1:9/v1\" }\nchannels:\n",
    );
    for (name, base) in bases {
        text.push_str(&format!(
            "  - {{ name: {name}, provider: simulated, base_url: \"{base}\", api_keys: [k], \
             models: [ {{ name: plain, {price} }} ] }}\n"
        ));
    }
    let members: Vec<String> = bases
        .iter()
        .enumerate()
        .map(|(place, (name, _))| format!("{{ channel: {name}, model: plain, priority: {} }}", place + 1))
        .collect();
    text + &format!("model_groups:\n  pair: {{ strategy: priority, channels: [ {} ] }}\n", members.join(", "))
}

/// All rows of the request log that came in at `since_ms` or later.
pub(crate) async fn rows_since(store: &Store, since_ms: i64) -> Vec<RequestRecord> {
    let mut filter = RequestFilter { since_ms: Some(since_ms), limit: 200, ..RequestFilter::default() };
    let mut rows = Vec::new();
    loop {
        let page = store.requests(&filter).await.expect("a page");
        rows.extend(page.rows);
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            return rows;
        }
    }
}
