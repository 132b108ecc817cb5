//! Many at once: a thousand clients with a provider that takes 200 ms, no error, bounded memory.

use std::net::SocketAddr;
use std::time::Duration;

use router_testkit::{Script, SimProvider};
use tokio::task::JoinSet;

use crate::books::{Diary, assert_balanced, compare, note};
use crate::client::{Call, Client};
use crate::installation::{Installation, channels, rows_since};
use crate::process::{Process, binary};

const CLIENTS: usize = 1_000;
/// Requests of each client, one after another over its one connection.
const EACH: usize = 3;
/// The most resident memory that the router, built for use, may ever have: 150 MB.
const MOST_KIB: u64 = 150_000_000 / 1024;

async fn wave(address: SocketAddr, stream: bool) -> Diary {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(async move {
            let mut diary = Diary::new();
            let mut connection = Client::connect(address).await.expect("a connection");
            for number in 0..EACH {
                let call = Call { id: format!("{stream}.{client}.{number}"), model: "plain", stream };
                let answer = connection.ask(&call).await;
                assert!(answer.is_ok(), "{}: {answer:?}", call.id);
                note(&mut diary, call, &answer);
            }
            diary
        });
    }
    let mut diary = Diary::new();
    while let Some(client) = clients.join_next().await {
        diary.extend(client.expect("a client"));
    }
    diary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_see_no_error() {
    let provider = SimProvider::builder().threads(1).keep_requests(0).start().await.expect("a provider");
    let provider = provider.on_any(Script::ok().delay(Duration::from_millis(200)));
    let installation = Installation::new("", &channels(&[("only", &provider.base_url())]));
    let router = Process::start(&installation).await;
    // What a request holds is larger where nothing is optimised.
    let (_, built_for_use) = binary();
    let bound = if built_for_use { MOST_KIB } else { MOST_KIB * 5 / 4 };
    let mut diary = Diary::new();
    for stream in [false, true] {
        diary.extend(wave(router.address, stream).await);
        let (peak, most) = (provider.stats().peak_in_flight, router.memory_kib("VmHWM"));
        println!("{CLIENTS} clients, stream {stream}: at most {peak} upstream at once, {most} KiB resident");
        assert!(most < bound, "{most} KiB");
    }
    router.terminate();
    assert!(router.ended().await.success());
    let store = installation.store().await;
    compare(&diary, &rows_since(&store, 0).await);
    assert_balanced(&store).await;
}
