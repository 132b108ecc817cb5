//! What is written down of a request: its reservation before the first attempt, its terminal row in the end.

use std::borrow::Cow;
use std::time::Instant;

use router_core::budget::ScopeBudget;
use router_core::request::{AttemptRecord, Outcome, Status, answering};
use router_core::settle::Settlement;
use router_core::usage::Usage;
use router_store::{BudgetScope, RequestStatus, TokenCounts, TokensSource};

use super::{Book, Closing, signed};

impl Book {
    pub(super) fn fill(&mut self, closing: &Closing<'_>, settlement: &Settlement, ended: Instant) {
        let now = self.opening.now;
        let latency_ms = now.ms_until(ended);
        let attempts = closing.attempts.iter().enumerate();
        let attempts: Vec<_> = attempts.map(|(place, attempt)| self.attempt_row(place, attempt, settlement)).collect();
        let reserved = self.account.reserved().0;
        let record = &mut self.record;
        record.status = status_of(closing.status);
        record.error_code = closing.error.map(|(code, _)| code.name().into());
        record.error_class =
            closing.error.map(|(_, class)| class.into()).filter(|class: &Cow<'_, str>| !class.is_empty());
        record.tokens = counts(&settlement.answer.usage);
        record.tokens_source = match settlement.answer.source {
            router_core::usage::UsageSource::Reported => TokensSource::Reported,
            router_core::usage::UsageSource::Counted => TokensSource::Counted,
            router_core::usage::UsageSource::Estimated => TokensSource::Estimated,
        };
        record.cost_nano = settlement.cost.0;
        record.reserved_nano = reserved;
        record.latency_ms = signed(latency_ms);
        let whole_us = u64::try_from(ended.saturating_duration_since(now.instant).as_micros()).unwrap_or(u64::MAX);
        record.overhead_us = signed(whole_us.saturating_sub(closing.upstream_us));
        record.bytes_out = i64::try_from(closing.bytes_out).unwrap_or(i64::MAX);
        let answering = answering(closing.attempts);
        if let Some((answer, row)) = answering.and_then(|at| closing.attempts.get(at).zip(attempts.get(at))) {
            record.channel = Some(row.channel.clone());
            record.provider = Some(row.provider.clone());
            record.upstream_model = Some(row.upstream_model.clone());
            record.ttft_ms = answer.first_byte_ms.filter(|_| answer.relayed).map(signed);
            record.throughput_tps = throughput(answer, settlement.answer.usage.output, latency_ms);
        }
        if !settlement.answer.usage.service.is_standard() {
            record.flags.push(format!("service_tier:{}", settlement.answer.usage.service.as_str()));
        }
        if settlement.odd_usage {
            record.flags.push("odd_usage".to_owned());
        }
        if settlement.unpriced {
            record.flags.push("unpriced".to_owned());
        }
        record.attempts = attempts;
    }

    fn attempt_row(
        &self,
        place: usize,
        attempt: &AttemptRecord,
        settlement: &Settlement,
    ) -> router_store::AttemptRecord {
        let snapshot = &self.opening.snapshot;
        let target = self.account.attempts().get(place).map(|held| &held.target);
        let model = target.and_then(|target| snapshot.model(target.model));
        let channel = target.and_then(|target| snapshot.channel(snapshot.core.model(target.model)?.channel));
        let key = target.zip(channel).and_then(|(target, channel)| channel.keys.get(target.key));
        let at = |ms: u64| signed(self.opening.now.unix_ms.saturating_add(ms));
        let fault = match &attempt.outcome {
            Outcome::Failed(fault) => Some(fault),
            _ => None,
        };
        let status = match &attempt.outcome {
            Outcome::Completed => Some(200),
            _ => fault.and_then(|fault| fault.status).map(i64::from),
        };
        router_store::AttemptRecord {
            n: i64::try_from(place).unwrap_or(i64::MAX).saturating_add(1),
            channel: channel.map_or("", |channel| channel.name.text).into(),
            provider: channel.map_or("", |channel| channel.provider.text).into(),
            upstream_model: model.map_or("", |model| model.upstream_name).into(),
            provider_key_id: key.map(|key| key.id.into()),
            started_at: at(attempt.started_ms),
            first_byte_at: attempt.first_byte_ms.map(at),
            ended_at: at(attempt.ended_ms.unwrap_or(attempt.started_ms)),
            outcome: attempt.outcome.as_str().into(),
            status,
            upstream_request_id: None,
            tokens: attempt.metered.map(|metered| counts(&metered.usage)).unwrap_or_default(),
            cost_nano: settlement.attempt_costs.get(place).map_or(0, |cost| cost.0),
            retry_after_ms: fault.and_then(|fault| fault.retry_after_ms).map(signed),
            away_until: fault.and_then(|fault| fault.until_ms).map(signed),
            detail: fault.map(|fault| fault.detail.clone()).filter(|detail| !detail.is_empty()),
        }
    }

    /// What is held now, by all attempts that may still cost something.
    pub(super) fn reservation_record(&self) -> router_store::Reservation<'_> {
        let record = &self.record;
        let last = self
            .account
            .attempts()
            .last()
            .and_then(|held| self.opening.snapshot.core.model_and_channel(held.target.model));
        let mut scopes: Vec<ScopeBudget> = Vec::new();
        for scope in self.account.attempts().iter().flat_map(|held| &held.scopes) {
            if !scopes.contains(scope) {
                scopes.push(*scope);
            }
        }
        router_store::Reservation {
            request_id: (&record.id).into(),
            at_ms: record.created_at,
            amount_nano: self.account.reserved().0,
            scopes: self.named(&scopes),
            client_request_id: record.client_request_id.as_deref().map(Into::into),
            key_id: (&*record.key_id).into(),
            key_name: (&*record.key_name).into(),
            endpoint: (&*record.endpoint).into(),
            dialect: (&*record.dialect).into(),
            model: (&record.model).into(),
            group: record.group.as_deref().map(Into::into),
            channel: last.map(|(_, channel)| (&*channel.name).into()),
            stream: record.stream,
            config_version: record.config_version,
        }
    }

    fn named(&self, scopes: &[ScopeBudget]) -> Vec<BudgetScope> {
        let named = |budget: &ScopeBudget| {
            let (kind, id) = self.opening.app.ledger.describe(budget.scope)?;
            let window =
                router_core::budget::Window::at(budget.period, &self.opening.snapshot.zone, self.opening.now.unix_ms);
            Some(BudgetScope {
                scope_kind: kind.as_str().to_owned(),
                scope_id: id.to_string(),
                period: window.id.to_string(),
            })
        };
        scopes.iter().filter_map(named).collect()
    }
}

/// Output tokens per second after the first content of a stream; too short a stream says nothing.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn throughput(last: &AttemptRecord, output: u64, latency_ms: u64) -> Option<f64> {
    let streamed = latency_ms.saturating_sub(last.first_byte_ms.filter(|_| last.relayed)?);
    (output > 1 && streamed >= 10).then(|| output as f64 * 1_000.0 / streamed as f64)
}

const fn status_of(status: Status) -> RequestStatus {
    match status {
        Status::Completed => RequestStatus::Completed,
        Status::Error => RequestStatus::Error,
        Status::ClientClosed => RequestStatus::ClientClosed,
        Status::Timeout => RequestStatus::Timeout,
        Status::Shutdown => RequestStatus::Shutdown,
    }
}

fn counts(usage: &Usage) -> TokenCounts {
    TokenCounts {
        input: signed(usage.input),
        cached_input: signed(usage.cached_input),
        cache_write: signed(usage.cache_write.saturating_add(usage.cache_write_1h)),
        output: signed(usage.output),
        reasoning: signed(usage.reasoning),
    }
}
