//! The cases, and the router that has a channel for each behaviour in each dialect.

use std::net::SocketAddr;
use std::time::Duration;

use router_testkit::SimProvider;
use router_testkit::clients::{Client, Want};
use router_testkit::hostile::{BEHAVIOURS, Harm};
use router_testkit::tls::{AUTHORITY, IDENTITIES, Identity, TlsFront};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{Call, KEY, Setup, TestRouter};
use crate::world::clients;

/// A dialect in which the hostile provider is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken {
    pub(super) name: &'static str,
    kind: &'static str,
    dialect: &'static str,
    pub(super) path: &'static str,
}

pub(super) const SPOKEN: &[Spoken] = &[
    Spoken { name: "chat", kind: "openai_compatible", dialect: "openai_chat", path: "/v1" },
    Spoken { name: "responses", kind: "openai", dialect: "openai_responses", path: "/v1" },
    Spoken { name: "anthropic", kind: "anthropic", dialect: "anthropic", path: "/v1" },
    Spoken { name: "gemini", kind: "gemini", dialect: "gemini", path: "/v1beta" },
    Spoken { name: "ollama", kind: "ollama", dialect: "ollama", path: "/ollama" },
];

/// The healthy channel behind the hostile ones.
pub(super) const GOOD: &str = "good";
/// The model of the neighbour, whose channel nobody else uses.
pub(super) const CONTROL: &str = "sim-control";
/// What the user says; the answer repeats it.
pub(super) const TEXT: &str =
    "größe 中文 🦀 one two three four five six seven eight nine ten eleven twelve thirteen fourteen";

/// The whole time that two attempts may take, and what a busy machine may add to it, milliseconds.
pub(super) const LATEST_MS: i64 = 2 * 2_500 + 60_000;

/// The least that there is: a case waits for the one before it.
pub(super) const COOLDOWN: Duration = Duration::from_millis(1);
/// Patience with the channels of behaviours that only patience ends.
const SHORT: &str = "2500ms";
/// The whole time of requests whose answer goes on without end, milliseconds.
const TOTAL_MS: &str = "3500";

/// Behaviours that end a connection as one ends that was given up while it was idle.
const STALE: &[&str] =
    &["close-before-head", "close-in-head", "reset-before-head", "reset-in-head", "hints-without-answer"];

/// A behaviour, of a script or of TLS.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) whole: Harm,
    pub(super) stream: Harm,
    pub(super) endless: bool,
}

pub(super) fn subjects() -> impl Iterator<Item = Subject> {
    let scripted =
        BEHAVIOURS.iter().map(|b| Subject { name: b.name, whole: b.whole, stream: b.stream, endless: b.endless });
    scripted.chain(IDENTITIES.iter().map(|identity| {
        let harm = if *identity == Identity::Right { Harm::None } else { Harm::Early };
        Subject { name: identity.name(), whole: harm, stream: harm, endless: *identity == Identity::Silent }
    }))
}

/// One cell of the matrix.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) subject: Subject,
    pub(super) spoken: &'static str,
    pub(super) client: &'static Client,
    pub(super) stream: bool,
    /// Whether a healthy channel stands behind the hostile one.
    pub(super) paired: bool,
}

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for subject in subjects() {
        for spoken in SPOKEN {
            for client in clients() {
                for (stream, paired) in [(false, false), (false, true), (true, false), (true, true)] {
                    all.push(Case { subject: subject.clone(), spoken: spoken.name, client, stream, paired });
                }
            }
        }
    }
    all
}

impl Case {
    /// Its name, which is also its request's.
    pub(super) fn id(&self) -> String {
        let form = if self.stream { "stream" } else { "whole" };
        let alone = if self.paired { "pair" } else { "alone" };
        format!("{}.{}.{}.{form}.{alone}", self.subject.name, self.spoken, self.client.name)
    }

    /// What the behaviour does to its answer.
    pub(super) fn harm(&self) -> Harm {
        if self.stream { self.subject.stream } else { self.subject.whole }
    }

    /// Whether it waits for a deadline.
    pub(super) fn waits(&self) -> bool {
        self.subject.endless
    }

    /// The most calls of the provider that are retries: one where a healthy channel takes over, and one where a connection that was
    /// kept ends as if it had been given up while it was idle.
    pub(super) fn retries(&self) -> usize {
        let failover = self.paired && matches!(self.harm(), Harm::Early | Harm::Unsure);
        usize::from(failover) + usize::from(STALE.contains(&self.subject.name))
    }

    /// The hostile channel.
    pub(super) fn channel(&self) -> String {
        channel_of(self.subject.name, self.spoken)
    }

    /// Its request.
    pub(super) fn call(&self, address: SocketAddr) -> Call {
        let model = if self.paired { group_of(&self.channel()) } else { model_of(&self.channel()) };
        let tools: &[&str] = if self.subject.name == "cut-arguments" { &["weather"] } else { &[] };
        let want = Want { model: &model, text: TEXT, tools, stream: self.stream, ..Want::default() };
        let call = Call::new(address, "POST", &(self.client.path)(&model, self.stream));
        let call = call.bearer(KEY).json(&(self.client.ask)(&want)).header("x-request-id", &self.id());
        let headers = self.client.headers.lines().filter_map(|line| line.split_once(": "));
        let call = headers.fold(call, |call, (name, value)| call.header(name, value));
        if self.waits() && self.harm() == Harm::Late { call.header("x-router-timeout-ms", TOTAL_MS) } else { call }
    }
}

fn channel_of(subject: &str, spoken: &str) -> String {
    format!("{subject}-{spoken}")
}

/// The model of a hostile channel, which no other channel has.
pub(super) fn model_of(channel: &str) -> String {
    format!("sim-{channel}")
}

fn group_of(channel: &str) -> String {
    format!("pair:{channel}")
}

/// The channels of scripted behaviours.
pub(super) fn hostile_channels() -> Vec<String> {
    let pairs = BEHAVIOURS.iter().flat_map(|behaviour| SPOKEN.iter().map(move |spoken| (behaviour, spoken)));
    pairs.map(|(behaviour, spoken)| channel_of(behaviour.name, spoken.name)).collect()
}

/// TLS in front of the hostile provider, as each identity.
pub(super) struct Fronts {
    fronts: Vec<(Identity, TlsFront)>,
    /// Holds the authority that the router trusts beside the usual ones.
    authority: NamedTempFile,
}

impl Fronts {
    pub(super) async fn start(provider: SocketAddr) -> Self {
        let mut fronts = Vec::new();
        for identity in IDENTITIES {
            fronts.push((*identity, TlsFront::start(*identity, provider).await.expect("a port")));
        }
        let authority = NamedTempFile::new().expect("a file");
        std::fs::write(authority.path(), AUTHORITY).expect("a file");
        Self { fronts, authority }
    }
}

/// The router: hardly anything cools down and no breaker opens, so that each case meets its channel; the key has a budget, so that all is
/// posted.
pub(super) fn setup(hostile: &SimProvider, good: &SimProvider, neighbour: &SimProvider, fronts: &Fronts) -> Setup {
    let mut setup = ground(good, neighbour);
    setup = setup.env("SSL_CERT_FILE", &fronts.authority.path().display().to_string()).env("RUST_LOG", "info");
    for spoken in SPOKEN {
        for subject in subjects() {
            let front = fronts.fronts.iter().find(|(identity, _)| identity.name() == subject.name);
            let url = front.map_or_else(|| hostile.url(spoken.path), |(_, front)| front.url(spoken.path));
            setup = hostile_channel(setup, &subject, spoken, &url);
        }
    }
    setup
}

/// The router without any hostile channel.
pub(super) fn ground(good: &SimProvider, neighbour: &SimProvider) -> Setup {
    let entry =
        |spoken: &Spoken| (provider_of(spoken), json!({"kind": spoken.kind, "dialect": spoken.dialect, "also": []}));
    let providers: serde_json::Map<String, Value> = SPOKEN.iter().map(entry).collect();
    let cooldown = format!("{}ms", COOLDOWN.as_millis());
    let never = json!({"failure_threshold": 1_000_000, "min_requests": 1_000_000});
    let mut setup = TestRouter::setup().and(json!({"daily_budget": 100_000.0})).system(json!({
        "providers": providers,
        "cooldown": {"rate_limited": cooldown, "temporary": cooldown, "max": cooldown},
        "breaker": never,
        // The budget of retries is that of a router whose file says nothing of it.
        "failover": {"max_attempts": 2, "retry_budget": 0.2},
        "timeouts": {"connect": SHORT},
    }));
    for (name, model, provider) in [(GOOD, "sim-good", good), ("neighbour", CONTROL, neighbour)] {
        setup = setup.channel(name, provider).models(json!([model_entry(model, model)]));
    }
    setup
}

fn provider_of(spoken: &Spoken) -> String {
    format!("hostile-{}", spoken.name)
}

pub(super) fn hostile_channel(setup: Setup, subject: &Subject, spoken: &Spoken, url: &str) -> Setup {
    let channel = channel_of(subject.name, spoken.name);
    let model = model_of(&channel);
    let patience = if subject.endless { json!({"first_byte": SHORT, "stream_idle": SHORT}) } else { json!({}) };
    let members = json!([
        {"channel": channel, "model": model, "priority": 1},
        {"channel": GOOD, "model": "sim-good", "priority": 2},
    ]);
    setup
        .channel_at(&channel, url)
        .and(json!({"provider": provider_of(spoken), "timeouts": patience}))
        .models(json!([model_entry(&model, &format!("hostile-{}", subject.name))]))
        .group(&group_of(&channel), json!({"strategy": "priority", "channels": members}))
}

fn model_entry(name: &str, upstream: &str) -> Value {
    json!({
        "name": name, "upstream_name": upstream, "price": {"input": 1.0, "output": 2.0}, "context_length": 200_000,
        "max_output_tokens": 4_096, "capabilities": ["chat", "streaming", "function_calling"],
    })
}
