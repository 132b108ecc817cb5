//! Asks the engine what a test asks, and compares the answer with what the test expects.

use router_core::catalog::{Capabilities, Capability};
use router_core::fault::ErrorCode;
use router_core::ids::mix;
use router_core::pricing::cost;
use router_core::routing::{Candidate, Decision, Moment, Target, decide, resolve};
use router_core::usage::Usage;
use serde_json::{Map, Value};

use super::world::{World, nobody};
use crate::admin::question::{Question, Unanswered};
use crate::config::assertions::{Expectations, RequestEntry, UsageEntry};

/// Scores agree to so much.
const SCORE_TOLERANCE: f64 = 0.000_5;
/// Prices for routing agree to this share of themselves.
const PRICE_TOLERANCE: f64 = 0.000_5;

/// One expectation that does not hold.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// The way to the field below `expect`.
    pub(super) field: Vec<String>,
    /// What was expected, and what was.
    pub(super) message: String,
}

/// What came of a test.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) mismatches: Vec<Mismatch>,
    /// The decision as a table, or the refusal.
    pub(super) explanation: String,
}

/// What the engine answers.
enum Answer {
    Decided { target: Target, question: Box<Question>, decision: Box<Decision> },
    Refused { code: ErrorCode, message: String },
}

/// Asks and compares.
pub(super) fn judge(world: &World, request: &RequestEntry, expect: &Expectations) -> Judged {
    let answer = ask(world, request);
    let mut found = Comparison { world, mismatches: Vec::new() };
    found.refusal(&answer, expect);
    found.costs(&request.usage, expect);
    let explanation = match &answer {
        Answer::Refused { message, .. } => format!("{message}\n"),
        Answer::Decided { target, question, decision } => {
            found.decision(decision, expect);
            found.turns(target, question, expect);
            decision.explain(&world.snapshot).table()
        }
    };
    Judged { mismatches: found.mismatches, explanation }
}

fn ask(world: &World, request: &RequestEntry) -> Answer {
    let refused = |unanswered: Unanswered| {
        let code = match &unanswered {
            Unanswered::Refused { code, .. } => *code,
            Unanswered::NotFound { .. } => ErrorCode::ModelNotFound,
        };
        Answer::Refused { code, message: unanswered.to_string() }
    };
    let question = match question(request) {
        Ok(question) => question,
        Err(unanswered) => return refused(unanswered),
    };
    match resolve(&world.snapshot, world.key, &question.ask.model) {
        Ok(target) => {
            let decision = decide(&world.snapshot, &target, &question.ask, world, turn(world, 0));
            Answer::Decided { target, question: Box::new(question), decision: Box::new(decision) }
        }
        Err(missing) => refused(Unanswered::NotFound {
            model: question.ask.model.clone(),
            nearest: missing.nearest.iter().map(ToString::to_string).collect(),
        }),
    }
}

/// The moment of one of several requests one after the other; each has a lot of its own.
fn turn(world: &World, number: u64) -> Moment {
    Moment { now_ms: world.now_ms, seed: mix(number), sequence: number }
}

fn question(request: &RequestEntry) -> Result<Question, Unanswered> {
    let mut asked = Map::new();
    let mut put = |name: &str, value: Option<Value>| asked.extend(value.map(|value| (name.to_owned(), value)));
    put("model", Some(request.model.clone().into()));
    put("endpoint", request.endpoint.clone().map(Value::from));
    put("body", request.body.as_ref().and_then(|body| serde_json::from_str(&body.text).ok()));
    put("strategy", request.strategy.clone().map(Value::from));
    put("max_cost", request.max_cost.map(|usd| usd.to_string().into()));
    put("tags", (!request.tags.is_empty()).then(|| request.tags.clone().into()));
    put("session", request.session.clone().map(Value::from));
    let mut question = Question::read(asked)?;
    let ask = &mut question.ask;
    ask.stream = request.stream.unwrap_or(ask.stream);
    let needs = request.needs.iter().filter_map(|name| Capability::from_name(name));
    ask.needs = ask.needs.union(needs.fold(Capabilities::NONE, Capabilities::with));
    if let Some(tokens) = request.input_tokens {
        (ask.input_tokens, ask.input_tokens_bound) = (tokens, tokens);
    }
    ask.max_output_tokens = request.max_output_tokens.or(ask.max_output_tokens);
    Ok(question)
}

/// Collects what does not agree.
struct Comparison<'a> {
    world: &'a World,
    mismatches: Vec<Mismatch>,
}

impl Comparison<'_> {
    fn differs(&mut self, field: &[&str], message: String) {
        self.mismatches.push(Mismatch { field: field.iter().map(|key| (*key).to_owned()).collect(), message });
    }

    fn refusal(&mut self, answer: &Answer, expect: &Expectations) {
        let code = match answer {
            Answer::Refused { code, .. } => Some(*code),
            Answer::Decided { decision, .. } => decision.none().map(|none| none.kind.code()),
        };
        let was = code.map(|code| code.rule().name);
        match (expect.refused.as_deref(), was) {
            (Some(expected), was) if was != Some(expected) => {
                let was = was.map_or_else(|| "it is served".to_owned(), |code| format!("it is `{code}`"));
                self.differs(&["refused"], format!("expected `{expected}`, but {was}"));
            }
            (None, Some(was)) => {
                // who expects only exclusions or costs may well expect nobody to be left
                let asks = expect.chosen.is_some() || expect.order.is_some() || !expect.turns.is_empty();
                if asks || matches!(answer, Answer::Refused { .. }) {
                    self.differs(&[], format!("expected to be served, but it is refused with `{was}`"));
                }
            }
            _ => {}
        }
    }

    fn decision(&mut self, decision: &Decision, expect: &Expectations) {
        let order: Vec<String> = decision.order().map(|ix| self.world.name(ix)).collect();
        if let Some(expected) = &expect.chosen
            && order.first() != Some(expected)
        {
            let was = order.first().map_or_else(|| "nobody".to_owned(), |name| format!("`{name}`"));
            self.differs(&["chosen"], format!("expected `{expected}`, was {was}"));
        }
        if let Some(expected) = &expect.order
            && order != *expected
        {
            self.differs(&["order"], format!("expected [{}], was [{}]", expected.join(", "), order.join(", ")));
        }
        for (name, expected) in &expect.excluded {
            let verdict = self.candidate(decision, name, "excluded", |_, candidate| {
                candidate
                    .verdict
                    .reason()
                    .map_or_else(|| "it may be tried".to_owned(), |reason| format!("`{}`", reason.as_code()))
            });
            if let Some(was) = verdict.filter(|was| *was != format!("`{expected}`")) {
                self.differs(&["excluded", name], format!("expected `{expected}` for `{name}`, was {was}"));
            }
        }
        for (name, expected) in &expect.scores {
            let score = self.candidate(decision, name, "scores", |_, candidate| candidate.score);
            if let Some(was) = score.filter(|was| (was - expected.0).abs() > SCORE_TOLERANCE) {
                self.differs(&["scores", name], format!("expected {} for `{name}`, was {was:.3}", expected.0));
            }
        }
        for (name, expected) in &expect.effective_usd {
            let usd = |place, _: &Candidate| decision.costs(place).effective_usd;
            let usd = self.candidate(decision, name, "effective_usd", usd);
            let agrees = |was: f64| (was - expected).abs() <= PRICE_TOLERANCE * expected.abs();
            if let Some(was) = usd.filter(|was| !agrees(*was)) {
                self.differs(&["effective_usd", name], format!("expected {expected} for `{name}`, was {was}"));
            }
        }
    }

    /// Looks at the candidate of that name; its absence is a mismatch.
    fn candidate<T>(
        &mut self,
        decision: &Decision,
        name: &str,
        field: &str,
        look: impl FnOnce(usize, &Candidate) -> T,
    ) -> Option<T> {
        let ix = self.world.find(name);
        // Where several tiers have it, the one that counts is the last: only there it may still be eligible.
        let found = decision.candidates.iter().enumerate().rev().find(|(_, candidate)| Some(candidate.model) == ix);
        if found.is_none() {
            let message = if ix.is_none() { nobody(name) } else { format!("`{name}` is no candidate of this request") };
            self.differs(&[field, name], message);
        }
        found.map(|(place, candidate)| look(place, candidate))
    }

    fn turns(&mut self, target: &Target, question: &Question, expect: &Expectations) {
        let chosen = |number: usize| {
            let moment = turn(self.world, number as u64);
            let decision = decide(&self.world.snapshot, target, &question.ask, self.world, moment);
            decision.chosen().map_or_else(String::new, |chosen| self.world.name(chosen.model))
        };
        let was: Vec<String> = (0..expect.turns.len()).map(chosen).collect();
        if was != expect.turns {
            let message = format!("expected [{}], was [{}]", expect.turns.join(", "), was.join(", "));
            self.differs(&["turns"], message);
        }
    }

    fn costs(&mut self, used: &UsageEntry, expect: &Expectations) {
        let usage = Usage {
            input: used.input,
            cached_input: used.cached_input,
            cache_write: used.cache_write,
            output: used.output,
            reasoning: used.reasoning,
            ..Usage::default()
        };
        for (name, expected) in &expect.costs {
            let Some(ix) = self.world.find(name) else {
                self.differs(&["costs", name], nobody(name));
                continue;
            };
            match self.world.snapshot.price(ix).map(|price| cost(price, &usage)) {
                Some(was) if was == expected.0 => {}
                Some(was) => {
                    self.differs(&["costs", name], format!("expected {} USD for `{name}`, was {was} USD", expected.0))
                }
                None => self.differs(&["costs", name], format!("the price of `{name}` is unknown")),
            }
        }
    }
}
