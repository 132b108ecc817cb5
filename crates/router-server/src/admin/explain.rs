//! `routing/explain`: what would be decided now, with live state, without a call.

use axum::response::Response;
use router_core::catalog::{KeyIx, Snapshot};
use router_core::fault::ErrorCode;
use router_core::world::recall;

use super::call::{self, Call};
use super::problem::Problem;
use super::question::{Question, Unanswered};
use super::route::{Access, Answers, Route, Verb};

/// Routes of routing.
pub(super) const ROUTES: &[Route] = &[Route {
    verb: Verb::Post,
    path: "/admin/v1/routing/explain",
    access: Access::Own,
    summary: "Explain the routing decision for a request, as it would be taken now",
    query: &[],
    body: Some("Question"),
    answers: Answers::One("Explanation"),
    handler: |call| Box::pin(explain(call)),
}];

async fn explain(call: Call) -> Result<Response, Problem> {
    let asked = call.object()?;
    let named = asked.get("key").filter(|value| !value.is_null()).cloned();
    let mut question = Question::read(asked)?;
    let snapshot = call.control.app.snapshot.load_full();
    let key = match (call.bound_to(), &named) {
        (Some(own), None) => Some(find(&snapshot.core, own).ok_or_else(unknown)?),
        (None, None) => None,
        (own, Some(name)) => {
            let name = name.as_str().ok_or_else(|| Problem::invalid("key", "id or name of a client key"))?;
            let found = find(&snapshot.core, name).ok_or_else(unknown)?;
            let id = snapshot.core.key(found).map(|key| &*key.id);
            // A user's key asks for itself; others are to it as if they did not exist.
            if own.is_some() && own != id {
                return Err(unknown());
            }
            Some(found)
        }
    };
    let _ = recall(&call.control.app.sessions, &snapshot.core, key, &mut question.ask, call.now.unix_ms);
    let view = snapshot.world.view(&snapshot.core, call.now.unix_ms, question.ask.tokens());
    let explanation = question.answer(&snapshot.core, key, &view, call.now.unix_ms)?;
    let value = serde_json::to_value(&explanation).map_err(|error| {
        tracing::error!(%error, "an explanation cannot be written");
        Problem::new(ErrorCode::InternalError, "The explanation cannot be written.")
    })?;
    Ok(call::json(&value))
}

fn unknown() -> Problem {
    Problem::not_found("key")
}

fn find(core: &Snapshot, id_or_name: &str) -> Option<KeyIx> {
    let by_id = core.keys().iter().position(|key| &*key.id == id_or_name);
    let place = by_id.or_else(|| core.keys().iter().position(|key| &*key.name == id_or_name))?;
    u32::try_from(place).ok().map(KeyIx)
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        let message = unanswered.to_string();
        match unanswered {
            Unanswered::Refused { code, field, .. } => Self::new(code, message).at(field),
            Unanswered::NotFound { .. } => Self::new(ErrorCode::ModelNotFound, message).at(Some("model".to_owned())),
        }
    }
}
