//! The configuration of a router under test, as a chain of words.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use router_testkit::{SimProvider, dead_address};
use serde_json::{Map, Value, json};

use super::{ADMIN, KEY, MODEL, ORDERED, TestRouter};

/// A router that is about to start. [`Setup::and`] adds fields to whatever was named last.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    config: Value,
    /// JSON pointer to what was named last.
    last: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) args: Vec<String>,
    /// Write this text instead of the configuration.
    pub(super) text: Option<String>,
    /// Write no file at all.
    pub(super) no_files: bool,
}

impl TestRouter {
    /// A router without channels, with the key [`KEY`]; with channels, the group [`ORDERED`] holds them.
    pub(crate) fn setup() -> Setup {
        let config = json!({
            "providers": {"sim": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}},
            "channels": [],
            "keys": [],
            "model_groups": {},
            "failover": {"retry_budget": 1.0},
        });
        let env = [("SMART_AI_ROUTER_ADMIN_KEY", ADMIN), ("SMART_AI_ROUTER__SERVER__PORT", "0"), ("RUST_LOG", "debug")];
        let setup = Setup {
            config,
            last: String::new(),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            args: Vec::new(),
            text: None,
            no_files: false,
        };
        setup.key("client", KEY)
    }
}

impl Setup {
    /// A channel at a simulated provider: serves [`MODEL`] at 1 USD a million tokens in and 2 USD out, after the
    /// channels named before it. Its one key is `sk-upstream-NAME`.
    pub(crate) fn channel(self, name: &str, provider: &SimProvider) -> Self {
        self.channel_at(name, &provider.base_url())
    }

    /// A channel at an address that refuses connections.
    pub(crate) fn dead_channel(self, name: &str) -> Self {
        let address: SocketAddr = dead_address().expect("a free port");
        self.channel_at(name, &format!("http://{address}/v1"))
    }

    /// A channel at a base URL.
    pub(crate) fn channel_at(mut self, name: &str, base_url: &str) -> Self {
        // A group without any channel would be refused.
        self.config["model_groups"][ORDERED] = json!({"strategy": "priority", "select": {"models": ["sim-*"]}});
        let channels = self.config["channels"].as_array_mut().expect("a list");
        channels.push(json!({
            "name": name, "provider": "sim", "base_url": base_url, "priority": channels.len() + 1,
            "api_keys": [format!("sk-upstream-{name}")],
            "models": [{"name": MODEL, "price": {"input": 1.0, "output": 2.0}, "context_length": 100_000}],
        }));
        self.last = format!("/channels/{}", channels.len() - 1);
        self
    }

    /// One more client key. Its value stands in the environment, as files may not hold one.
    pub(crate) fn key(mut self, name: &str, value: &str) -> Self {
        let keys = self.config["keys"].as_array_mut().expect("a list");
        let place = keys.len();
        keys.push(json!({"name": name, "value": format!("${{CLIENT_KEY_{place}}}")}));
        self.last = format!("/keys/{place}");
        self.env(&format!("CLIENT_KEY_{place}"), value)
    }

    /// One more group.
    pub(crate) fn group(mut self, name: &str, fields: Value) -> Self {
        self.config["model_groups"][name] = fields;
        self.last = format!("/model_groups/{name}");
        self
    }

    /// Adds fields to what was named last; maps are merged.
    pub(crate) fn and(mut self, fields: Value) -> Self {
        merge(self.config.pointer_mut(&self.last).expect("what was named last"), fields);
        self
    }

    /// The models of the channel named last instead of [`MODEL`].
    pub(crate) fn models(self, models: Value) -> Self {
        let mut this = self;
        this.config.pointer_mut(&this.last).expect("a channel")["models"] = models;
        this
    }

    /// Adds system settings.
    pub(crate) fn system(mut self, settings: Value) -> Self {
        merge(&mut self.config, settings);
        self
    }

    /// A variable of the router's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable away.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// One more argument of `serve`.
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Exactly this text as the only file.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// No configuration file.
    pub(crate) fn no_files(mut self) -> Self {
        self.no_files = true;
        self
    }

    /// The file that is written: JSON, which is YAML.
    pub(crate) fn yaml(&self) -> String {
        self.text.clone().unwrap_or_else(|| format!("{:#}", self.config))
    }

    /// Starts the router and waits until it listens.
    pub(crate) async fn start(self) -> TestRouter {
        TestRouter::start(self).await
    }
}

fn merge(into: &mut Value, fields: Value) {
    match (into, fields) {
        (Value::Object(into), Value::Object(fields)) => merge_maps(into, fields),
        (into, fields) => *into = fields,
    }
}

fn merge_maps(into: &mut Map<String, Value>, fields: Map<String, Value>) {
    for (name, value) in fields {
        merge(into.entry(name).or_insert(Value::Null), value);
    }
}
