//! A permitted request, as handlers get it, and the small things that handlers need.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use router_core::catalog::spec::Role;
use router_core::fault::ErrorCode;
use serde_json::{Map, Value};

use super::Control;
use super::problem::Problem;
use crate::clock::Now;

/// Rows of a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// Who calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Id of the client key.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// What it may do.
    pub(super) role: Role,
}

/// A request whose caller and parameters are known to be permitted.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) control: Control,
    /// `None` only on public routes.
    pub(super) caller: Option<Caller>,
    pub(super) params: Vec<(String, String)>,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) now: Now,
}

impl Call {
    /// The present in the database's form.
    pub(super) fn now_ms(&self) -> i64 {
        i64::try_from(self.now.unix_ms).unwrap_or(i64::MAX)
    }

    /// A parameter of the path. One that no id of ours looks like finds nothing.
    pub(super) fn param(&self, name: &str) -> &str {
        let value = self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
        if value.len() <= 200 && !value.chars().any(char::is_control) { value } else { "" }
    }

    /// The one key to whose rows the caller is bound; `None` where it may see all.
    pub(super) fn bound_to(&self) -> Option<&str> {
        match &self.caller {
            Some(caller) if caller.role == Role::User => Some(&caller.id),
            Some(_) => None,
            None => Some(""),
        }
    }

    /// The body as a JSON object; a key that stands twice is refused.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Problem> {
        let broken = |error: &dyn std::fmt::Display| {
            Problem::new(ErrorCode::InvalidJson, format!("The body must be a JSON object: {error}."))
        };
        let object: Object = serde_json::from_slice(&self.body).map_err(|error| broken(&error))?;
        Ok(object.0)
    }
}

/// A map that refuses to hold a key twice.
struct Object(Map<String, Value>);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
                let mut map = Map::new();
                while let Some((key, value)) = access.next_entry::<String, Value>()? {
                    if map.contains_key(&key) {
                        return Err(serde::de::Error::custom("a key stands twice"));
                    }
                    map.insert(key, value);
                }
                Ok(Object(map))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The parameters of a URL.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a parameter.
    pub(super) fn add(&mut self, name: String, value: String) -> Result<(), Problem> {
        if self.get(&name).is_some() {
            return Err(Problem::invalid(&name, "it stands twice"));
        }
        if value.chars().count() > 500 || value.chars().any(char::is_control) {
            return Err(Problem::invalid(&name, "at most 500 characters, none of them a control character"));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// A parameter as text.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same, owned.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Rows of a page.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        match self.get("limit").map(str::parse::<usize>) {
            None => Ok(PAGE),
            Some(Ok(limit)) if (1..=LARGEST_PAGE).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::invalid("limit", format_args!("a whole number from 1 to {LARGEST_PAGE}"))),
        }
    }

    /// One of some words.
    pub(super) fn word<'a>(&'a self, name: &str, allowed: &[&str]) -> Result<Option<&'a str>, Problem> {
        match self.get(name) {
            Some(word) if !allowed.contains(&word) => Err(Problem::invalid(name, one_of(allowed))),
            word => Ok(word),
        }
    }

    /// A moment as Unix milliseconds: RFC 3339, a date (UTC), or milliseconds.
    pub(super) fn moment(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let moment = moment_ms(text).or_else(|| text.parse().ok());
        moment.map(Some).ok_or_else(|| Problem::invalid(name, "a moment such as 2027-01-31T00:00:00Z, or a date"))
    }
}

/// `one of a, b`.
pub(super) fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}

/// RFC 3339 or a date (UTC) as Unix milliseconds.
pub(crate) fn moment_ms(text: &str) -> Option<i64> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| day().map(|zoned| zoned.timestamp()))?;
    Some(moment.as_millisecond())
}

/// Unix milliseconds as RFC 3339; null for what is outside of the calendar.
pub(crate) fn moment_text(ms: i64) -> Value {
    jiff::Timestamp::from_millisecond(ms).map_or(Value::Null, |moment| moment.to_string().into())
}

/// A JSON answer.
pub(super) fn json(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A page of rows.
pub(super) fn page(rows: Vec<Value>, next_cursor: Option<String>) -> Response {
    json(&serde_json::json!({ "data": rows, "next_cursor": next_cursor }))
}
