//! The loop over steps: on the line between the router and a provider the first step fails, then the second, and so on, until a request
//! passes; for each pair of dialects, streamed or not. A step is a connection, a chunk that is read, a piece that is written.

use std::sync::Arc;

use router_testkit::clients::Client;
use router_testkit::hostile::Harm;
use router_testkit::tcp_proxy::Line;
use router_testkit::{SimProvider, TcpProxy};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::books::assert_balanced;
use super::cases::{COOLDOWN, Case, SPOKEN, Spoken, Subject, ground, hostile_channel};
use super::rest::Base;
use super::secrets::Secrets;
use super::verdict::whole_or_broken_off;
use crate::support::eventually;
use crate::world::clients;

/// Lines at a time.
const BUSY: usize = 8;
/// Most bytes of a piece, so that a head has several.
const PIECE: usize = 100;
/// No answer of the simulated provider takes that many.
const MOST_STEPS: u32 = 500;

/// A pair of dialects in one form, with a line of its own.
fn line(spoken: &'static Spoken, client: &'static Client, stream: bool) -> Case {
    let form = if stream { "stream" } else { "whole" };
    // One for each of a few pairs.
    let name: &'static str = Box::leak(format!("steps-{}-{form}", client.name.replace('_', "-")).into_boxed_str());
    let subject = Subject { name, whole: Harm::Unsure, stream: Harm::Unsure, endless: false };
    Case { subject, spoken: spoken.name, client, stream, paired: true }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_step_of_a_line_fails_the_client_gets_a_whole_answer_or_an_error() {
    let (provider, good) = (SimProvider::start().await, SimProvider::start().await);
    let mut setup = ground(&good, &good).system(serde_json::json!({"failover": {"retry_budget": 1.0}}));
    let mut lines = Vec::new();
    for spoken in SPOKEN {
        for (client, stream) in clients().flat_map(|client| [(client, false), (client, true)]) {
            let case = line(spoken, client, stream);
            let proxy = TcpProxy::start(provider.address()).await.expect("a port");
            proxy.set(Line::Pieces(PIECE));
            let url = format!("http://{}{}", proxy.address(), spoken.path);
            setup = hostile_channel(setup, &case.subject, spoken, &url);
            lines.push((case, proxy));
        }
    }
    let router = Arc::new(setup.start().await);
    let (base, secrets) = (Base::of(&router).await, Arc::new(Secrets::new()));
    let (pairs, busy) = (lines.len(), Arc::new(Semaphore::new(BUSY)));
    let mut running = JoinSet::new();
    for (case, proxy) in lines {
        let (busy, secrets, address) = (Arc::clone(&busy), Arc::clone(&secrets), router.address());
        running.spawn(async move {
            let _room = busy.acquire().await.expect("never closed");
            for step in 0..MOST_STEPS {
                proxy.fail_step(step);
                let reply = case.call(address).send().await;
                let verdict = whole_or_broken_off(&case, &secrets, &reply);
                verdict.unwrap_or_else(|what| {
                    let text = reply.text();
                    let end = text.char_indices().rev().nth(1_200).map_or(0, |(at, _)| at);
                    panic!("{}, step {step}: {what} … {}", case.id(), &text[end..])
                });
                if !proxy.has_failed() {
                    assert_eq!(reply.header("x-router-channel"), case.channel(), "nothing failed");
                    return step;
                }
                tokio::time::sleep(2 * COOLDOWN).await;
            }
            panic!("{}: no end", case.id());
        });
    }
    let (mut steps, mut least) = (0, u32::MAX);
    while let Some(line) = running.join_next().await {
        let of_line = line.expect("a line");
        (steps, least) = (steps + of_line, least.min(of_line));
    }
    println!("{steps} steps of {pairs} lines failed, one at a time");
    assert!(least >= 10, "a connection, and several pieces each of question and answer: {least}");

    let requests = f64::from(steps) + pairs as f64;
    eventually("all requests", async || (router.metric("router_requests_total").await == requests).then_some(())).await;
    for provider in [&provider, &good] {
        provider.wait_until(|stats| stats.in_flight == 0).await.expect("no call is left behind");
        provider.stop().await;
    }
    base.assert_again(&router).await;
    let mut router = Arc::into_inner(router).expect("nobody else has it");
    assert_eq!(router.stop().await.code, Some(0));
    assert_balanced(&router.data_dir()).await;
}
