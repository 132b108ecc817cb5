//! The books of one request: what it holds of budgets, and the one terminal row. Whatever happens to the request's
//! task, dropping the book writes the row.

mod row;

use std::sync::Arc;
use std::time::Instant;

use router_core::ask::{Ask, Endpoint};
use router_core::budget::{Exceeded, LedgerDelta};
use router_core::catalog::{GroupIx, KeyIx, ModelIx};
use router_core::fault::ErrorCode;
use router_core::ids::RequestId;
use router_core::money::Nano;
use router_core::request::{AttemptRecord, Event, Status};
use router_core::routing::Decision;
use router_core::settle::Settlement;
use router_core::world::{Account, Target};
use router_store::{Lane, LedgerEntry, RequestRecord, RequestStatus, StoreError, StoreResult, Ticket};

use router_wire::message::Unsupported;

use crate::app::App;
use crate::clock::Now;
use crate::http::error::ApiError;
use crate::local::Local;
use crate::snapshot::ServerSnapshot;
use crate::telemetry::metrics::{Name, RequestLabels};

/// Marks the row of a question of the router's own.
pub(crate) const PROBE_FLAG: &str = "health_check";

/// What is known when a request has been read.
pub(super) struct Opening {
    pub(super) app: Local<App>,
    pub(super) lane: Arc<Lane>,
    pub(super) snapshot: Local<ServerSnapshot>,
    pub(super) now: Now,
    pub(super) id: RequestId,
    pub(super) client_request_id: Option<String>,
    pub(super) key: Option<KeyIx>,
    pub(super) endpoint: Endpoint,
    pub(super) dialect: &'static str,
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) bytes_in: usize,
    pub(super) user_agent: Option<String>,
    /// No client asks, but the router: figures of what clients ask for and get do not count it.
    pub(super) is_probe: bool,
}

/// Why an attempt may not be sent.
pub(super) enum NotHeld {
    /// A budget is used up.
    Exceeded(Box<Exceeded>),
    /// The reservation could not be written.
    Spool(StoreError),
}

/// How a request ended, for its row.
pub(super) struct Closing<'a> {
    pub(super) status: Status,
    pub(super) error: Option<(ErrorCode, &'static str)>,
    pub(super) attempts: &'a [AttemptRecord],
    pub(super) bytes_out: usize,
    pub(super) upstream_us: u64,
}

/// The books of one request.
pub(super) struct Book {
    opening: Opening,
    record: RequestRecord,
    /// What the attempts hold.
    account: Account,
    /// Whom the request went to.
    group: Option<GroupIx>,
    /// The last record, to wait for the disk where that is asked for.
    written: Option<Ticket>,
    open: bool,
}

impl Book {
    /// Opens the books.
    pub(super) fn open(mut opening: Opening) -> Self {
        let key = opening.key.and_then(|key| opening.snapshot.key(key));
        let record = RequestRecord {
            id: opening.id.to_string(),
            client_request_id: opening.client_request_id.take(),
            key_id: key.map_or("", |key| key.id).into(),
            key_name: key.map_or("", |key| key.name).into(),
            endpoint: opening.endpoint.as_str().into(),
            dialect: opening.dialect.into(),
            // A client's text: bounded, since it is kept.
            model: cut(std::mem::take(&mut opening.model), 200),
            stream: opening.stream,
            config_version: signed(opening.snapshot.version),
            created_at: signed(opening.now.unix_ms),
            bytes_in: i64::try_from(opening.bytes_in).unwrap_or(i64::MAX),
            user_agent: opening.user_agent.take(),
            flags: if opening.is_probe { vec![PROBE_FLAG.to_owned()] } else { Vec::new() },
            ..RequestRecord::default()
        };
        Self { opening, record, group: None, account: Account::default(), written: None, open: true }
    }

    /// Notes how the candidates were chosen.
    pub(super) fn decided(&mut self, decision: &Decision, ask: &Ask) {
        let mut text = String::with_capacity(512);
        decision.compact_json(&self.opening.snapshot.core, ask, &mut text);
        self.record.decision = Some(text.into());
        if let Some(tier) = decision.tiers.first() {
            self.record.strategy = Some(tier.strategy.name.into());
            self.group = tier.group;
            let group = tier.group.and_then(|group| self.opening.snapshot.group(group));
            self.record.group = group.map(|group| group.name.text.into());
        }
    }

    /// Whether any budget with a cap counts an attempt at this target.
    pub(super) fn is_capped(&self, target: &Target) -> bool {
        let snapshot = &self.opening.snapshot;
        !snapshot.world.scopes(&snapshot.core, self.opening.key, target).is_empty()
    }

    /// Reserves the most that an attempt may cost, and writes that down, before its first byte goes out.
    ///
    /// # Errors
    /// [`NotHeld`]; then nothing is held for this attempt.
    pub(super) async fn hold(&mut self, target: Target, amount: Nano) -> Result<(), NotHeld> {
        let (snapshot, now_ms) = (&self.opening.snapshot, self.opening.now.unix_ms);
        self.account
            .hold(&snapshot.world, &snapshot.core, self.opening.key, target, amount, now_ms)
            .map_err(NotHeld::Exceeded)?;
        match self.opening.lane.reserve(self.reservation_record()).await {
            Ok(ticket) => {
                self.written = Some(ticket);
                Ok(())
            }
            Err(error) => {
                self.account.forget_last();
                Err(NotHeld::Spool(error))
            }
        }
    }

    /// Notes an attempt that was never sent: the channel had no room for it.
    pub(super) fn pass_over(&mut self, target: Target) {
        self.account.pass_over(target);
    }

    /// Notes how the attempt at that place ended: what it consumed nothing of is released.
    pub(super) fn ended(&mut self, place: usize, event: &Event) {
        self.account.ended(place, event);
    }

    /// The last attempt's request never went out whole, so that nobody has worked for it.
    pub(super) fn unsent(&mut self) {
        self.account.release(self.account.attempts().len().saturating_sub(1));
    }

    /// Nothing was asked of anybody: no row.
    pub(super) fn discard(&mut self) {
        self.open = false;
    }

    /// Notes a candidate whose dialect cannot hold the request.
    pub(super) fn passed_over(&mut self, model: ModelIx, why: &Unsupported) {
        let named = self.opening.snapshot.core.model_and_channel(model);
        let channel = named.map_or("", |(_, channel)| &channel.name);
        let param = beginning(&why.param, 100);
        self.record.flags.push(format!("passed_over:{channel}:{param}"));
    }

    /// Notes a candidate for which a budget has no room.
    pub(super) fn no_budget(&mut self, model: ModelIx) {
        let named = self.opening.snapshot.core.model_and_channel(model);
        let channel = named.map_or("", |(_, channel)| &channel.name);
        self.record.flags.push(format!("no_budget:{channel}"));
    }

    /// Notes the parameters that the provider did not get.
    pub(super) fn dropped(&mut self, dropped: &[String]) {
        let short = |param: &String| format!("dropped:{}", beginning(param, 100));
        self.record.flags.extend(dropped.iter().take(32).map(short));
    }

    /// Whether the router asks for itself.
    pub(super) const fn is_probe(&self) -> bool {
        self.opening.is_probe
    }

    /// The client key, if there is one.
    pub(super) const fn key(&self) -> Option<KeyIx> {
        self.opening.key
    }

    /// Notes the ids under which the provider of the last attempt keeps its answer.
    pub(super) fn keeps(&mut self, ids: Vec<String>) {
        self.record.state_ids = ids;
    }

    /// Waits until the last record is on the disk, where `durability: full` asks for that.
    pub(super) async fn synced(&mut self) {
        let Some(ticket) = self.written.take().filter(|_| self.opening.app.durable) else { return };
        if let Err(error) = self.opening.app.spool.synced(ticket).await {
            tracing::error!(error = %error, "the spool could not be synced");
        }
    }

    /// Writes the row of a request that was refused before any attempt.
    pub(super) async fn refuse(&mut self, error: &ApiError) {
        let closing = Closing {
            status: Status::Error,
            error: Some((error.code, "")),
            attempts: &[],
            bytes_out: 0,
            upstream_us: 0,
        };
        self.close(&closing).await;
    }

    /// Settles and writes the terminal row. Gives the cost.
    pub(super) async fn close(&mut self, closing: &Closing<'_>) -> Settlement {
        let settlement = self.settle(closing);
        if self.has_row() {
            let written = self.opening.lane.settle(std::mem::take(&mut self.record)).await;
            self.note(written);
        }
        settlement
    }

    /// Settles, fills the row and counts it.
    fn settle(&mut self, closing: &Closing<'_>) -> Settlement {
        let snapshot = &self.opening.snapshot;
        let settlement = self.account.settlement(&snapshot.world, &snapshot.core, closing.attempts);
        self.record.ledger = self.settle_budgets(&settlement.attempt_costs);
        let ended = Instant::now();
        self.fill(closing, &settlement, ended);
        self.open = false;
        self.count(closing, &settlement, ended);
        settlement
    }

    /// Writes down that the request's task failed. What is held counts as spent.
    fn fail(&mut self) {
        let held: Vec<Nano> = self.account.attempts().iter().map(|held| held.amount).collect();
        self.record.ledger = self.settle_budgets(&held);
        self.record.status = RequestStatus::Error;
        self.record.error_code = Some(ErrorCode::InternalError.name().into());
        self.record.error_class = Some("internal".into());
        self.record.cost_nano = self.account.reserved().0;
        self.record.reserved_nano = self.account.reserved().0;
        self.record.latency_ms = signed(self.opening.now.ms_until(Instant::now()));
    }

    /// Posts each attempt's cost where it was reserved; entries of the same place are added up.
    fn settle_budgets(&mut self, costs: &[Nano]) -> Vec<LedgerEntry> {
        let mut entries: Vec<LedgerEntry> = Vec::new();
        for delta in self.account.settle(costs) {
            if delta.overrun {
                self.record.flags.push("overrun".to_owned());
            }
            for entry in named_postings(&self.opening.app, &delta) {
                match entries.iter_mut().find(|known| same_place(known, &entry)) {
                    Some(known) => known.amount_nano = known.amount_nano.saturating_add(entry.amount_nano),
                    None => entries.push(entry),
                }
            }
        }
        entries
    }

    /// Appends the row. If even the headroom is gone, the reservation stands and is booked at the next start.
    ///
    /// While the spool takes no new requests, one that was refused before it held anything has no row: such rows would use
    /// up the room that is kept for what runs, and after that grow in memory for as long as clients come.
    fn has_row(&self) -> bool {
        !self.account.attempts().is_empty() || self.opening.app.spool.gauge(0).accepting
    }

    fn note(&mut self, written: StoreResult<Ticket>) {
        match written {
            Ok(ticket) => self.written = Some(ticket),
            Err(error) => {
                let id = self.opening.id;
                tracing::error!(request.id = %id, error = %error, "the row of request {id} is not written yet; its reservation stands");
            }
        }
    }

    fn count(&self, closing: &Closing<'_>, settlement: &Settlement, ended: Instant) {
        if !self.opening.is_probe {
            self.count_request(closing, ended);
        }
        for (place, cost) in settlement.attempt_costs.iter().enumerate() {
            let side =
                self.account.attempts().get(place).and_then(|held| self.opening.snapshot.model(held.target.model));
            if let Some((side, metered)) = side.zip(closing.attempts.get(place).and_then(|attempt| attempt.metered)) {
                let handles = &side.metrics;
                handles.input.inc_by(metered.usage.input);
                handles.cached_input.inc_by(metered.usage.cached_input);
                handles.output.inc_by(metered.usage.output);
                handles.reasoning.inc_by(metered.usage.reasoning);
                handles.cost.inc_by(cost.as_usd_f64());
            }
        }
    }

    fn count_request(&self, closing: &Closing<'_>, ended: Instant) {
        let metrics = &self.opening.app.metrics;
        let snapshot = &self.opening.snapshot;
        let endpoint = self.opening.endpoint;
        let group = self.group.and_then(|group| snapshot.group(group));
        let find = || {
            let group = group.map_or_else(|| Name("".into()), |group| group.name.name.clone());
            let labels = RequestLabels { endpoint: endpoint.as_str(), group, status: closing.status.as_str() };
            metrics.requests.get_or_create_owned(&labels)
        };
        if closing.status == Status::Completed {
            let completed = group.map_or(&snapshot.ungrouped, |group| &group.completed);
            completed.with(endpoint, find, |counter| {
                counter.inc();
            });
        } else {
            find().inc();
        }
        metrics.took(endpoint, ended.saturating_duration_since(self.opening.now.instant).as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        metrics.overhead.observe(self.record.overhead_us as f64 / 1e6);
    }
}

impl Drop for Book {
    /// Nobody closed the books: the client left before its request had its turn, or the request's task panicked.
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        if std::thread::panicking() || !self.account.attempts().is_empty() {
            self.fail();
        } else {
            let status = Status::ClientClosed;
            self.settle(&Closing { status, error: None, attempts: &[], bytes_out: 0, upstream_us: 0 });
        }
        if self.has_row() {
            let written = self.opening.app.spool.settle(&self.record);
            self.note(written);
        }
    }
}

fn named_postings(app: &App, delta: &LedgerDelta) -> Vec<LedgerEntry> {
    let entry = |posting: &router_core::budget::Posting| {
        let (kind, id) = app.ledger.describe(posting.scope)?;
        Some(LedgerEntry {
            scope_kind: kind.as_str().to_owned(),
            scope_id: id.to_string(),
            period: posting.period.to_string(),
            amount_nano: delta.spent.0,
        })
    };
    delta.postings.iter().filter_map(entry).collect()
}

/// A client's text with at most so many characters.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(beginning(&text, most).len());
    text
}

/// The first characters of a client's text, `most` of them.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    let behind = text.char_indices().nth(most);
    behind.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

fn same_place(a: &LedgerEntry, b: &LedgerEntry) -> bool {
    a.scope_kind == b.scope_kind && a.scope_id == b.scope_id && a.period == b.period
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_text_is_cut_by_characters() {
        for (text, most, kept) in [("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "abc"), ("äöü€", 3, "äöü"), ("ä", 0, "")]
        {
            assert_eq!(beginning(text, most), kept, "{text}");
        }
    }
}
