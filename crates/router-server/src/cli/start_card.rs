//! The start card: what an operator wants to know when the router comes up, and one `curl` to paste.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use router_store::SecretString;

use crate::app::App;
use crate::config::Loaded;

/// What is printed at the start. Holds the admin key of a first start, so it never goes to the log.
pub struct StartCard {
    text: String,
}

impl fmt::Debug for StartCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StartCard")
    }
}

impl fmt::Display for StartCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StartCard {
    /// Writes the card.
    #[must_use]
    pub fn new(
        loaded: &Loaded,
        app: &App,
        address: SocketAddr,
        data_dir: &Path,
        new_key: Option<&SecretString>,
    ) -> Self {
        let mut lines = vec![
            format!("Smart AI Router {}", env!("CARGO_PKG_VERSION")),
            format!("  data folder  {}", data_dir.display()),
            format!("  address      http://{address}"),
        ];
        lines.extend(channels(loaded));
        lines.extend(loaded.notices.iter().map(|notice| format!("  {notice}")));
        let snapshot = app.snapshot.load();
        let model = first_model(&snapshot.core);
        let key = match new_key {
            Some(key) => {
                lines.push(String::new());
                lines.push(format!("admin key: {}", key.expose()));
                lines.push(
                    "  It is shown only this once. Make keys for clients with: smart-ai-router key create --name NAME"
                        .to_owned(),
                );
                key.expose().to_owned()
            }
            None => {
                lines.push(String::new());
                lines.push(
                    "  YOUR_KEY below: one that you have, or a new one from: smart-ai-router key create --name NAME"
                        .to_owned(),
                );
                "YOUR_KEY".to_owned()
            }
        };
        lines.push(String::new());
        match model {
            Some(model) => lines.extend(curl(address, &key, &model)),
            None => lines.push(
                "No channel yet: set OPENAI_API_KEY (or another provider's key), write config/channels.yaml, or try --demo.".to_owned(),
            ),
        }
        lines.push(String::new());
        Self { text: lines.join("\n") + "\n" }
    }
}

/// A line for each provider with its channels, and what is wrong with those that are off.
fn channels(loaded: &Loaded) -> Vec<String> {
    let mut by_provider: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for channel in &loaded.channels {
        let spec = &channel.spec;
        let models = spec.models.len();
        let state = if spec.enabled { "" } else { ", off" };
        let plural = if models == 1 { "" } else { "s" };
        by_provider.entry(&spec.provider).or_default().push(format!("{} ({models} model{plural}{state})", spec.name));
    }
    let mut lines = vec![format!("  channels     {}", loaded.channels.len())];
    lines.extend(by_provider.iter().map(|(provider, channels)| format!("    {provider:<20} {}", channels.join(", "))));
    lines
}

/// What the `curl` asks for: where there is a demo, that, since it costs nothing; a built-in group, else a model.
fn first_model(core: &router_core::catalog::Snapshot) -> Option<String> {
    let listed: Vec<String> = core.listing(None).map(|listed| listed.name.to_string()).collect();
    let wanted = ["auto:demo", "auto:cheap"];
    let wanted = wanted.iter().find(|name| listed.iter().any(|listed| listed == *name)).map(ToString::to_string);
    wanted.or_else(|| listed.into_iter().next())
}

fn curl(address: SocketAddr, key: &str, model: &str) -> Vec<String> {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello"}}]}}"#);
    vec![
        "Try it:".to_owned(),
        format!("  curl -i http://{address}/v1/chat/completions \\"),
        format!("    -H 'Authorization: Bearer {key}' \\"),
        "    -H 'Content-Type: application/json' \\".to_owned(),
        format!("    -d '{body}'"),
    ]
}
