//! Scenarios, the files of `smart-ai-router simulate`: how providers behave, who asks, what is expected. Shapes and their
//! check; carried out by `cli::simulate`.

mod fault_word;
mod law;

use std::collections::BTreeMap;

use router_core::catalog::Capability;
use router_core::rehearsal::Law;

pub use fault_word::FaultWord;
pub use law::{LawEntry, Spread};

use super::assertions::Inline;
use super::decode::{Decode, Faults, entry, section};
use super::finish;
use super::node::{Node, Path, Pos};
use super::objects::Instant;
use super::problem::Problems;
use super::sources::SourceFile;
use super::units::{Share, Span, Usd};
use super::yaml;

section! {
    /// A scenario.
    pub struct Scenario {
        /// For people.
        description: String = String::new(),
        /// The configuration: a folder or a file, as seen from the scenario's file; default: `./config` where it exists,
        /// nothing where there is `with`.
        config: Option<String> = None,
        /// More configuration: channels, groups, prices, limits, beside those of `config`.
        with: Option<Inline> = None,
        /// The environment. That of the process does not count.
        env: BTreeMap<String, String> = BTreeMap::new(),
        /// When it begins; default: 2026-01-01.
        start: Instant = Instant(1_767_225_600_000),
        /// For how long requests come.
        duration: Span = Span::from_secs(3_600),
        /// All chance comes from it; `--seed` is another one.
        seed: u64 = 1,
        /// How providers behave: by CHANNEL/MODEL, CHANNEL, or `*` for everyone else.
        behaviour: BTreeMap<String, Behaviour> = BTreeMap::new(),
        /// Who asks.
        arrivals: Vec<Arrivals> = Vec::new(),
        /// What is expected.
        expect: Expect = Expect::default(),
    }
}

section! {
    /// How a provider behaves.
    pub struct Behaviour {
        /// Milliseconds to the first token.
        first_token_ms: LawEntry = LawEntry(Law::Lognormal { median: 400.0, sigma: 0.3 }),
        /// Output tokens per second after the first.
        tokens_per_second: LawEntry = LawEntry(Law::Constant(60.0)),
        /// What goes wrong. The first that strikes counts.
        faults: Vec<FaultEntry> = Vec::new(),
        /// Requests that the provider takes before it says 429.
        quota: Option<QuotaEntry> = None,
        /// After the start and after each outage it is slow for a time.
        slow_start: Option<SlowStart> = None,
    }
}

entry! {
    /// Something that goes wrong.
    pub struct FaultEntry {
        required {
            /// A fault's class (`temporary`, `rate_limited`, `connect` …); `hang`: no answer ever; `stall`: a stream falls
            /// silent; `cut`: it breaks off.
            kind: FaultWord,
        }
        optional {
            /// Share of attempts that it strikes.
            rate: Share = Share(1.0),
            /// Since when, from the start; default: always.
            from: Option<Span> = None,
            /// Until when, from the start; default: to the end.
            until: Option<Span> = None,
            /// For how long the provider asks us to stay away.
            retry_after: Option<Span> = None,
            /// Milliseconds until it shows.
            after_ms: LawEntry = LawEntry(Law::Constant(50.0)),
        }
    }
}

entry! {
    /// What a provider takes at most.
    pub struct QuotaEntry {
        required {
            /// Requests.
            requests: u32,
            /// In any such time.
            per: Span,
        }
        optional {
            /// For how long it asks us to stay away; default: it does not say.
            retry_after: Option<Span> = None,
        }
    }
}

entry! {
    /// A provider that has to warm up.
    pub struct SlowStart {
        required {
            /// For how long.
            lasts: Span,
            /// Times as long to the first token.
            factor: f64,
        }
        optional {}
    }
}

entry! {
    /// Requests of one kind.
    pub struct Arrivals {
        required {
            /// Requests per second, on average.
            rate: f64,
            /// Model, group or expression.
            model: String,
        }
        optional {
            /// For the trace.
            name: Option<String> = None,
            /// How they come.
            process: Process = Process::Poisson,
            /// Since when, from the start; default: always.
            from: Option<Span> = None,
            /// Until when, from the start; default: to the end.
            until: Option<Span> = None,
            /// More by day than by night.
            diurnal: Option<Diurnal> = None,
            /// Times of more.
            bursts: Vec<Burst> = Vec::new(),
            /// Name of the client key that asks; default: one that may use everything.
            key: Option<String> = None,
            /// Whether answers are streams.
            stream: bool = true,
            /// Input tokens of a request.
            input_tokens: LawEntry = LawEntry(Law::Lognormal { median: 800.0, sigma: 1.0 }),
            /// Output tokens that the model would give.
            output_tokens: LawEntry = LawEntry(Law::Lognormal { median: 250.0, sigma: 0.8 }),
            /// The client's limit on them.
            max_output_tokens: Option<u64> = None,
            /// Capabilities that requests use.
            needs: Vec<String> = Vec::new(),
            /// `x-router-strategy`
            strategy: Option<String> = None,
            /// `x-router-tags`
            tags: Vec<String> = Vec::new(),
            /// Clients leave after so long without a whole answer.
            patience: Option<Span> = None,
        }
    }
}

super::decode::choice! {
    /// How requests come.
    pub enum Process {
        /// Each by itself.
        Poisson = "poisson",
        /// In even steps.
        Constant = "constant",
    }
}

entry! {
    /// A day: a cosine around the average.
    pub struct Diurnal {
        required {
            /// The hour (UTC) with the most requests, such as 14 or 14.5.
            peak_hour: f64,
        }
        optional {
            /// How far above the average the peak is: 0.8 is 1.8 times at the peak, 0.2 times at night.
            amplitude: Share = Share(0.8),
        }
    }
}

entry! {
    /// A time of more requests.
    pub struct Burst {
        required {
            /// When, from the start.
            from: Span,
            /// For how long.
            lasts: Span,
            /// Times as many.
            factor: f64,
        }
        optional {
            /// Again after so long; default: once.
            every: Option<Span> = None,
        }
    }
}

section! {
    /// What is expected of the whole. What is not named is not judged.
    pub struct Expect {
        /// Share of requests with a whole answer, at least.
        success_rate: Option<Share> = None,
        /// Cost of all requests in USD, at most.
        cost: Option<Usd> = None,
        /// Milliseconds from the arrival of a request for a stream to its first token, at most.
        first_token_ms: Quantiles = Quantiles::default(),
        /// Milliseconds from a request's arrival to its end, at most.
        total_ms: Quantiles = Quantiles::default(),
        /// Attempts of any request, at most.
        attempts_per_request: Option<u32> = None,
        /// Attempts of all requests for each request, at most.
        attempts_per_request_mean: Option<f64> = None,
        /// Shares of the attempts that were sent, by channel.
        shares: BTreeMap<String, Range> = BTreeMap::new(),
        /// Channels of which a breaker (their own, or of one of their models) has to open.
        opens: Vec<String> = Vec::new(),
        /// Channels of which none may open.
        stays_closed: Vec<String> = Vec::new(),
        /// Whether a breaker lets probes through only after it was opened.
        probes_only_after_opening: bool = false,
    }
}

section! {
    /// Percentiles, each at most.
    pub struct Quantiles {
        /// Half of all.
        p50: Option<f64> = None,
        /// 95 of 100.
        p95: Option<f64> = None,
        /// 99 of 100.
        p99: Option<f64> = None,
    }
}

section! {
    /// From where to where.
    pub struct Range {
        /// The least.
        min: Share = Share(0.0),
        /// The most.
        max: Share = Share(1.0),
    }
}

/// A scenario and where its parts stand.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// What it says.
    pub scenario: Scenario,
    tree: Node,
}

impl ScenarioFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Every fault, with its place.
    pub fn parse(file: &SourceFile) -> Result<Self, Problems> {
        let tree = yaml::parse(&file.name, &file.text).map_err(|problem| Problems(vec![problem]))?;
        let (mut faults, root) = (Faults::default(), Path::default());
        let scenario = Scenario::decode(&tree, &root, &mut faults).unwrap_or_default();
        scenario.check(&tree, &mut faults);
        finish(faults).map(|()| Self { scenario, tree })
    }

    /// Where a field stands, or the nearest thing around it.
    #[must_use]
    pub fn place(&self, field: &[&str]) -> Pos {
        self.tree.place(&field.iter().fold(Path::default(), |path, key| match key.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(key),
        }))
    }
}

impl Scenario {
    /// What shapes do not hold.
    fn check(&self, tree: &Node, faults: &mut Faults) {
        let root = Path::default();
        if self.arrivals.is_empty() && !faults.incomplete("arrivals") {
            faults.place(tree, &root.key("arrivals"), "expected a list with at least one kind of request");
        }
        let ends =
            |from: Option<Span>, until: Option<Span>| until.is_some_and(|until| from.is_some_and(|from| from >= until));
        for (index, arrivals) in self.arrivals.iter().enumerate() {
            let path = root.key("arrivals").index(index);
            if arrivals.rate > 100_000.0 {
                faults.place(tree, &path.key("rate"), "allowed: at most 100000 requests per second");
            }
            if ends(arrivals.from, arrivals.until) {
                faults.place(tree, &path.key("until"), "must be later than `from`");
            }
            if arrivals.diurnal.as_ref().is_some_and(|diurnal| diurnal.peak_hour >= 24.0) {
                faults.place(tree, &path.key("diurnal").key("peak_hour"), "allowed: from 0 to below 24");
            }
            for (place, name) in arrivals.needs.iter().enumerate() {
                if Capability::from_name(name).is_none() {
                    faults.place(tree, &path.key("needs").index(place), format!("`{name}` is not a capability"));
                }
            }
            if let Some(unknown) =
                arrivals.strategy.as_ref().and_then(|name| router_core::routing::strategy(name).err())
            {
                faults.place(tree, &path.key("strategy"), unknown.to_string());
            }
        }
        for (name, behaviour) in &self.behaviour {
            for (index, fault) in behaviour.faults.iter().enumerate() {
                if ends(fault.from, fault.until) {
                    let path = root.key("behaviour").key(name).key("faults").index(index).key("until");
                    faults.place(tree, &path, "must be later than `from`");
                }
            }
        }
        for (name, range) in &self.expect.shares {
            if range.min > range.max {
                faults.place(tree, &root.key("expect").key("shares").key(name), "min is above max");
            }
        }
    }
}
