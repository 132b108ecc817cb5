//! Headers of answers: the request id, and what the router did.

use std::time::Instant;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use router_core::ids::{RequestId, is_client_request_id};
use router_core::limits::{Rates, Room};
use router_core::money::Nano;

use crate::clock::Now;
use crate::lasting::visible;
use crate::snapshot::{ChannelSide, GroupSide, ModelSide};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const DROPPED: HeaderName = HeaderName::from_static("x-router-dropped");
const CHANNEL: HeaderName = HeaderName::from_static("x-router-channel");
const PROVIDER: HeaderName = HeaderName::from_static("x-router-provider");
const MODEL: HeaderName = HeaderName::from_static("x-router-model");
const GROUP: HeaderName = HeaderName::from_static("x-router-group");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-router-attempts");
pub(super) const COST: HeaderName = HeaderName::from_static("x-router-cost");
const OVERHEAD: HeaderName = HeaderName::from_static("x-router-overhead-us");
const REPLAY_OF: HeaderName = HeaderName::from_static("x-router-replay-of");
const REQUEST_RATES: [&str; 3] =
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const TOKEN_RATES: [&str; 3] = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

/// The ids of a request.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// Ours.
    pub(crate) ours: RequestId,
    /// The client's, if it sent one that may be kept.
    pub(crate) clients: Option<String>,
    shown: HeaderValue,
}

impl Ids {
    /// A new id of ours, and the client's own.
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let ours = RequestId::from_bytes(uuid::Uuid::now_v7().into_bytes());
        let clients = headers.get(X_REQUEST_ID).filter(|v| v.to_str().is_ok_and(is_client_request_id));
        let shown = clients.cloned().or_else(|| HeaderValue::from_str(&ours.to_string()).ok());
        Self {
            ours,
            clients: clients.and_then(|value| value.to_str().ok()).map(str::to_owned),
            shown: shown.unwrap_or(HeaderValue::from_static("")),
        }
    }

    /// The id that the client sees.
    pub(crate) fn shown(&self) -> &str {
        self.shown.to_str().unwrap_or_default()
    }

    /// Writes the id that the client sees, under OpenAI's name and Anthropic's.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.shown.clone());
        headers.insert(X_REQUEST_ID, self.shown.clone());
    }
}

/// What an answer says of its way.
pub(crate) struct Way<'a> {
    pub(crate) channel: &'a ChannelSide,
    pub(crate) model: &'a ModelSide,
    pub(crate) group: Option<&'a GroupSide>,
    pub(crate) attempts: usize,
    pub(crate) overhead_us: u64,
    pub(crate) cost: Option<Nano>,
}

impl Way<'_> {
    /// Writes the routing headers.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        headers.insert(CHANNEL, self.channel.name.header.clone());
        headers.insert(PROVIDER, self.channel.provider.header.clone());
        headers.insert(MODEL, self.model.upstream.clone());
        if let Some(group) = self.group {
            headers.insert(GROUP, group.name.header.clone());
        }
        headers.insert(ATTEMPTS, HeaderValue::from(self.attempts));
        headers.insert(OVERHEAD, HeaderValue::from(self.overhead_us));
        if let Some(cost) = self.cost.and_then(|cost| HeaderValue::from_str(&cost.to_string()).ok()) {
            headers.insert(COST, cost);
        }
    }
}

/// Names the parameters that the provider did not get.
pub(crate) fn stamp_dropped(headers: &mut HeaderMap, dropped: &[String]) {
    if dropped.is_empty() {
        return;
    }
    // A client's own words: what cannot stand in a header becomes `?`, and a list without end is cut.
    let listed: String = dropped.join(", ").chars().take(1_000).collect();
    if let Ok(value) = HeaderValue::from_str(&visible(&listed)) {
        headers.insert(DROPPED, value);
    }
}

/// Writes how many attempts a failed request took.
pub(crate) fn stamp_attempts(headers: &mut HeaderMap, attempts: usize) {
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
}

/// Writes what is left of the client key's limits, in OpenAI's form.
pub(crate) fn stamp_rates(headers: &mut HeaderMap, rates: &Rates) {
    let mut room = |room: Option<Room>, names: [&'static str; 3]| {
        let Some(room) = room else { return };
        let [limit, remaining, reset] = names.map(HeaderName::from_static);
        headers.insert(limit, HeaderValue::from(room.limit));
        headers.insert(remaining, HeaderValue::from(room.remaining));
        if let Ok(value) = HeaderValue::from_str(&duration(room.reset_ms)) {
            headers.insert(reset, value);
        }
    };
    room(rates.requests, REQUEST_RATES);
    room(rates.tokens, TOKEN_RATES);
}

/// Makes the headers of a request's answer those of a twin: it says whose answer it is, costs nothing more, and was counted by no limit.
pub(crate) fn stamp_replay(headers: &mut HeaderMap, first: &str) {
    for name in REQUEST_RATES.into_iter().chain(TOKEN_RATES) {
        headers.remove(name);
    }
    if headers.contains_key(COST) {
        headers.insert(COST, HeaderValue::from_static("0"));
    }
    if let Ok(first) = HeaderValue::from_str(first) {
        headers.insert(REPLAY_OF, first);
    }
}

/// A time as OpenAI writes it: `20ms`, `1s`, `6m0s`.
fn duration(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms}ms"),
        1_000..=59_999 => format!("{}s", ms.div_ceil(1_000)),
        _ => format!("{}m{}s", ms.div_ceil(1_000) / 60, ms.div_ceil(1_000) % 60),
    }
}

/// Microseconds that the router itself took, of a request that waited `upstream_us` for providers.
pub(crate) fn overhead_us(arrived: Now, upstream_us: u64) -> u64 {
    let all = u64::try_from(Instant::now().duration_since(arrived.instant).as_micros()).unwrap_or(u64::MAX);
    all.saturating_sub(upstream_us)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_look_like_openais() {
        for (ms, text) in [(0, "0ms"), (20, "20ms"), (1_000, "1s"), (1_001, "2s"), (60_000, "1m0s"), (360_000, "6m0s")]
        {
            assert_eq!(duration(ms), text);
        }
    }
}
