//! Slow clients in numbers: heads that never end and readers that stop reading. A client that asks beside them sees no error, memory
//! stays bounded, and nothing of the slow ones is left behind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use router_store::RequestStatus;
use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::books::assert_balanced;
use crate::client::{Call, Client};
use crate::installation::{Installation, channels, rows_since};
use crate::process::Process;

/// The most resident memory that the router may ever have: 300 MB.
const MOST_KIB: u64 = 300_000_000 / 1024;
/// Between two questions of the client beside them: 20 a second.
const PACE: Duration = Duration::from_millis(50);
/// Between two bytes of a slow head.
const DRIP: Duration = Duration::from_secs(1);
/// Pieces of 32 KiB of a stream that nobody reads: more than all buffers between it and the reader hold.
const PIECES: usize = 32;
/// What the operating system may hold for a reader that stopped.
const READER_BUFFER: u32 = 16 * 1024;
/// Bytes of a segment on its way to such a reader.
const SEGMENT: u32 = 1_400;
/// After so long the router has given up a reader that stopped: the bound on a stalled write, and some more.
const STALL_SECONDS: u64 = 70;

/// Sizes of the test.
struct Sizes {
    slow_heads: usize,
    stalled: usize,
    seconds: u64,
}

/// `ENDURANCE_SLOW`: connections with slow heads, seconds; an eighth as many readers stop.
fn sizes() -> Sizes {
    #[expect(clippy::disallowed_methods, reason = "ENDURANCE_SLOW is read from the environment of the test run")]
    let given = std::env::var("ENDURANCE_SLOW").unwrap_or_else(|_| "400,3".to_owned());
    let read = || given.split_once(',').and_then(|(heads, seconds)| Some((heads.parse().ok()?, seconds.parse().ok()?)));
    let (slow_heads, seconds): (usize, u64) = read().expect("ENDURANCE_SLOW is CONNECTIONS,SECONDS");
    Sizes { slow_heads, stalled: slow_heads / 8, seconds }
}

/// What the connections with slow heads did.
#[derive(Debug, Default)]
struct Drips {
    open: AtomicU64,
    /// Connections that the router ended.
    ended: AtomicU64,
}

/// Opens a connection, sends the head of a request byte by byte, and begins anew where the router ends it.
async fn drip(address: SocketAddr, drips: Arc<Drips>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let socket = TcpSocket::new_v4().expect("a socket");
        let mut stream = socket.connect(address).await.expect("the router takes connections");
        drips.open.fetch_add(1, Ordering::Relaxed);
        let mut byte = [0];
        stream.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nx-slow: ").await.expect("sent");
        while !over.load(Ordering::Relaxed) {
            let sent = stream.write_all(b"s").await;
            // The router says nothing to an unfinished head: whatever is read is the end.
            let read = tokio::time::timeout(DRIP, stream.read(&mut byte)).await;
            if sent.is_err() || read.is_ok() {
                drips.ended.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        drips.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn piece() -> String {
    let delta = json!({"index": 0, "delta": {"content": "s".repeat(32 * 1024)}, "finish_reason": null});
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}).to_string()
}

fn stalled_call(number: usize) -> Call {
    Call { id: format!("stalled.{number}"), model: "channel:unread/plain", stream: true }
}

/// Asks for a stream, reads its beginning, and no more.
async fn stall(address: SocketAddr, number: usize) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(READER_BUFFER).expect("a buffer");
    // As over a network: the loopback's large segments would let the system hold the whole answer for the reader.
    socket2::SockRef::from(&socket).set_tcp_mss(SEGMENT).expect("a segment size");
    let mut client = Client::over(socket.connect(address).await.expect("a connection"));
    client.send(&stalled_call(number)).await.expect("sent");
    client.begin().await.expect("the beginning of a stream");
    client
}

/// Asks for so long, each time over a connection of its own; every answer is good. Gives the number of questions.
async fn probe(address: SocketAddr, seconds: u64) -> u64 {
    let asked = seconds * 1_000 / u64::try_from(PACE.as_millis()).expect("small");
    let mut pace = tokio::time::interval(PACE);
    for number in 0..asked {
        pace.tick().await;
        let call = Call { id: format!("probe.{number}"), model: "channel:only/plain", stream: number % 2 == 1 };
        let answer = Client::connect(address).await.expect("a connection").ask(&call).await;
        answer.unwrap_or_else(|error| panic!("{}: {error}", call.id)).assert_good();
    }
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_take_nothing_from_a_quick_one() {
    let sizes = sizes();
    let unread = SimProvider::builder().threads(1).keep_requests(0).start().await.expect("a provider");
    let unread = unread.on_any(Script::events(vec![piece(); PIECES + 1]).cut_at(PIECES).with_silence());
    let plain = SimProvider::builder().threads(1).keep_requests(0).start().await.expect("a provider");
    let bases = [("only", plain.base_url()), ("unread", unread.base_url())];
    let installation = Installation::new("", &channels(&bases.each_ref().map(|(name, base)| (*name, base.as_str()))));
    let router = Process::start(&installation).await;

    let mut memory = vec![("at rest", router.memory_kib("VmRSS"))];
    let (drips, over) = (Arc::new(Drips::default()), Arc::new(AtomicBool::new(false)));
    let mut slow = JoinSet::new();
    for _ in 0..sizes.slow_heads {
        slow.spawn(drip(router.address, Arc::clone(&drips), Arc::clone(&over)));
    }
    while drips.open.load(Ordering::Relaxed) < sizes.slow_heads as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    memory.push(("with slow heads", router.memory_kib("VmRSS")));
    let mut readers = Vec::new();
    for number in 0..sizes.stalled {
        readers.push(stall(router.address, number).await);
    }
    memory.push(("with stalled readers", router.memory_kib("VmRSS")));
    let asked = probe(router.address, sizes.seconds).await;
    memory.push(("after the questions", router.memory_kib("VmRSS")));
    let (open, most) = (drips.open.load(Ordering::Relaxed), router.memory_kib("VmHWM"));
    println!(
        "{open} slow heads ({} ended by the router), {} stalled readers: {asked} answers, no error, at most {most} KiB",
        drips.ended.load(Ordering::Relaxed),
        sizes.stalled,
    );
    println!("KiB {memory:?}");
    assert!(most < MOST_KIB, "{most} KiB");
    if sizes.seconds < STALL_SECONDS {
        assert_eq!(unread.stats().in_flight, sizes.stalled as u64, "all of them are still there");
        drop(readers);
    }
    // A reader that stopped for long enough is given up without having left.
    unread.wait_until(|stats| stats.in_flight == 0).await.expect("no call is left behind");
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = slow.join_next().await {
        ended.expect("a slow client sees no refusal");
    }
    router.terminate();
    assert!(router.ended().await.success());

    let store = installation.store().await;
    let rows = rows_since(&store, 0).await;
    let count = |status, name: &str| {
        let of = |id: &Option<String>| id.as_deref().is_some_and(|id| id.starts_with(name));
        rows.iter().filter(|row| row.status == status && of(&row.client_request_id)).count()
    };
    assert_eq!(count(RequestStatus::Completed, "probe."), usize::try_from(asked).expect("small"));
    assert_eq!(count(RequestStatus::ClientClosed, "stalled."), sizes.stalled);
    assert_eq!(rows.len(), usize::try_from(asked).expect("small") + sizes.stalled, "an unfinished head is no request");
    assert_balanced(&store).await;
}
