//! What a client says about routing beside its body: headers, and the session that its request belongs to.

use http::{HeaderMap, HeaderName};
use router_core::fault::ErrorCode;
use router_core::ids::hash64;
use router_core::money::Nano;
use router_core::request::Metered;
use router_core::routing::strategy;
use router_core::session::LEAST_TOKENS;
use router_core::world::Target;
use router_wire::dialects::{Intake, conversation};

use super::admit::Job;
use crate::http::error::ApiError;

/// Headers that name a session, ours first, then those of agents.
const SESSIONS: [&str; 5] =
    ["x-router-session", "x-session-affinity", "x-session-id", "session-id", "x-claude-code-session-id"];

/// What headers say beside the ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Controls {
    /// The request's whole time.
    pub(super) total_ms: u64,
    /// The answer is to tell how it came about.
    pub(super) explain: bool,
}

/// Adds what headers say to the ask.
///
/// # Errors
/// A 400 that names the header and says what is allowed.
pub(super) fn read(intake: &mut Intake, headers: &HeaderMap, body: &[u8], total_ms: u64) -> Result<Controls, ApiError> {
    let ask = &mut intake.ask;
    // Most requests have none of ours, and every look into the map takes a hash.
    let ours = headers.keys().any(|name| name.as_str().starts_with("x-router-"));
    let text = |name| if ours { text(headers, name) } else { Ok(None) };
    if let Some(name) = text("x-router-strategy")? {
        strategy(name).map_err(|unknown| invalid("x-router-strategy", &unknown.to_string()))?;
        ask.strategy = Some(name.to_owned());
    }
    if let Some(amount) = text("x-router-max-cost")? {
        let cost = amount.parse::<Nano>().ok().filter(|cost| *cost >= Nano::ZERO);
        ask.max_cost =
            Some(cost.ok_or_else(|| invalid("x-router-max-cost", "it must be an amount in USD such as 0.05"))?);
    }
    if let Some(tags) = text("x-router-tags")? {
        ask.tags = tags.split(',').map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()).collect();
        if ask.tags.iter().any(|tag| tag == "!") {
            return Err(invalid(
                "x-router-tags",
                "it must be tags with commas between them, `!` before those to avoid",
            ));
        }
    }
    let named = session(headers).or(intake.cache_key.as_deref().map(str::as_bytes)).map(hash64);
    // Below that nobody caches, so there is nothing to stay for.
    let long = ask.input_tokens >= LEAST_TOKENS;
    ask.session = named.or_else(|| if long { conversation(body, &intake.scan) } else { None });
    let total_ms = match text("x-router-timeout-ms")? {
        None => total_ms,
        Some(ms) => {
            let ms = ms.parse::<u64>().ok().filter(|ms| *ms > 0);
            let wrong = || invalid("x-router-timeout-ms", "it must be a number of milliseconds above 0");
            ms.ok_or_else(wrong)?.min(total_ms)
        }
    };
    let explain = match text("x-router-explain")? {
        None | Some("0" | "false") => false,
        Some("1" | "true") => true,
        Some(_) => return Err(invalid("x-router-explain", "it must be 1 or 0")),
    };
    Ok(Controls { total_ms, explain })
}

/// The best of the headers that name a session.
fn session(headers: &HeaderMap) -> Option<&[u8]> {
    let place = |name: &HeaderName| SESSIONS.iter().position(|session| *session == name.as_str());
    let named = headers.iter().filter_map(|(name, value)| Some((place(name)?, value.as_bytes())));
    named.min_by_key(|(place, _)| *place).map(|(_, value)| value)
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    let text = headers.get(name).map(|value| value.to_str().map(str::trim));
    text.transpose().map_err(|_| invalid(name, "it must be visible ASCII characters"))
}

fn invalid(name: &'static str, allowed: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidValue, format!("Invalid value for `{name}`: {allowed}.")).param(name)
}

impl Job {
    /// Remembers where the session's prompt is cached now.
    pub(super) fn remember(&self, target: &Target, metered: &Metered, now_ms: u64) {
        let Some(session) = self.session else { return };
        let (snapshot, sessions) = (&self.snapshot, &self.worker.app.sessions);
        session.remember(sessions, &snapshot.world, &snapshot.core, target, metered, now_ms);
    }
}
