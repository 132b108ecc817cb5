//! What a client may get of a case, by the harm that was done.

use router_testkit::clients::{Said, Stop, events};
use router_testkit::hostile::Harm;
use serde_json::Value;

use super::cases::{Case, GOOD, TEXT};
use super::secrets::Secrets;
use crate::support::Reply;

type Verdict = Result<(), String>;

/// Headers that come from the router; `x-router-…` and `x-ratelimit-…` beside them.
const OURS: &[&str] = &[
    "content-type",
    "content-length",
    "transfer-encoding",
    "date",
    "cache-control",
    "x-accel-buffering",
    "x-request-id",
    "request-id",
    "x-should-retry",
    "retry-after",
];

/// Judges a reply.
pub(super) fn verdict(case: &Case, secrets: &Secrets, reply: &Reply) -> Verdict {
    holds_no_secret(secrets, reply)?;
    check(reply.is_complete(), reply, "the body is not what its framing promises")?;
    match (case.harm(), case.paired) {
        (Harm::None, _) => answered_by(case, reply, &case.channel()),
        (Harm::Early, true) => answered_by(case, reply, GOOD),
        (Harm::Early, false) => refused(case, reply),
        (Harm::Late, _) => broken_off(case, reply),
        (Harm::Unsure, true) if reply.status() != 200 => Err(told(reply, "an error beside a healthy channel")),
        (Harm::Unsure, _) if reply.status() != 200 => refused(case, reply),
        (Harm::Unsure, _) if !case.stream || is_ended(case, reply) => Ok(()),
        (Harm::Unsure, _) => broken_off(case, reply),
    }
}

/// Judges a reply beside a healthy channel, where the line to the other one fails anywhere: a whole answer, or, once content has come, the
/// beginning of one that says that it is broken.
pub(super) fn whole_or_broken_off(case: &Case, secrets: &Secrets, reply: &Reply) -> Verdict {
    holds_no_secret(secrets, reply)?;
    check(reply.is_complete(), reply, "the body is not what its framing promises")?;
    let channel = if reply.header("x-router-channel") == GOOD { GOOD.to_owned() } else { case.channel() };
    match answered_by(case, reply, &channel) {
        Err(_) if case.stream => broken_off(case, reply),
        verdict => verdict,
    }
}

/// A whole answer of that channel, as if nothing had been.
fn answered_by(case: &Case, reply: &Reply, channel: &str) -> Verdict {
    check(reply.status() == 200, reply, "no answer")?;
    check(reply.header("x-router-channel") == channel, reply, "not the channel that should have answered")?;
    let said = said(case, reply);
    check(said.text == format!("Simulated answer to: {TEXT}"), reply, "not what was said")?;
    check(said.stop == Stop::End && (!case.stream || is_ended(case, reply)), reply, "no proper end")
}

/// An error before any content: its status, and the shape of the client's dialect.
fn refused(case: &Case, reply: &Reply) -> Verdict {
    check(matches!(reply.status(), 429 | 502..=504), reply, "not the error of a failed provider")?;
    check(!reply.header("x-router-error").is_empty(), reply, "no x-router-error")?;
    check(reply.header("x-should-retry") == "true", reply, "another try may help")?;
    check(
        is_error(case, &serde_json::from_slice(reply.body()).unwrap_or_default()),
        reply,
        "not an error of the dialect",
    )
}

/// A stream that began well and ends with an error event, without the normal end.
fn broken_off(case: &Case, reply: &Reply) -> Verdict {
    check(reply.status() == 200, reply, "content had come")?;
    let said = said(case, reply);
    let whole = format!("Simulated answer to: {TEXT}");
    let begun = !said.text.is_empty() && (whole.starts_with(&said.text) || case.subject.name == "content");
    check(begun, reply, "not the beginning of the answer")?;
    check(!is_ended(case, reply), reply, "a normal end behind a broken answer")?;
    check(events(&reply.text()).last().is_some_and(|last| is_error(case, last)), reply, "no error event at the end")
}

fn said(case: &Case, reply: &Reply) -> Said {
    match case.stream {
        true => (case.client.gather)(&events(&reply.text())),
        false => serde_json::from_slice(reply.body()).map(|answer| (case.client.read)(&answer)).unwrap_or_default(),
    }
}

/// Whether a stream has the normal end of its dialect.
fn is_ended(case: &Case, reply: &Reply) -> bool {
    let text = reply.text();
    match case.client.name {
        "openai_chat" => text.contains("[DONE]"),
        "openai_responses" => text.contains("response.completed"),
        "anthropic" => text.contains("message_stop"),
        "gemini" => text.contains("finishReason"),
        other => panic!("{other}: how does a stream of it end?"),
    }
}

/// Whether this is an error in the shape of the client's dialect: the body, or the last event of a stream.
fn is_error(case: &Case, value: &Value) -> bool {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    match case.client.name {
        "openai_chat" => text("/error/message") && text("/error/type") && text("/error/code"),
        "openai_responses" => {
            let body = text("/error/message") && text("/error/type") && text("/error/code");
            body || (value["type"] == "error" && text("/message"))
                || (value["type"] == "response.failed" && text("/response/error/message"))
        }
        "anthropic" => value["type"] == "error" && text("/error/type") && text("/error/message"),
        "gemini" => value["error"]["code"].is_u64() && text("/error/message") && text("/error/status"),
        other => panic!("{other}: what does an error of it look like?"),
    }
}

/// O1: nothing of the provider's own: no secret, no words of its failures, no header but ours.
fn holds_no_secret(secrets: &Secrets, reply: &Reply) -> Verdict {
    let all = format!("{:?} {}", reply.headers(), reply.text());
    check(secrets.found_in(&all).is_none(), reply, "the client sees a secret")?;
    for word in ["simulated failure", "Simulated page", "simulated-provider"] {
        check(!all.contains(word), reply, &format!("the client sees `{word}`"))?;
    }
    let ours = |name: &str| OURS.contains(&name) || name.starts_with("x-router-") || name.starts_with("x-ratelimit-");
    match reply.headers().iter().find(|(name, _)| !ours(&name.to_ascii_lowercase())) {
        Some((name, _)) => Err(told(reply, &format!("the header `{name}` is not ours"))),
        None => Ok(()),
    }
}

fn check(holds: bool, reply: &Reply, otherwise: &str) -> Verdict {
    if holds { Ok(()) } else { Err(told(reply, otherwise)) }
}

fn told(reply: &Reply, what: &str) -> String {
    let text: String = reply.text().chars().take(600).collect();
    let (channel, code) = (reply.header("x-router-channel"), reply.header("x-router-error"));
    format!(
        "{what}: status {}, channel `{channel}`, code `{code}`, complete {}: {text}",
        reply.status(),
        reply.is_complete()
    )
}
