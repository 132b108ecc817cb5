//! State that a provider account keeps: a request that builds on it goes to the channel and the key that made it, and to
//! nobody else.

use router_core::catalog::KeyIx;
use router_core::fault::ErrorCode;
use router_core::world::{Pinned, Target};
use router_wire::dialects::StateId;

use super::admit::Job;
use crate::app::App;
use crate::clock::Now;
use crate::http::error::{ApiError, shown};
use crate::kept::Keeper;
use crate::snapshot::ServerSnapshot;

/// Finds who keeps the state that a request names.
///
/// # Errors
/// The refusal, naming the parameter: nobody is known to keep it for this client key, or who did is there no more. An id that
/// another client key made is refused as one that nobody made.
pub(super) fn find(
    app: &App,
    snapshot: &ServerSnapshot,
    key: Option<KeyIx>,
    state: &StateId,
    now: Now,
) -> Result<Pinned, ApiError> {
    let refuse = |message: String| {
        let error = ApiError::new(ErrorCode::InvalidValue, message).param(state.param);
        // Agents read this code of OpenAI's: they go on with the whole conversation.
        let code = (state.param == "previous_response_id").then(|| "previous_response_not_found".to_owned());
        ApiError { provider_code: code, ..error }
    };
    let id = shown(&state.id);
    let Some(keeper) = app.kept.find(owner(snapshot, key), &state.id, now.unix_ms) else {
        return Err(refuse(format!(
            "`{id}` is not known here: it was made with another key, or more than 30 days ago, or by a provider that keeps nothing. \
             Send the whole conversation instead of `{}`.",
            state.param
        )));
    };
    at(snapshot, &keeper).map_err(|gone| refuse(format!("`{id}` cannot be used any more: {gone}.")))
}

/// The keeper does not serve the model that is asked for.
pub(super) fn other_model(model: &str, state: &StateId) -> ApiError {
    let shown = shown(model);
    let message = format!(
        "The channel that keeps what `{}` names does not serve `{shown}`. Ask for a model of that channel, or send the whole conversation.",
        state.param
    );
    ApiError::new(ErrorCode::InvalidValue, message).param(state.param)
}

/// The keeper in the world of now.
pub(super) fn at(snapshot: &ServerSnapshot, keeper: &Keeper) -> Result<Pinned, String> {
    let name = &keeper.channel;
    let gone = || format!("the channel `{name}`, which keeps it, does not exist any more");
    let channel = snapshot.core.channel_by_name(name).ok_or_else(gone)?;
    if !snapshot.core.channel(channel).is_some_and(|channel| channel.enabled) {
        return Err(format!("the channel `{name}`, which keeps it, is disabled"));
    }
    let keys = snapshot.channel(channel).map(|side| side.keys.as_slice()).unwrap_or_default();
    let key = keys.iter().position(|key| *key.id == *keeper.provider_key).and_then(|key| u16::try_from(key).ok());
    let key = key.ok_or_else(|| format!("the key of the channel `{name}` that keeps it does not exist any more"))?;
    Ok(Pinned { channel, key })
}

/// Whose state it is: the client key's id; where no key is asked for, everybody's.
pub(super) fn owner(snapshot: &ServerSnapshot, key: Option<KeyIx>) -> &str {
    key.and_then(|key| snapshot.core.key(key)).map_or("", |key| &key.id)
}

impl Job {
    /// Notes who keeps these ids, in memory now and in the request's row.
    pub(super) fn keep(&mut self, ids: Vec<String>, target: &Target) {
        let snapshot = &self.snapshot;
        let channel = snapshot.core.model_and_channel(target.model);
        let key = channel.and_then(|(model, _)| snapshot.channel(model.channel)?.keys.get(target.key));
        let Some(((_, channel), key)) = channel.zip(key) else { return };
        let keeper = Keeper { channel: channel.name.clone(), provider_key: key.id.into(), since_ms: self.now.unix_ms };
        self.worker.app.kept.note(owner(snapshot, self.book.key()), &ids, &keeper);
        self.book.keeps(ids);
    }
}
