//! The request log as a test reads it.

use router_core::money::Nano;
use serde_json::Value;

/// A row of the request log.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) client_request_id: Option<String>,
    pub(crate) key: String,
    pub(crate) model: String,
    pub(crate) group: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) upstream_model: Option<String>,
    pub(crate) status: String,
    pub(crate) error_code: Option<String>,
    pub(crate) error_class: Option<String>,
    pub(crate) stream: bool,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) input: i64,
    pub(crate) output: i64,
    pub(crate) tokens_source: String,
    /// Nano-USD.
    pub(crate) cost: i64,
    /// Nano-USD.
    pub(crate) reserved: i64,
    pub(crate) config_version: i64,
    /// Oddities.
    pub(crate) flags: Vec<String>,
}

/// A call to a provider.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) channel: String,
    /// `completed`, or the class of the fault.
    pub(crate) outcome: String,
    pub(crate) provider_key: Option<String>,
}

impl Row {
    /// Reads a row of the admin API.
    pub(crate) fn read(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("no {name}: {row:#}")).to_owned();
        let maybe = |name: &str| row[name].as_str().map(str::to_owned);
        let money = |name: &str| text(name).parse::<Nano>().expect("an amount").0;
        Self {
            id: text("id"),
            client_request_id: maybe("client_request_id"),
            key: text("key"),
            model: text("model"),
            group: maybe("group"),
            channel: maybe("channel"),
            upstream_model: maybe("upstream_model"),
            status: text("status"),
            error_code: maybe("error_code"),
            error_class: maybe("error_class"),
            stream: row["stream"].as_bool().expect("a truth"),
            attempts: row["attempts"].as_array().expect("attempts").iter().map(Attempt::read).collect(),
            input: row["tokens"]["input"].as_i64().expect("a count"),
            output: row["tokens"]["output"].as_i64().expect("a count"),
            tokens_source: text("tokens_source"),
            cost: money("cost_usd"),
            reserved: money("reserved_usd"),
            config_version: row["config_version"].as_i64().expect("a number"),
            flags: row["flags"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|flag| Some(flag.as_str()?.to_owned()))
                .collect(),
        }
    }
}

impl Attempt {
    fn read(attempt: &Value) -> Self {
        let maybe = |name: &str| attempt[name].as_str().map(str::to_owned);
        Self {
            channel: maybe("channel").expect("a channel"),
            outcome: maybe("outcome").expect("an outcome"),
            provider_key: maybe("provider_key"),
        }
    }
}

impl Row {
    /// Channel and outcome of each attempt, in order.
    pub(crate) fn outcomes(&self) -> Vec<(&str, &str)> {
        self.attempts.iter().map(|attempt| (&*attempt.channel, &*attempt.outcome)).collect()
    }
}
