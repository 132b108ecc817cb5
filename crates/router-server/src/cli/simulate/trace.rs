//! The trace: a line of JSON for each event, in the order in which they happened.

use std::io::{self, Write};

use router_core::rehearsal::{Change, Note};
use router_core::world::Target;
use serde_json::{Map, Value, json};

use super::names::Names;
use crate::config::scenario::Scenario;

/// Writes events; the first failure to write is kept until the end.
pub(super) struct Trace<'a, 'w> {
    to: &'w mut (dyn Write + 'w),
    names: &'a Names,
    start_ms: u64,
    kinds: Vec<String>,
    failed: Option<io::Error>,
}

impl<'a, 'w> Trace<'a, 'w> {
    pub(super) fn new(to: &'w mut (dyn Write + 'w), names: &'a Names, scenario: &Scenario) -> Self {
        let kinds = scenario.arrivals.iter().map(|kind| kind.name.clone().unwrap_or_else(|| kind.model.clone()));
        Self { to, names, start_ms: scenario.start.0, kinds: kinds.collect(), failed: None }
    }

    /// # Errors
    /// The first line that could not be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)?;
        self.to.flush()
    }

    pub(super) fn note(&mut self, now_ms: u64, number: u64, note: Note<'_>) {
        let mut fields = Map::new();
        fields.insert("ms".to_owned(), now_ms.saturating_sub(self.start_ms).into());
        fields.insert("request".to_owned(), number.into());
        // Its place; the word is known when the rest is.
        fields.insert("event".to_owned(), Value::Null);
        let event = self.event(note, &mut fields);
        fields.insert("event".to_owned(), event.into());
        if self.failed.is_none()
            && let Err(error) = writeln!(self.to, "{}", Value::Object(fields))
        {
            self.failed = Some(error);
        }
    }

    fn event(&self, note: Note<'_>, fields: &mut Map<String, Value>) -> &'static str {
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        let at = |target: &Target| Value::from(self.names.model(target.model));
        match note {
            Note::Arrived(request) => {
                let kind = usize::try_from(request.label).ok().and_then(|label| self.kinds.get(label));
                put("kind", kind.map_or(Value::Null, |kind| kind.as_str().into()));
                put("model", request.ask.model.as_str().into());
                put("input_tokens", request.ask.input_tokens.into());
                "arrived"
            }
            Note::Queued => "queued",
            Note::Decided(decision) => {
                put("order", decision.order().map(|ix| self.names.model(ix)).collect::<Vec<_>>().into());
                let out: Map<String, Value> =
                    decision.counts().into_iter().map(|(code, count)| (code.to_owned(), count.into())).collect();
                if !out.is_empty() {
                    put("out", out.into());
                }
                "decided"
            }
            Note::Sent { attempt, target, probes } => {
                put("attempt", attempt.into());
                put("to", at(target));
                put("key", self.names.provider_key(target.model, target.key).into());
                if probes.contains(&true) {
                    put("probe", true.into());
                }
                "sent"
            }
            Note::Unsent { attempt, target, fault } => {
                put("attempt", attempt.into());
                put("to", at(target));
                put("why", fault.detail.as_str().into());
                "unsent"
            }
            Note::FirstByte { attempt, target } => {
                put("attempt", attempt.into());
                put("from", at(target));
                "first_token"
            }
            Note::Ended { attempt, target, outcome, whole_ms, .. } => {
                put("attempt", attempt.into());
                put("at", at(target));
                put("outcome", outcome.into());
                put("took_ms", whole_ms.into());
                "ended"
            }
            Note::Changed { target, cell, change } => {
                put("of", self.cell(target, cell));
                match change {
                    Change::Breaker(state) => {
                        put("state", state.as_str().into());
                        "breaker"
                    }
                    Change::CoolingUntil(until_ms) => {
                        put("until_ms", until_ms.saturating_sub(self.start_ms).into());
                        "cooldown"
                    }
                    Change::Back => "back",
                }
            }
            Note::Finished(finished) => {
                put("status", finished.status.as_str().into());
                if let Some(code) = finished.error {
                    put("error", code.name().into());
                }
                put("took_ms", finished.latency_ms.into());
                let usage = &finished.settlement.answer.usage;
                put("tokens", json!([usage.input, usage.output]));
                put("usd", finished.settlement.cost.to_string().into());
                "finished"
            }
        }
    }

    fn cell(&self, target: &Target, cell: router_core::fault::Cell) -> Value {
        use router_core::fault::Cell;
        match cell {
            Cell::Channel => self.names.channel_of(target.model).map(|channel| self.names.channel(channel)).into(),
            Cell::ChannelModel => self.names.model(target.model).into(),
            Cell::Key => self.names.provider_key(target.model, target.key).into(),
            Cell::KeyModel => {
                let key = self.names.provider_key(target.model, target.key).unwrap_or_default();
                json!([key, self.names.model(target.model)])
            }
        }
    }
}
