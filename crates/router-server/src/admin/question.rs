//! A request to be explained rather than sent: from a model's name, and a body or none, to an explained decision.
//! The admin API asks it of the running router, the command line of a configuration.

use router_core::ask::{Ask, Endpoint};
use router_core::catalog::{KeyIx, Snapshot};
use router_core::fault::{ERROR_CODES, ErrorCode};
use router_core::ids::hash64;
use router_core::money::Nano;
use router_core::routing::{Explanation, Live, Moment, NotFound, decide, resolve, strategy};
use router_wire::dialects::{DIALECTS, RequestError, Route};
use serde_json::{Map, Value, json};

use crate::http::error::shown;

/// What stands in a question beside the fields of a request.
pub const OWN_FIELDS: [&str; 7] = ["body", "key", "endpoint", "strategy", "max_cost", "tags", "session"];

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// What routing would be told.
    pub ask: Ask,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unanswered {
    /// The request itself would be refused.
    #[error("{message}")]
    Refused {
        /// As the client would get it.
        code: ErrorCode,
        /// The field at fault.
        field: Option<String>,
        /// For people.
        message: String,
    },
    /// No model or group of that name.
    #[error("{}", not_found(.model, .nearest))]
    NotFound {
        /// As asked for.
        model: String,
        /// Names that look alike.
        nearest: Vec<String>,
    },
}

fn not_found(model: &str, nearest: &[String]) -> String {
    let shown = shown(model);
    match nearest {
        [] => format!("There is no model or group `{shown}`."),
        names => format!("There is no model or group `{shown}`. Did you mean {}?", names.join(", ")),
    }
}

impl From<RequestError> for Unanswered {
    fn from(error: RequestError) -> Self {
        let known = ERROR_CODES.iter().find(|rule| rule.name == error.code);
        let code = known.map_or(ErrorCode::InvalidValue, |rule| rule.code);
        Self::Refused { code, field: error.param, message: error.message }
    }
}

fn invalid(field: &str, allowed: impl std::fmt::Display) -> Unanswered {
    Unanswered::Refused {
        code: ErrorCode::InvalidValue,
        field: Some(field.to_owned()),
        message: format!("Invalid value for `{field}`: {allowed}."),
    }
}

impl Question {
    /// Reads a question: `{"model", "body"?}`, or the fields of a request themselves; beside them `endpoint`,
    /// `strategy`, `max_cost`, `tags`, `session`, with the meaning of the headers of that name. A request without
    /// content gets a short one.
    ///
    /// # Errors
    /// What a client would be refused for.
    pub fn read(mut asked: Map<String, Value>) -> Result<Self, Unanswered> {
        let mut own: Map<String, Value> = Map::new();
        for field in OWN_FIELDS {
            own.extend(asked.shift_remove(field).map(|value| (field.to_owned(), value)));
        }
        let endpoint = endpoint(own.get("endpoint"))?;
        let request = match own.shift_remove("body") {
            None | Some(Value::Null) => asked,
            Some(Value::Object(mut body)) => {
                body.extend(asked.shift_remove("model").map(|model| ("model".to_owned(), model)));
                if let Some(field) = asked.keys().next() {
                    return Err(invalid(field, "it stands beside `body`, where it would count for nothing"));
                }
                body
            }
            Some(_) => return Err(invalid("body", "an object, as a client would send it")),
        };
        let mut question = Self::of_request(endpoint, request)?;
        question.headers(&own)?;
        Ok(question)
    }

    /// The question of a request body.
    ///
    /// # Errors
    /// What a client would be refused for.
    pub fn of_request(endpoint: Endpoint, mut request: Map<String, Value>) -> Result<Self, Unanswered> {
        if endpoint == Endpoint::Messages && !request.contains_key("messages") {
            request.entry("max_tokens").or_insert(json!(1_000));
        }
        let (field, content) = match endpoint {
            Endpoint::Completions => ("prompt", json!("What is the time?")),
            Endpoint::ChatCompletions | Endpoint::Messages | Endpoint::Estimate => {
                ("messages", json!([{ "role": "user", "content": "What is the time?" }]))
            }
            // Either dialect that counts may be asked; without content it is Anthropic's.
            Endpoint::CountTokens if !request.contains_key("input") => {
                ("messages", json!([{ "role": "user", "content": "What is the time?" }]))
            }
            Endpoint::Rerank => {
                request.entry("documents").or_insert(json!(["It is noon."]));
                ("query", json!("What is the time?"))
            }
            Endpoint::ImageGenerations | Endpoint::ImageEdits => ("prompt", json!("A clock")),
            Endpoint::GenerateContent => ("contents", json!([{ "parts": [{ "text": "What is the time?" }] }])),
            _ => ("input", json!("What is the time?")),
        };
        request.entry(field).or_insert(content);
        let body = Value::Object(request).to_string();
        Self::of_body(endpoint, body.as_bytes())
    }

    /// The question of a body as a client would send it.
    ///
    /// # Errors
    /// What a client would be refused for.
    pub fn of_body(endpoint: Endpoint, body: &[u8]) -> Result<Self, Unanswered> {
        // Where several dialects serve it, it is of the one that can read it.
        let mut read = Err(invalid("endpoint", "no dialect serves it"));
        for dialect in DIALECTS.iter().filter(|dialect| dialect.serves(endpoint)) {
            read = (dialect.read)(&Route::fixed(endpoint), body).map_err(Unanswered::from);
            if read.is_ok() {
                break;
            }
        }
        let mut intake = read?;
        intake.ask.session = intake.cache_key.as_deref().map(|session| hash64(session.as_bytes()));
        Ok(Self { ask: intake.ask })
    }

    fn headers(&mut self, own: &Map<String, Value>) -> Result<(), Unanswered> {
        let ask = &mut self.ask;
        if let Some(name) = own.get("strategy").filter(|value| !value.is_null()) {
            let name = name.as_str().ok_or_else(|| invalid("strategy", "a name"))?;
            strategy(name).map_err(|unknown| invalid("strategy", unknown))?;
            ask.strategy = Some(name.to_owned());
        }
        if let Some(amount) = own.get("max_cost").filter(|value| !value.is_null()) {
            let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            let cost = text.parse::<Nano>().ok().filter(|cost| *cost >= Nano::ZERO);
            ask.max_cost = Some(cost.ok_or_else(|| invalid("max_cost", "an amount in USD such as 0.05"))?);
        }
        if let Some(tags) = own.get("tags").filter(|value| !value.is_null()) {
            let wrong = || invalid("tags", "a list of tags, or a text with commas");
            let tags: Vec<String> = match tags {
                Value::String(text) => text.split(',').map(str::to_owned).collect(),
                Value::Array(list) => list
                    .iter()
                    .map(|tag| tag.as_str().map(str::to_owned).ok_or_else(wrong))
                    .collect::<Result<_, _>>()?,
                _ => return Err(wrong()),
            };
            ask.tags = tags.iter().map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()).collect();
        }
        if let Some(session) = own.get("session").and_then(Value::as_str) {
            ask.session = Some(hash64(session.as_bytes()));
        }
        Ok(())
    }

    /// The decision, explained. Where candidates take turns, the turn is the first: explaining uses none up.
    ///
    /// # Errors
    /// [`Unanswered::NotFound`] for a name that is nothing, or nothing to that key.
    pub fn answer(
        &self,
        snapshot: &Snapshot,
        key: Option<KeyIx>,
        live: &impl Live,
        now_ms: u64,
    ) -> Result<Explanation, Unanswered> {
        let target = resolve(snapshot, key, &self.ask.model).map_err(|NotFound { nearest }| Unanswered::NotFound {
            model: self.ask.model.clone(),
            nearest: nearest.iter().map(ToString::to_string).collect(),
        })?;
        let moment = Moment { now_ms, seed: now_ms, sequence: 0 };
        Ok(decide(snapshot, &target, &self.ask, live, moment).explain(snapshot))
    }
}

fn endpoint(value: Option<&Value>) -> Result<Endpoint, Unanswered> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Endpoint::ChatCompletions) };
    let named = Endpoint::ALL.iter().find(|endpoint| Some(endpoint.as_str()) == value.as_str());
    named.copied().ok_or_else(|| {
        let known: Vec<&str> = Endpoint::ALL.iter().map(|endpoint| endpoint.as_str()).collect();
        invalid("endpoint", format_args!("one of {}", known.join(", ")))
    })
}
