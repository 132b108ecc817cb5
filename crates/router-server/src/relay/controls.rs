//! What a client says about routing beside its body: headers, and the session that its request belongs to.

use http::HeaderMap;
use router_core::ask::Ask;
use router_core::catalog::{KeyIx, ModelIx, Snapshot};
use router_core::fault::ErrorCode;
use router_core::ids::hash64;
use router_core::money::Nano;
use router_core::request::Metered;
use router_core::routing::{Held, strategy};
use router_core::session::{CACHE_MS, LEAST_TOKENS, LONG_CACHE_MS, Place, Sessions, expected_tokens, session_key};
use router_wire::dialects::{Intake, conversation};

use super::admit::Job;
use super::book::Target;
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

/// The session of a running request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    key: u64,
    /// Where its prompt is expected to be cached.
    pub(super) held: Option<(ModelIx, u16)>,
}

/// Adds what headers say to the ask.
///
/// # Errors
/// A 400 that names the header and says what is allowed.
pub(super) fn read(intake: &mut Intake, headers: &HeaderMap, body: &[u8], total_ms: u64) -> Result<Controls, ApiError> {
    let ask = &mut intake.ask;
    if let Some(name) = text(headers, "x-router-strategy")? {
        strategy(name).map_err(|unknown| invalid("x-router-strategy", &unknown.to_string()))?;
        ask.strategy = Some(name.to_owned());
    }
    if let Some(amount) = text(headers, "x-router-max-cost")? {
        let cost = amount.parse::<Nano>().ok().filter(|cost| *cost >= Nano::ZERO);
        ask.max_cost =
            Some(cost.ok_or_else(|| invalid("x-router-max-cost", "it must be an amount in USD such as 0.05"))?);
    }
    if let Some(tags) = text(headers, "x-router-tags")? {
        ask.tags = tags.split(',').map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()).collect();
        if ask.tags.iter().any(|tag| tag == "!") {
            return Err(invalid(
                "x-router-tags",
                "it must be tags with commas between them, `!` before those to avoid",
            ));
        }
    }
    let named = SESSIONS.iter().find_map(|name| headers.get(*name)).map(http::HeaderValue::as_bytes);
    let named = named.or(intake.cache_key.as_deref().map(str::as_bytes)).map(hash64);
    // Below that nobody caches, so there is nothing to stay for.
    let long = ask.input_tokens >= LEAST_TOKENS;
    ask.session = named.or_else(|| if long { conversation(body, &intake.scan) } else { None });
    let total_ms = match text(headers, "x-router-timeout-ms")? {
        None => total_ms,
        Some(ms) => {
            let ms = ms.parse::<u64>().ok().filter(|ms| *ms > 0);
            let wrong = || invalid("x-router-timeout-ms", "it must be a number of milliseconds above 0");
            ms.ok_or_else(wrong)?.min(total_ms)
        }
    };
    let explain = match text(headers, "x-router-explain")? {
        None | Some("0" | "false") => false,
        Some("1" | "true") => true,
        Some(_) => return Err(invalid("x-router-explain", "it must be 1 or 0")),
    };
    Ok(Controls { total_ms, explain })
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    let text = headers.get(name).map(|value| value.to_str().map(str::trim));
    text.transpose().map_err(|_| invalid(name, "it must be visible ASCII characters"))
}

fn invalid(name: &'static str, allowed: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidValue, format!("Invalid value for `{name}`: {allowed}.")).param(name)
}

/// Finds the session of a request, and tells routing where its prompt is cached.
pub(crate) fn recall(
    sessions: &Sessions,
    core: &Snapshot,
    key: Option<KeyIx>,
    ask: &mut Ask,
    now_ms: u64,
) -> Option<Session> {
    let client = key.and_then(|key| core.key(key)).map_or(0, |key| hash64(key.id.as_bytes()));
    let key = session_key(ask.session?, client, hash64(ask.model.as_bytes()));
    let place = sessions.get(key, now_ms);
    let found = place.and_then(|place| Some((core.model_by_stable_id(place.model)?, place)));
    ask.held = found.map(|(model, place)| Held { model, cached_tokens: place.cached_tokens });
    Some(Session { key, held: found.map(|(model, place)| (model, place.key)) })
}

impl Job {
    /// Remembers where the session's prompt is cached now.
    pub(super) fn remember(&self, target: &Target, metered: Option<&Metered>, now_ms: u64) {
        let (Some(session), Some(metered)) = (self.session, metered) else { return };
        let Some(model) = self.snapshot.core.model(target.model) else { return };
        let by_itself = self.snapshot.channel(model.channel).is_some_and(|side| side.preset.dialect != "anthropic")
            && model.price.as_ref().is_some_and(|price| price.cached_input.is_some());
        let usage = &metered.usage;
        let told = usage.cached_input.saturating_add(usage.cache_write).saturating_add(usage.cache_write_1h);
        let kept_ms = if usage.cache_write_1h > 0 { LONG_CACHE_MS } else { CACHE_MS };
        let place = Place {
            model: model.stable_id,
            key: u16::try_from(target.key).unwrap_or(0),
            cached_tokens: expected_tokens(usage.input, told, by_itself),
            until_ms: now_ms.saturating_add(kept_ms),
        };
        self.worker.app.sessions.put(session.key, place, now_ms);
    }

    /// Puts the provider key that holds the session's cache first, if it is among those that may be tried.
    pub(super) fn held_key_first(&self, model: ModelIx, keys: &mut [u16]) {
        let Some((_, held)) = self.session.and_then(|session| session.held).filter(|(at, _)| *at == model) else {
            return;
        };
        if let Some(place) = keys.iter().position(|key| *key == held) {
            keys.get_mut(..=place).unwrap_or_default().rotate_right(1);
        }
    }
}
