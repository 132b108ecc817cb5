//! Ten thousand answers, each with a mark of its own, from a provider whose connections end without a word, lie about lengths or hold an
//! answer too many: no client reads a byte of another's answer, nobody sees an error for it, and few connections are open.

use router_testkit::{Framing, Script, SimProvider};
use serde_json::json;
use tokio::task::JoinSet;

use super::rest::Base;
use crate::support::{Call, TestRouter};

const REQUESTS: usize = 10_000;
const CLIENTS: usize = 16;
/// One request in so many is a stream.
const STREAMS: usize = 4;

/// What the first of two channels does, in turn; between the others sound answers, whose connections are kept and met again.
fn lying(provider: SimProvider) -> SimProvider {
    let framings = [
        Framing::ThenClose,
        Framing::LengthTooLong,
        Framing::ThenClose,
        Framing::LengthTooShort,
        Framing::AnswerTwice,
        Framing::LengthTwice,
        Framing::ThenClose,
        Framing::ChunkOverflow,
        Framing::UntilClose,
        Framing::Trailers,
    ];
    let scripts = framings.into_iter().map(|framing| Script::ok().framing(framing));
    let cuts = [Script::cut_before_head(), Script::cut_after(2).with_reset(), Script::cut_before_end()];
    let sound = |provider: SimProvider, script| provider.then(script).then(Script::ok()).then(Script::ok());
    scripts.chain(cuts).fold(provider.on_any(Script::ok()), sound).cycle()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_of_an_answer_is_read_by_anybody_else() {
    let (lying, good) = (lying(SimProvider::start().await), SimProvider::start().await);
    let cooldown = json!({"rate_limited": "1ms", "temporary": "1ms", "max": "1ms"});
    let never = json!({"failure_threshold": 1_000_000, "min_requests": 1_000_000});
    let setup = TestRouter::setup().system(json!({"cooldown": cooldown, "breaker": never})).env("RUST_LOG", "warn");
    let router = setup.channel("lying", &lying).channel("good", &good).start().await;
    let base = Base::of(&router).await;

    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let address = router.address();
        clients.spawn(async move {
            let numbers = (client..REQUESTS).step_by(CLIENTS);
            for number in numbers.clone() {
                ask(address, number).await;
            }
            numbers.count()
        });
    }
    let mut answers = 0;
    while let Some(client) = clients.join_next().await {
        answers += client.expect("a client");
    }
    assert_eq!(answers, REQUESTS);
    let (liar, healthy) = (lying.stats(), good.stats());
    println!("{answers} answers over {} and {} connections", liar.connections, healthy.connections);
    assert!(liar.requests > REQUESTS as u64 / 2 && healthy.requests > 0, "both were asked");
    // At most one for each client and worker.
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let most = (CLIENTS * workers) as u64;
    assert!(liar.open_connections <= most && healthy.open_connections <= most, "{liar:?} {healthy:?}");
    for provider in [&lying, &good] {
        provider.stop().await;
    }
    base.assert_again(&router).await;
}

/// One request and its answer; a stream may break off once content has come.
async fn ask(address: std::net::SocketAddr, number: usize) {
    let (mark, stream) = (format!("mark-{number:05}"), number.is_multiple_of(STREAMS));
    let call = Call::chat(address).with(json!({"messages": [{"role": "user", "content": mark}]}));
    let reply = call.stream_if(stream).send().await;
    let (text, whole) = (reply.text(), format!("Simulated answer to: {mark}"));
    assert_eq!((reply.status(), reply.is_complete()), (200, true), "{mark}: {text}");
    let said = reply.said();
    let good = said == whole || (stream && whole.starts_with(&said) && !text.contains("[DONE]"));
    assert!(good && !text.contains("\"twice\""), "{mark}: {text}");
}
