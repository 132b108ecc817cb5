//! Actions on a channel: `test` asks its provider a question that costs nothing, `reset` forgets what keeps it away.

use std::time::Duration;

use axum::response::Response;
use router_core::fault::FaultKind;
use serde_json::json;

use super::call::{self, Call};
use super::channels;
use super::problem::Problem;
use super::route::{Access, Answers, Route, Verb};
use crate::listing::Ask;

/// Routes of actions.
pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Post,
        path: "/admin/v1/channels/{id}/test",
        access: Access::Admin,
        summary: "Ask the channel's provider for its list of models, which costs nothing: is it there, does it take the key?",
        query: &[],
        body: None,
        answers: Answers::One("ChannelTest"),
        handler: |call| Box::pin(test(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/admin/v1/channels/{id}/reset",
        access: Access::Admin,
        summary: "Close the channel's breakers and end its cooldowns, of its models and keys too: it is as if nothing had failed",
        query: &[],
        body: None,
        answers: Answers::One("Channel"),
        handler: |call| Box::pin(reset(call)),
    },
];

/// For the answer to a test.
const PATIENCE: Duration = Duration::from_secs(10);
/// All that a test may tell: nobody finds out with it what answers at an address.
pub(super) const RESULTS: [&str; 7] =
    ["ok", "dns_error", "refused", "tls_error", "timeout", "bad_status", "egress_denied"];

async fn test(call: Call) -> Result<Response, Problem> {
    let snapshot = call.control.app.snapshot.load_full();
    let (_, channel, side) = channels::find(&snapshot, &call)?;
    let ask = Ask { upstream: &call.control.upstream, channel, side, now_ms: call.now.unix_ms };
    let found = ask.look(PATIENCE).await;
    Ok(call::json(
        &json!({ "channel": &*channel.name, "result": found.map_or_else(|fault| result(fault.kind), |()| "ok") }),
    ))
}

/// The word for what went wrong.
const fn result(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Dns => "dns_error",
        FaultKind::Connect => "refused",
        FaultKind::Tls => "tls_error",
        FaultKind::EgressDenied => "egress_denied",
        FaultKind::ConnectTimeout | FaultKind::FirstByteTimeout | FaultKind::IdleTimeout | FaultKind::TotalTimeout => {
            "timeout"
        }
        _ => "bad_status",
    }
}

async fn reset(call: Call) -> Result<Response, Problem> {
    let snapshot = call.control.app.snapshot.load_full();
    let (ix, channel, _) = channels::find(&snapshot, &call)?;
    snapshot.world.reset(&snapshot.core, ix);
    tracing::info!(channel = %channel.name, "the channel `{}` was reset: breakers closed, cooldowns ended", channel.name);
    channels::get(call).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use router_core::fault::RULES;

    #[test]
    fn every_fault_has_one_of_the_words() {
        for rule in RULES {
            assert!(RESULTS.contains(&result(rule.kind)), "{}", rule.class);
        }
    }
}
