//! Routing assertions, the files of `smart-ai-router test`: what is given, what is asked for, what is expected.
//! Shapes and their check; carried out by `cli::test`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use router_core::catalog::Capability;
use router_core::fault::ERROR_CODES;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::decode::{Decode, Faults, entry, section};
use super::finish;
use super::node::{Node, Path, Pos, Scalar, ScalarKind, Value};
use super::objects::Instant;
use super::problem::Problems;
use super::sources::SourceFile;
use super::units::{Share, Span, Usd};
use super::yaml;

section! {
    /// Live state of a channel model. Spans count from `time`.
    pub struct ModelState {
        /// Attempts that run.
        in_flight: u64 = 0,
        /// Average time to the first token, milliseconds.
        ttft_ms: Option<f64> = None,
        /// Milliseconds to the first token that 95 of 100 attempts held.
        ttft_p95_ms: Option<f64> = None,
        /// Average output tokens per second.
        tokens_per_second: Option<f64> = None,
        /// Share of good attempts.
        success_rate: Option<Share> = None,
        /// Attempts that the averages stand on.
        observations: f64 = 100.0,
        /// Cools down for so long, by our guess after a passing fault.
        cooldown: Option<Span> = None,
        /// The provider said for how long to stay away.
        rate_limited: Option<Span> = None,
        /// Its circuit breaker is open for so long.
        breaker_open: Option<Span> = None,
    }
}

section! {
    /// Live state of a channel. Spans count from `time`.
    pub struct ChannelState {
        /// Attempts that run, all models together.
        in_flight: u64 = 0,
        /// Health.
        health: Option<Share> = None,
        /// What is left of the scarcest limit.
        quota_remaining: Option<Share> = None,
        /// Used share of the limits per minute.
        minute_used: Option<Share> = None,
        /// Attempts of today.
        requests_today: u64 = 0,
        /// Money of today.
        spent_today: Usd = Usd::default(),
        /// Cools down for so long, by our guess after a passing fault.
        cooldown: Option<Span> = None,
        /// The provider said for how long to stay away.
        rate_limited: Option<Span> = None,
        /// Its circuit breaker is open for so long.
        breaker_open: Option<Span> = None,
    }
}

section! {
    /// `given`: the world in which is asked.
    pub struct Given {
        /// The configuration: a folder or a file, as seen from the file with the tests; default: `./config` where it exists,
        /// nothing where there is `with`.
        config: Option<String> = None,
        /// More configuration: channels, groups, prices, beside those of `config`.
        with: Option<Inline> = None,
        /// The environment. That of the process does not count.
        env: BTreeMap<String, String> = BTreeMap::new(),
        /// When; default: 2026-01-01.
        time: Instant = Instant(1_767_225_600_000),
        /// Name of the client key that asks; default: one that may use everything.
        key: Option<String> = None,
        /// Live state, by channel.
        channels: BTreeMap<String, ChannelState> = BTreeMap::new(),
        /// Live state, by CHANNEL/MODEL.
        models: BTreeMap<String, ModelState> = BTreeMap::new(),
        /// Requests of today through a member of a group: by group, then CHANNEL/MODEL.
        members: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new(),
    }
}

section! {
    /// What an answer used, for `expect.costs`.
    pub struct UsageEntry {
        /// All input tokens.
        input: u64 = 0,
        /// Of them read from the provider's cache.
        cached_input: u64 = 0,
        /// Of them written to it.
        cache_write: u64 = 0,
        /// All output tokens.
        output: u64 = 0,
        /// Of them reasoning.
        reasoning: u64 = 0,
    }
}

entry! {
    /// `request`: what a client asks for.
    pub struct RequestEntry {
        required {
            /// Model, group or expression.
            model: String,
        }
        optional {
            /// The kind of work; default: chat_completions.
            endpoint: Option<String> = None,
            /// The body as a client sends it; default: a short question. What it uses is found in it.
            body: Option<Inline> = None,
            /// Whether the answer is a stream; default: as the body says.
            stream: Option<bool> = None,
            /// Capabilities that the request uses, beside those that its body shows.
            needs: Vec<String> = Vec::new(),
            /// Input tokens; default: as estimated from the body.
            input_tokens: Option<u64> = None,
            /// The client's limit on output tokens; default: as the body says.
            max_output_tokens: Option<u64> = None,
            /// `x-router-strategy`
            strategy: Option<String> = None,
            /// `x-router-max-cost`
            max_cost: Option<Usd> = None,
            /// `x-router-tags`
            tags: Vec<String> = Vec::new(),
            /// `x-router-session`
            session: Option<String> = None,
            /// What the answer used.
            usage: UsageEntry = UsageEntry::default(),
        }
    }
}

section! {
    /// `expect`: what has to come of it. Candidates are written CHANNEL/MODEL.
    pub struct Expectations {
        /// Who is tried first.
        chosen: Option<String> = None,
        /// Everyone who may be tried, best first.
        order: Option<Vec<String>> = None,
        /// The error that the client gets (`model_not_found`, `no_channel_available` …).
        refused: Option<String> = None,
        /// Who is out, with the code of the reason (`cooling_down`, `min_quality_score` …).
        excluded: BTreeMap<String, String> = BTreeMap::new(),
        /// Scores, to three digits.
        scores: BTreeMap<String, Share> = BTreeMap::new(),
        /// Prices of the expected usage that routing compares, in USD, to four digits.
        effective_usd: BTreeMap<String, f64> = BTreeMap::new(),
        /// What `request.usage` costs in the books, exactly, in USD.
        costs: BTreeMap<String, Usd> = BTreeMap::new(),
        /// Who is tried first in as many requests one after the other.
        turns: Vec<String> = Vec::new(),
    }
}

/// A part of a file that is handed on as it stands: a map.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Inline {
    /// As JSON.
    pub text: String,
    /// With the places where it stands.
    #[serde(skip)]
    pub(crate) node: Node,
}

impl Decode for Inline {
    fn decode(node: &Node, path: &Path, faults: &mut Faults) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            faults.at(node, path, "expected a map");
            return None;
        }
        let mut text = String::new();
        json(node, &mut text);
        Some(Self { text, node: node.clone() })
    }
}

impl JsonSchema for Inline {
    fn schema_name() -> Cow<'static, str> {
        "Inline".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// Numbers keep every digit.
fn json(node: &Node, out: &mut String) {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match &node.value {
        Value::Null | Value::Faulty => out.push_str("null"),
        Value::Scalar(Scalar { text, kind: ScalarKind::Number | ScalarKind::Bool, .. }) => out.push_str(text),
        Value::Scalar(scalar) => out.push_str(&quoted(&scalar.text)),
        Value::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                json(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (number, (key, value)) in entries.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                out.push_str(&quoted(&key.name));
                out.push(':');
                json(value, out);
            }
            out.push('}');
        }
    }
}

/// One assertion.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// For people.
    pub name: String,
    /// The file's, with its own over it.
    pub given: Given,
    /// What is asked for.
    pub request: RequestEntry,
    /// What has to come of it.
    pub expect: Expectations,
    path: Path,
}

/// The assertions of one file.
#[derive(Clone, Debug)]
pub struct Assertions {
    /// In the order of the file.
    pub tests: Vec<Assertion>,
    tree: Node,
}

impl Assertions {
    /// Reads a file: `given` for all of its tests, and `tests`, each with `name`, `given`, `request`, `expect`.
    ///
    /// # Errors
    /// Every fault, with its place.
    pub fn parse(file: &SourceFile) -> Result<Self, Problems> {
        let tree = yaml::parse(&file.name, &file.text).map_err(|problem| Problems(vec![problem]))?;
        let (mut faults, root) = (Faults::default(), Path::default());
        let mut tests = Vec::new();
        if let Some(entries) = faults.map(&tree, &root, &["given", "tests"]) {
            let given = faults.field(entries, "given", &root, Given::default());
            let list = tree.get("tests").map(|node| &node.value);
            match list {
                Some(Value::List(items)) if !items.is_empty() => {
                    for (index, item) in items.iter().enumerate() {
                        tests.extend(assertion(item, root.key("tests").index(index), &given, &mut faults));
                    }
                }
                _ => faults.place(&tree, &root.key("tests"), "expected a list with at least one test"),
            }
        }
        for test in &tests {
            test.check(&tree, &mut faults);
        }
        finish(faults).map(|()| Self { tests, tree })
    }

    /// Where a field of a test stands (`expect.chosen`), or the nearest thing around it.
    #[must_use]
    pub fn place(&self, test: &Assertion, field: &[&str]) -> Pos {
        let path = field.iter().fold(test.path.clone(), |path, key| path.key(key));
        let name = test.path.key("name");
        self.tree.place(if field.is_empty() { &name } else { &path })
    }
}

fn assertion(node: &Node, path: Path, base: &Given, faults: &mut Faults) -> Option<Assertion> {
    let entries = faults.map(node, &path, &["name", "given", "request", "expect"])?;
    let name = faults.required(entries, "name", node, &path);
    let given = faults.field(entries, "given", &path, base.clone());
    let request = faults.required(entries, "request", node, &path);
    let expect = faults.required(entries, "expect", node, &path);
    Some(Assertion { name: name?, given, request: request?, expect: expect?, path })
}

impl Assertion {
    /// What shapes do not hold: known words, and that something is asserted at all.
    fn check(&self, tree: &Node, faults: &mut Faults) {
        let (request, expect) = (self.path.key("request"), self.path.key("expect"));
        for (index, name) in self.request.needs.iter().enumerate() {
            if Capability::from_name(name).is_none() {
                let message = format!("`{name}` is not a capability");
                faults.place(tree, &request.key("needs").index(index), message);
            }
        }
        if let Some(code) = &self.expect.refused {
            if !ERROR_CODES.iter().any(|rule| rule.name == code) {
                let known: Vec<&str> = ERROR_CODES.iter().map(|rule| rule.name).collect();
                let message = format!("`{code}` is not an error code; allowed: {}", known.join(", "));
                faults.place(tree, &expect.key("refused"), message);
            }
            if self.expect.chosen.is_some() || self.expect.order.is_some() || !self.expect.turns.is_empty() {
                faults.place(tree, &expect.key("refused"), "a request that is refused has no chosen, order or turns");
            }
        }
        if self.expect == Expectations::default() {
            faults.place(tree, &expect, "nothing is expected, so this test cannot fail");
        }
    }
}
