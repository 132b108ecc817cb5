//! `x-router-explain: 1`: a `router` object in the answer that tells how it came about. In whole answers it is a field of
//! the object, in streams a field of the last event that is one.

use bytes::{BufMut, Bytes, BytesMut};
use router_core::money::Nano;
use router_core::request::{AttemptRecord, answering};
use router_core::routing::ExplainedCandidate;
use serde::Serialize;

use super::admit::Job;

/// Candidates that are told.
const MOST: usize = 64;

#[derive(Serialize)]
struct Router<'a> {
    request_id: &'a str,
    group: Option<String>,
    strategy: &'static str,
    summary: String,
    channel: Option<&'a str>,
    provider: Option<&'a str>,
    model: Option<&'a str>,
    attempts: Vec<Attempt<'a>>,
    /// Candidates in their order, then those that are out.
    considered: Vec<ExplainedCandidate>,
    /// How many there were in all.
    candidates: usize,
    cost_usd: String,
}

#[derive(Serialize)]
struct Attempt<'a> {
    channel: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

/// The object as JSON.
pub(super) fn object(
    job: &Job,
    attempts: &[AttemptRecord],
    served: impl Fn(usize) -> Option<router_core::catalog::ModelIx>,
    cost: Nano,
) -> String {
    let core = &job.snapshot.core;
    let at = |attempt: &AttemptRecord| served(attempt.candidate).and_then(|model| core.model_and_channel(model));
    let explanation = job.decision.explain(core);
    let last = answering(attempts).and_then(|place| attempts.get(place)).and_then(at);
    let told = attempts.iter().map(|attempt| Attempt {
        channel: at(attempt).map_or("", |(_, channel)| &channel.name),
        outcome: attempt.outcome.as_str(),
        fault: match &attempt.outcome {
            router_core::request::Outcome::Failed(fault) => Some(fault.kind.class()),
            _ => None,
        },
    });
    let candidates = explanation.candidates.len();
    let router = Router {
        request_id: &job.shown_id,
        group: explanation.group,
        strategy: explanation.strategy,
        summary: explanation.summary,
        channel: last.map(|(_, channel)| &*channel.name),
        provider: last.map(|(_, channel)| &*channel.provider),
        model: last.map(|(model, _)| &*model.upstream_name),
        attempts: told.collect(),
        considered: explanation.candidates.into_iter().take(MOST).collect(),
        candidates,
        cost_usd: cost.to_string(),
    };
    serde_json::to_string(&router).unwrap_or_else(|_| "null".to_owned())
}

/// The bytes with the object as the last field of the last JSON object in them: of a whole answer, of the last event of a
/// stream, of the last element of a stream that is one array. `None` if there is no object in them.
pub(super) fn inserted(bytes: &Bytes, object: &str) -> Option<Bytes> {
    let end = bytes.iter().rposition(|byte| *byte == b'}')?;
    let (before, after) = bytes.split_at_checked(end)?;
    let empty = before.iter().rev().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mut out = BytesMut::with_capacity(bytes.len() + object.len() + 12);
    out.put_slice(before);
    out.put_slice(if empty { b"\"router\":" } else { b",\"router\":" });
    out.put_slice(object.as_bytes());
    out.put_slice(after);
    Some(out.freeze())
}

/// An event of its own, in dialects that need one for a stream whose last event has gone already.
pub(super) fn late_event(job: &Job, object: &str) -> Option<Bytes> {
    let event = Bytes::from(job.dialect.late_event?(&job.echo(&job.word())));
    inserted(&event, object)
}

#[cfg(test)]
mod tests {
    use super::inserted;
    use bytes::Bytes;

    #[test]
    fn the_object_goes_into_the_last_object() {
        for (before, after) in [
            ("{\"a\":{}}\n", "{\"a\":{},\"router\":1}\n"),
            ("{ }", "{ \"router\":1}"),
            ("data: {\"a\":1}\n\ndata: [DONE]\n\n", "data: {\"a\":1,\"router\":1}\n\ndata: [DONE]\n\n"),
            (",{\"a\":1}]", ",{\"a\":1,\"router\":1}]"),
        ] {
            assert_eq!(inserted(&Bytes::from_static(before.as_bytes()), "1").as_deref(), Some(after.as_bytes()));
        }
        assert_eq!(inserted(&Bytes::from_static(b"data: [DONE]\n\n"), "1"), None);
    }
}
