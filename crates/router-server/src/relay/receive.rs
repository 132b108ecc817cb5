//! Who asks, and what arrives: key, address, body. What is refused here has no row: strangers must not fill the disk.

use std::net::{IpAddr, SocketAddr};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use hyper::body::Incoming;
use router_core::ask::Endpoint;
use router_core::catalog::KeyIx;
use router_core::fault::ErrorCode;

use super::Worker;
use super::admit::Arrival;
use super::form::{self, Form};
use crate::clock::Now;
use crate::http::auth::{Presented, presented, query_key};
use crate::http::error::{ApiError, invalid_api_key, missing_api_key, shutting_down};
use crate::http::intake::{self, BodyError, BodyLimits};
use crate::snapshot::ServerSnapshot;
use crate::telemetry::metrics::ReasonLabel;

/// After so long a body must have come at its least rate.
const BODY_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A client key.
    Key(KeyIx),
    /// Nobody, which `auth.required: false` allows.
    Anonymous,
}

impl Identity {
    /// The key, if there is one.
    pub(crate) const fn key(self) -> Option<KeyIx> {
        match self {
            Self::Key(key) => Some(key),
            Self::Anonymous => None,
        }
    }
}

/// Who asks, and the body: whole, or as much of a large form as is held.
///
/// # Errors
/// The refusal of a request of which too little is known for a row.
pub(super) async fn receive(
    worker: &Worker,
    snapshot: &ServerSnapshot,
    arrival: &Arrival<'_>,
    body: Incoming,
) -> Result<(Identity, Form), ApiError> {
    let app = &worker.app;
    if app.is_stopping() {
        return Err(shutting_down());
    }
    if arrival.parts.headers.get_all(crate::http::HOP_HEADER).iter().any(|hop| hop == snapshot.settings.instance) {
        return Err(ApiError::new(ErrorCode::LoopDetected, "A channel of this router points back at this router."));
    }
    let identity = authenticate(snapshot, arrival.parts, arrival.peer, arrival.now)?;
    let form = is_form(arrival.parts, arrival.route.endpoint)?;
    let settings = &snapshot.settings;
    let limits =
        BodyLimits { max_bytes: settings.max_request_bytes, total: settings.body_timeout, patience: BODY_PATIENCE };
    let read = if form {
        form::receive(body, limits, &app.bodies).await
    } else {
        intake::read(body, limits, &app.bodies).await.map(|(bytes, memory)| Form { bytes, memory, rest: None })
    };
    let read = read.map_err(|error| {
        if error == BodyError::NoMemory {
            app.metrics.shed.get_or_create_owned(&ReasonLabel { reason: "body_memory" }).inc();
        }
        body_error(error, &limits)
    });
    Ok((identity, read?))
}

/// Finds the client key of a request and checks that it may be used now and from here.
pub(crate) fn authenticate(
    snapshot: &ServerSnapshot,
    parts: &Parts,
    peer: SocketAddr,
    now: Now,
) -> Result<Identity, ApiError> {
    let address = client_address(snapshot, parts, peer);
    let allowed = |networks: &[ipnet::IpNet]| networks.is_empty() || networks.iter().any(|net| net.contains(&address));
    let denied = || ApiError::new(ErrorCode::IpNotAllowed, "This address may not use the router.");
    if !allowed(&snapshot.settings.ip_allow) {
        return Err(denied());
    }
    let text = match presented(&parts.headers, query_key(&parts.uri)) {
        Presented::Key(text) => text,
        Presented::Nothing if !snapshot.settings.auth_required => return Ok(Identity::Anonymous),
        Presented::Nothing => return Err(missing_api_key()),
        Presented::Malformed => return Err(invalid_api_key()),
        Presented::Ambiguous => {
            let message = "The request carries two different API keys. Send one.";
            return Err(ApiError::new(ErrorCode::AmbiguousCredentials, message));
        }
    };
    let digest: [u8; 32] = sha256(text);
    let ix = snapshot.core.key_by_hash(&digest).ok_or_else(invalid_api_key)?;
    let key = snapshot.core.key(ix).filter(|key| key.enabled).ok_or_else(invalid_api_key)?;
    if key.expires_at_ms.is_some_and(|end| end <= now.unix_ms) {
        return Err(ApiError::new(ErrorCode::KeyExpired, "The API key has expired. Ask for a new one."));
    }
    if !snapshot.key(ix).is_some_and(|side| allowed(&side.ip_allow)) {
        return Err(denied());
    }
    Ok(Identity::Key(ix))
}

fn sha256(text: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).into()
}

/// The client's address: the peer's, or, behind a trusted proxy, the right-most hop that is not trusted.
fn client_address(snapshot: &ServerSnapshot, parts: &Parts, peer: SocketAddr) -> IpAddr {
    let trusted = |address: &IpAddr| snapshot.settings.trusted_proxies.iter().any(|net| net.contains(address));
    let peer = peer.ip().to_canonical();
    if !trusted(&peer) {
        return peer;
    }
    let hops = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
        client = address.to_canonical();
        if !trusted(&client) {
            return client;
        }
    }
    client
}

/// Whether the body is a form; else it has to be JSON.
fn is_form(parts: &Parts, endpoint: Endpoint) -> Result<bool, ApiError> {
    let unsupported = |message: &'static str| Err(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    if parts.headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return unsupported("Compressed request bodies are not read. Send the body without Content-Encoding.");
    }
    let media = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let json = media.eq_ignore_ascii_case("application/json") || media.to_ascii_lowercase().ends_with("+json");
    let form = matches!(endpoint, Endpoint::ImageEdits | Endpoint::Transcriptions | Endpoint::Translations)
        && media.eq_ignore_ascii_case("multipart/form-data");
    if json || form { Ok(form) } else { unsupported("The body must be JSON: send `Content-Type: application/json`.") }
}

fn body_error(error: BodyError, limits: &BodyLimits) -> ApiError {
    match error {
        BodyError::TooLarge => {
            let message = format!("The body is larger than {} bytes, the limit of this router.", limits.max_bytes);
            ApiError::new(ErrorCode::RequestTooLarge, message)
        }
        BodyError::NoMemory => {
            let message = "The router holds too many large requests at the moment.";
            ApiError::new(ErrorCode::Overloaded, message).retry_after_ms(Some(1_000))
        }
        BodyError::TooSlow => ApiError::new(ErrorCode::RequestTimeout, "The body came too slowly."),
        BodyError::Broken => ApiError::new(ErrorCode::InvalidJson, "The body ended before it was complete."),
    }
}
