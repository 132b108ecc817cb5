//! One connection: read a request, record it, choose its script, carry out the plan, again.

use super::Shared;
use crate::answers::{Dialect, Failure};
use crate::http1::{Framing, Head, Link};
use crate::plan::{Ask, End, Part, Plan, plan};
use crate::record::Received;
use crate::script::Script;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Serves a connection until it ends or the provider stops.
pub(super) async fn serve(link: Link, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let (number, ticket) = shared.recorder.connection();
    tokio::select! {
        // Every end of a connection is normal here: clients leave, scripts cut.
        _ = converse(link, &shared, number) => {}
        _ = stopped.changed() => {}
    }
    drop(ticket);
}

async fn converse(mut link: Link, shared: &Shared, connection: u64) -> io::Result<()> {
    while let Some((head, body)) = read_request(&mut link).await? {
        let (received, ticket) = shared.recorder.request(|sequence| received(sequence, connection, head, body));
        let plan = planned(shared, &received);
        let end = carry_out(&mut link, plan).await?;
        if end == End::Hang {
            link.gone().await;
            return Ok(());
        }
        ticket.completed();
        match end {
            End::KeepAlive => {}
            End::Reset => {
                link.reset();
                return Ok(());
            }
            End::Close | End::Hang | End::Endless(_) => return Ok(()),
        }
    }
    Ok(())
}

async fn read_request(link: &mut Link) -> io::Result<Option<(Head, bytes::Bytes)>> {
    let Some(bytes) = link.read_head().await? else {
        return Ok(None);
    };
    let head = Head::parse(&bytes);
    if head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        link.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let (body, complete) = link.read_body(Framing::of_head(&bytes, Framing::Length(0))).await?;
    if complete { Ok(Some((head, body))) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn received(sequence: u64, connection: u64, head: Head, body: bytes::Bytes) -> Received {
    let (method, target) = head.method_and_target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    Received { sequence, connection, at: Instant::now(), method, path, query, head, body }
}

/// The plan for a request: a refusal for a wrong key, else what the rules say.
fn planned(shared: &Shared, received: &Received) -> Plan {
    let script = {
        let mut setup = shared.setup();
        let welcome =
            setup.keys.is_empty() || received.key().is_some_and(|key| setup.keys.iter().any(|known| known == key));
        if welcome { setup.rules.choose(received).unwrap_or_default() } else { Arc::new(wrong_key(received)) }
    };
    plan(&script, &Ask::new(received), &shared.voice)
}

/// A wrong key, in the words of the dialect; Gemini calls it a bad request.
fn wrong_key(received: &Received) -> Script {
    let dialect = received.dialect();
    let (status, message) = match dialect {
        Dialect::Gemini => (400, "API key not valid. Please pass a valid API key."),
        Dialect::Messages => (401, "invalid x-api-key"),
        _ => (401, "Incorrect API key provided."),
    };
    let failure = Failure::new(status, "invalid_request_error", Some("invalid_api_key"), message);
    Script::json(status, &failure.body(dialect))
}

/// Sends the parts with their pauses; an error means that the client went away.
async fn carry_out(link: &mut Link, plan: Plan) -> io::Result<End> {
    let mut last = Bytes::new();
    for part in plan.parts {
        match part {
            Part::Pause(duration) => link.pause(duration).await?,
            Part::Bytes(bytes) => {
                link.send(&bytes).await?;
                last = bytes;
            }
        }
    }
    if let End::Endless(pause) = plan.end {
        loop {
            link.pause(pause).await?;
            link.send(&last).await?;
        }
    }
    Ok(plan.end)
}
