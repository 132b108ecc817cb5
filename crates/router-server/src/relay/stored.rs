//! Answers that a provider keeps: read, deleted, cancelled and listed under the id that it gave them, at the channel and with
//! the key that made them. Such a call costs nothing, tries nobody else and has no row; metrics count it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, Uri};
use http_body_util::BodyExt;
use router_core::ask::Endpoint;
use router_core::catalog::KeyIx;
use router_core::fault::{ErrorCode, Fault};
use router_core::request::{Status, final_error};
use router_wire::adapters::Call;
use router_wire::dialects::openai_responses;

use super::Worker;
use super::admit::within_limits;
use super::answer::MAX_ANSWER;
use super::attempt::MAX_ERROR_BODY;
use super::pinned;
use super::stream::BUFFERED_FRAMES;
use crate::clock::Now;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::snapshot::{ChannelSide, ServerSnapshot};
use crate::telemetry::metrics::{EndpointLabel, Name, RequestLabels};
use crate::upstream::{UpstreamBody, UpstreamRequest, collect, is_events};

/// What of a client's query goes to the provider.
const QUERY: &[&str] = &[
    "include",
    "include[]",
    "include%5B%5D",
    "limit",
    "order",
    "after",
    "starting_after",
    "stream",
    "include_obfuscation",
];
/// A call for an answer that a provider keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The provider's id.
    id: String,
    /// What of it.
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Itself,
    Cancel,
    InputItems,
}

impl Stored {
    /// The call at what follows `/responses/`; `None` if nothing is there.
    #[must_use]
    pub fn at(rest: &str) -> Option<Self> {
        let (id, part) = match rest.split_once('/') {
            None => (rest, Part::Itself),
            Some((id, "cancel")) => (id, Part::Cancel),
            Some((id, "input_items")) => (id, Part::InputItems),
            Some(_) => return None,
        };
        // It becomes a piece of the provider's path.
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        ((1..=128).contains(&id.len()) && id.bytes().all(sane)).then(|| Self { id: id.to_owned(), part })
    }

    /// Whether that may be done with it.
    #[must_use]
    pub fn allows(&self, method: &Method) -> bool {
        match self.part {
            Part::Itself => matches!(*method, Method::GET | Method::DELETE),
            Part::Cancel => *method == Method::POST,
            Part::InputItems => *method == Method::GET,
        }
    }
}

/// The endpoint of such calls, in metrics.
const ENDPOINT: &str = "stored_responses";

/// Answers such a call, and counts it.
///
/// # Errors
/// The refusal, or how the provider failed.
pub async fn stored(
    worker: &Worker,
    snapshot: &ServerSnapshot,
    key: Option<KeyIx>,
    call: &Stored,
    method: Method,
    query: &str,
) -> Result<Response<Body>, ApiError> {
    let began = Instant::now();
    let answered = answer(worker, snapshot, key, call, method, query).await;
    let status = if answered.is_ok() { Status::Completed } else { Status::Error };
    let (metrics, group) = (&worker.app.metrics, Name("".into()));
    metrics.requests.get_or_create_owned(&RequestLabels { endpoint: ENDPOINT, group, status: status.as_str() }).inc();
    let label = EndpointLabel { endpoint: ENDPOINT };
    metrics.request_duration.get_or_create_owned(&label).observe(began.elapsed().as_secs_f64());
    answered
}

async fn answer(
    worker: &Worker,
    snapshot: &ServerSnapshot,
    key: Option<KeyIx>,
    call: &Stored,
    method: Method,
    query: &str,
) -> Result<Response<Body>, ApiError> {
    let (app, now) = (&worker.app, Now::read());
    // Counted as a request, like any other.
    drop(within_limits(snapshot, key, 0, now)?);
    let keeper = app.kept.find(pinned::owner(snapshot, key), &call.id, now.unix_ms);
    let keeper = keeper.ok_or_else(|| unknown(&call.id))?;
    let place = pinned::at(snapshot, &keeper).map_err(|gone| {
        ApiError::new(ErrorCode::NotFound, format!("The answer `{}` cannot be reached any more: {gone}.", call.id))
    })?;
    let channel = snapshot.channel(place.channel).ok_or_else(|| unknown(&call.id))?;
    let key = channel.keys.get(usize::from(place.key)).ok_or_else(|| unknown(&call.id))?;
    let uri = address(channel, call, query).ok_or_else(|| unknown(&call.id))?;
    let mut headers = key.headers.to_map(false);
    headers.insert(crate::http::HOP_HEADER, snapshot.settings.instance.clone());
    let request = UpstreamRequest { method, uri, headers, body: Bytes::new(), rest: None };
    let patience = Duration::from_millis(snapshot.world.rules.total_ms);
    let asked = ask(worker, channel, request, now);
    let mut response = tokio::time::timeout(patience, asked)
        .await
        .unwrap_or_else(|_| Err(ApiError::new(ErrorCode::UpstreamTimeout, "The provider did not answer in time.")))?;
    response.headers_mut().insert("x-router-channel", channel.name.header.clone());
    response.headers_mut().insert("x-router-provider", channel.provider.header.clone());
    Ok(response)
}

fn unknown(id: &str) -> ApiError {
    let message = format!(
        "No answer `{id}` is kept for this key: it was made with another key, or more than 30 days ago, or by a provider that keeps nothing."
    );
    ApiError::new(ErrorCode::NotFound, message)
}

/// The provider's address of it.
fn address(channel: &ChannelSide, call: &Stored, query: &str) -> Option<Uri> {
    let dialect = openai_responses::DIALECT.name;
    if channel.preset.spoken(dialect) != dialect {
        return None;
    }
    let made = Call { dialect, endpoint: Endpoint::Responses, model: "", stream: false, method: None };
    let responses = channel.address(&made)?;
    let part = match call.part {
        Part::Itself => "",
        Part::Cancel => "/cancel",
        Part::InputItems => "/input_items",
    };
    let known = |pair: &&str| QUERY.contains(&pair.split('=').next().unwrap_or_default());
    let pairs: Vec<&str> = responses.query().into_iter().chain(query.split('&').filter(known)).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    let path = format!("{}/{}{part}{mark}{}", responses.path(), call.id, pairs.join("&"));
    let mut parts = responses.into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

async fn ask(
    worker: &Worker,
    channel: &ChannelSide,
    request: UpstreamRequest,
    now: Now,
) -> Result<Response<Body>, ApiError> {
    let answer = worker.upstream.send(request).await.map_err(|fault| failed(&fault))?;
    let (head, body) = answer.into_parts();
    if !head.status.is_success() {
        let said = collect(body, MAX_ERROR_BODY).await.unwrap_or_default();
        if head.status.as_u16() == 404 {
            return Err(ApiError::new(ErrorCode::NotFound, "The provider does not keep this answer any more."));
        }
        let fault = channel.adapter.classify(head.status.as_u16(), &head.headers, &said, now.unix_ms);
        return Err(failed(&fault));
    }
    let kind = head.headers.get(CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("application/json"));
    let body = if is_events(&head.headers) {
        relayed(worker, body)
    } else {
        collect(body, MAX_ANSWER).await.map_err(|fault| failed(&fault))?.into()
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// Hands the provider's bytes on as they come, until either side leaves. What breaks off here breaks off there.
fn relayed(worker: &Worker, mut body: UpstreamBody) -> Body {
    let (frames, answer) = Body::relay(BUFFERED_FRAMES);
    let abort = worker.abort.clone();
    worker.tasks.spawn(async move {
        let pass = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return frames.break_off(Bytes::new()) };
                if let Ok(data) = frame.into_data()
                    && frames.sender.send(data).await.is_err()
                {
                    return;
                }
            }
        };
        tokio::select! {
            () = pass => {}
            () = frames.sender.closed() => {}
            () = abort.cancelled() => frames.break_off(Bytes::new()),
        }
    });
    answer
}

fn failed(fault: &Fault) -> ApiError {
    let error = final_error(std::iter::once(fault));
    let answer = ApiError::new(error.code, format!("The provider failed ({}).", error.class));
    match &error.client_error {
        Some(said) => answer.in_provider_words(said),
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_a_path_is_asked_for() {
        let at = |rest| Stored::at(rest).map(|call| (call.id, call.part));
        assert_eq!(at("resp_1"), Some(("resp_1".to_owned(), Part::Itself)));
        assert_eq!(at("resp-1/cancel"), Some(("resp-1".to_owned(), Part::Cancel)));
        assert_eq!(at("resp_1/input_items"), Some(("resp_1".to_owned(), Part::InputItems)));
        for odd in ["", "/cancel", "resp_1/", "resp_1/delete", "..", "a%2fb", "a b", "é", &"x".repeat(129)] {
            assert_eq!(at(odd), None, "{odd}");
        }
        for (rest, methods) in [("r", "GET DELETE"), ("r/cancel", "POST"), ("r/input_items", "GET")] {
            for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
                let allowed = methods.split(' ').any(|known| known == method.as_str());
                assert_eq!(Stored::at(rest).unwrap().allows(&method), allowed, "{method} {rest}");
            }
        }
    }
}
