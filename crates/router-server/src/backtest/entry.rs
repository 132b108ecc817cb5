//! From a row of the log to what a backtest reads.

use std::sync::Arc;

use router_core::ask::Endpoint;
use router_core::backtest::{Entry, Tried, TriedEnd, Unchanged, Unsent};
use router_core::fault::NotSent;
use router_core::ids::{RequestId, hash64};
use router_core::money::Nano;
use router_core::request::Status;
use router_core::routing::{Asked, Seen};
use router_core::usage::Usage;
use router_store::{AttemptRecord, RequestRecord, RequestStatus, TokenCounts};

use crate::relay::PROBE_FLAG;

/// The entry of a row, with what of the tested configuration is as it was then.
pub(super) fn of(row: &RequestRecord, unchanged: Option<Arc<Unchanged>>) -> Entry {
    let endpoint = Endpoint::ALL.iter().find(|endpoint| endpoint.as_str() == row.endpoint);
    let asked = row.decision.as_deref().zip(endpoint);
    let asked = asked.and_then(|(text, endpoint)| Asked::read(text, *endpoint, &row.model, row.stream).ok());
    let first = asked.as_ref().and_then(|asked| asked.first.as_ref());
    let fault = |attempt: &AttemptRecord| attempt.detail.as_deref().and_then(NotSent::parse).map(NotSent::fault);
    let sent = row.attempts.iter().filter(|attempt| fault(attempt).is_none());
    let without = row.attempts.iter().enumerate().filter_map(|(place, attempt)| {
        Some(Unsent {
            place,
            provider_key: attempt.provider_key_id.as_deref().map(Arc::from),
            channel: Arc::from(&*attempt.channel),
            upstream_model: Arc::from(&*attempt.upstream_model),
            fault: fault(attempt)?,
        })
    });
    let unfit = row.flags.iter().filter_map(|flag| flag.strip_prefix("passed_over:")?.split(':').next());
    Entry {
        at_ms: unsigned(row.created_at),
        seed: RequestId::parse(&row.id).map_or_else(|| hash64(row.id.as_bytes()), |id| id.seed()),
        sequence: asked.as_ref().map(|asked| asked.sequence),
        key: Arc::from(&*row.key_id),
        group: row.group.as_deref().map(Arc::from),
        chosen: first.map(|(channel, model)| (Arc::from(channel.as_str()), Arc::from(model.as_str()))),
        pinned: asked.as_ref().filter(|asked| asked.is_pinned).and_then(|_| Some(Arc::from(first?.0.as_str()))),
        ask: asked.map(|asked| asked.ask),
        is_probe: row.flags.iter().any(|flag| flag == PROBE_FLAG),
        no_budget: row.flags.iter().filter_map(|flag| flag.strip_prefix("no_budget:")).map(Arc::from).collect(),
        unfit: unfit.map(Arc::from).collect(),
        attempts: sent.map(|attempt| tried(row, attempt)).collect(),
        unsent: without.collect(),
        seen: match (&unchanged, row.decision.as_deref()) {
            (Some(_), Some(text)) => Seen::read(text, unsigned(row.created_at)),
            _ => Seen::default(),
        },
        unchanged,
        cost: Nano(row.cost_nano),
        took_ms: unsigned(row.latency_ms),
        first_ms: row.ttft_ms.map(unsigned),
        status: match row.status {
            RequestStatus::Completed => Status::Completed,
            RequestStatus::Error => Status::Error,
            RequestStatus::ClientClosed => Status::ClientClosed,
            RequestStatus::Timeout => Status::Timeout,
            RequestStatus::Shutdown | RequestStatus::Interrupted => Status::Shutdown,
        },
    }
}

fn tried(row: &RequestRecord, attempt: &AttemptRecord) -> Tried {
    let since = |at_ms: i64| unsigned(at_ms.saturating_sub(attempt.started_at));
    Tried {
        channel: Arc::from(&*attempt.channel),
        upstream_model: Arc::from(&*attempt.upstream_model),
        provider_key: attempt.provider_key_id.as_deref().map(Arc::from),
        after_ms: unsigned(attempt.started_at.saturating_sub(row.created_at)),
        first_ms: attempt.first_byte_at.map(since),
        took_ms: since(attempt.ended_at),
        end: TriedEnd::named(&attempt.outcome),
        retry_after_ms: attempt.retry_after_ms.map(unsigned),
        until_ms: attempt.away_until.map(unsigned),
        usage: usage(&attempt.tokens),
        cost: Nano(attempt.cost_nano),
    }
}

fn usage(tokens: &TokenCounts) -> Usage {
    Usage {
        input: unsigned(tokens.input),
        cached_input: unsigned(tokens.cached_input),
        cache_write: unsigned(tokens.cache_write),
        output: unsigned(tokens.output),
        reasoning: unsigned(tokens.reasoning),
        ..Usage::default()
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
