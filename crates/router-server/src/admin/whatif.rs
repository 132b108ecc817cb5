//! `requests/{id}/whatif`: a stored decision, computed again with something changed.

use std::collections::BTreeMap;

use axum::response::Response;
use router_core::fault::ErrorCode;
use router_core::ids::RequestId;
use router_core::routing::{Change, Explanation, NotRecomputable, Recorded};
use serde_json::{Map, Value, json};

use super::call::{self, Call};
use super::problem::Problem;
use super::question::Question;
use super::route::{Access, Answers, Route, Verb};

/// Routes of decisions that might have been.
pub(super) const ROUTES: &[Route] = &[Route {
    verb: Verb::Post,
    path: "/admin/v1/requests/{id}/whatif",
    access: Access::Own,
    summary: "Compute a request's routing decision again with other weights, another strategy, other prices or without a channel",
    query: &[],
    body: Some("WhatIf"),
    answers: Answers::One("WhatIfAnswer"),
    handler: |call| Box::pin(whatif(call)),
}];

const FIELDS: [&str; 4] = ["weights", "strategy", "prices", "without"];

async fn whatif(call: Call) -> Result<Response, Problem> {
    let id = call.param("id");
    let store = &call.control.app.store;
    let record = store.request(id, call.bound_to()).await?.ok_or_else(|| Problem::not_found("request"))?;
    let text = store.request_decision(id, call.bound_to()).await?.flatten();
    let text = text.ok_or_else(|| Problem::invalid("id", "nothing was decided for this request"))?;
    let change = change(&call.object()?)?;
    let recorded = Recorded::parse(&text).map_err(refused)?;
    // Only another strategy can look at what was not stored.
    let today = change.strategy.as_ref().and_then(|strategy| today(&call, &record.model, strategy));
    let value = |channel: &str, model: &str, field: &str| value_of(today.as_ref()?, channel, model, field);
    let seed = RequestId::parse(id).map_or(0, |id| id.seed());
    let again = recorded.recompute(seed, &change, &value).map_err(refused)?;
    let answer = serde_json::to_value(&again).map_err(|error| {
        tracing::error!(%error, "a decision cannot be written");
        Problem::new(ErrorCode::InternalError, "The decision cannot be written.")
    })?;
    let mut answer = match answer {
        Value::Object(answer) => answer,
        _ => Map::new(),
    };
    answer.insert("id".to_owned(), json!(id));
    Ok(call::json(&Value::Object(answer)))
}

fn change(asked: &Map<String, Value>) -> Result<Change, Problem> {
    if let Some(field) = asked.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(Problem::invalid(field, format_args!("there is no such field; allowed: {}", FIELDS.join(", "))));
    }
    let given = |field: &str| asked.get(field).filter(|value| !value.is_null());
    let strategy = given("strategy")
        .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| Problem::invalid("strategy", "a name")))
        .transpose()?;
    let without = given("without").map_or(Ok(Vec::new()), |value| {
        serde_json::from_value(value.clone())
            .map_err(|_| Problem::invalid("without", "a list of CHANNEL or CHANNEL/MODEL"))
    })?;
    let weights = numbers("weights", given("weights"), "an object of layers and their weights")?;
    let prices = numbers("prices", given("prices"), "an object of CHANNEL or CHANNEL/MODEL and factors")?;
    Ok(Change { weights, strategy, prices, without })
}

fn numbers(field: &str, value: Option<&Value>, allowed: &str) -> Result<BTreeMap<String, f64>, Problem> {
    let read = |value: &Value| serde_json::from_value(value.clone()).map_err(|_| Problem::invalid(field, allowed));
    value.map_or(Ok(BTreeMap::new()), read)
}

/// The same model, asked for now with another strategy.
fn today(call: &Call, model: &str, strategy: &str) -> Option<Explanation> {
    let asked = [("model", json!(model)), ("strategy", json!(strategy))];
    let question = Question::read(asked.map(|(field, value)| (field.to_owned(), value)).into_iter().collect()).ok()?;
    let snapshot = call.control.app.snapshot.load_full();
    let view = snapshot.world.view(&snapshot.core, call.now.unix_ms, question.ask.tokens());
    question.answer(&snapshot.core, None, &view, call.now.unix_ms).ok()
}

fn value_of(today: &Explanation, channel: &str, model: &str, field: &str) -> Option<f64> {
    let candidate = today.candidates.iter().find(|known| known.channel == channel && known.model == model)?;
    candidate.factors.iter().find(|factor| factor.name == field)?.value
}

fn refused(error: NotRecomputable) -> Problem {
    match error {
        NotRecomputable::Change { field, message } => Problem::invalid(field, message),
        other => Problem::invalid("id", other),
    }
}
