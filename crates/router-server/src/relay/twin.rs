//! `idempotency-key`: one call and one charge for all requests that a client key sends under one name (see [`crate::twins`]).
//!
//! The answer of the one that is sent goes onto a tape, from which its own client reads like every other. So it runs to its end
//! whoever leaves: who named a request means to come back for its answer.

use bytes::Bytes;
use http::Response;
use http::header::{HeaderName, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt;
use router_core::ask::Endpoint;
use router_core::fault::ErrorCode;
use router_wire::dialects::openai_work::without_boundary;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::Worker;
use super::admit::Arrival;
use super::headers::stamp_replay;
use super::stream::BUFFERED_FRAMES;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::twins::{Claim, Claimed, Head, Named, Print, Reader};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What becomes of a request.
pub(super) enum Turn {
    /// It is sent; under a name, if it came with one.
    Send(Option<Claim>),
    /// Another one was sent for it, and this is its answer.
    Answered(Response<Body>),
}

/// Finds out whether a request has to be sent; if the same one runs already, waits for its answer. `body` is `None` where not all of
/// it is at hand: then its name is not looked at.
///
/// # Errors
/// Something else was asked under this name.
pub(super) async fn turn(
    worker: &Worker,
    owner: &str,
    arrival: &Arrival<'_>,
    body: Option<&[u8]>,
) -> Result<Turn, ApiError> {
    let name = arrival.parts.headers.get(IDEMPOTENCY_KEY).map(HeaderValue::as_bytes);
    match name.filter(|name| !name.is_empty() && arrival.route.endpoint != Endpoint::Estimate).zip(body) {
        None => Ok(Turn::Send(None)),
        // Boxed: most requests have no name.
        Some((name, body)) => Box::pin(named_turn(worker, owner, name, arrival, body)).await,
    }
}

async fn named_turn(
    worker: &Worker,
    owner: &str,
    name: &[u8],
    arrival: &Arrival<'_>,
    body: &[u8],
) -> Result<Turn, ApiError> {
    let request = arrival.ids.ours.to_string();
    let named = Named { owner, name, print: print(arrival, body), request: &request, now_ms: arrival.now.unix_ms };
    loop {
        match worker.app.twins.claim(&named) {
            Claimed::First(claim) => return Ok(Turn::Send(Some(claim))),
            Claimed::Twin(reader) => {
                let first = reader.request().to_owned();
                // The first one may be refused before it is sent: then the next one is the first.
                let Some(mut response) = play(worker, reader).await else { continue };
                stamp_replay(response.headers_mut(), &first);
                return Ok(Turn::Answered(response));
            }
            Claimed::Mismatch => {
                let message = "Another request was sent under this idempotency-key. Use a new key for a new request, and the same one only to send a request again.";
                return Err(ApiError::new(ErrorCode::IdempotencyMismatch, message));
            }
        }
    }
}

/// A digest of what is asked: where, and the body. Of a form without its boundary, which SDKs draw anew for each try.
fn print(arrival: &Arrival<'_>, body: &[u8]) -> Print {
    let uri = &arrival.parts.uri;
    let mut digest = Sha256::new();
    let pieces = [uri.path().as_bytes(), uri.query().unwrap_or_default().as_bytes()];
    for piece in pieces.into_iter().chain(without_boundary(body)) {
        digest.update(piece.len().to_le_bytes());
        digest.update(piece);
    }
    digest.finalize().into()
}

/// Puts the answer of a request onto the tape as it comes.
pub(super) async fn record(claim: Claim, answer: oneshot::Receiver<Response<Body>>) {
    // Without an answer the task has panicked: whoever waits sends anew.
    let Ok(response) = answer.await else { return };
    let (parts, mut body) = response.into_parts();
    let whole = body.size_hint().exact().is_some();
    claim.begin(Head { parts, whole });
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else { continue };
        if !claim.push(bytes).await {
            // Too large to be kept, and all have left: what is still to come is cancelled.
            return;
        }
    }
    claim.finish();
}

/// The answer for one client. `None`: its request was given up before there was one.
pub(super) async fn play(worker: &Worker, mut reader: Reader) -> Option<Response<Body>> {
    let Head { parts, whole } = reader.head().await?;
    let body = if whole {
        Body::from(reader.next().await.unwrap_or_default())
    } else {
        let (sender, receiver) = mpsc::channel::<Bytes>(BUFFERED_FRAMES);
        worker.tasks.spawn(async move {
            while let Some(frame) = reader.next().await {
                if sender.send(frame).await.is_err() {
                    return;
                }
            }
        });
        Body::stream(receiver)
    };
    Some(Response::from_parts(parts, body))
}
