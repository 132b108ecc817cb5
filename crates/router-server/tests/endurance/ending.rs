//! SIGTERM in the middle of a hundred streams: each finishes, its row is written, the exit code is 0.

use std::time::Duration;

use router_testkit::{Script, SimProvider};

use crate::books::{Diary, assert_balanced, compare, note};
use crate::client::{Call, Client};
use crate::installation::{Installation, channels, rows_since};
use crate::process::Process;

const STREAMS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_finish_before_the_end() {
    let provider = SimProvider::builder().threads(1).keep_requests(0).start().await.expect("a provider");
    let provider = provider.on_any(Script::ok().content_events(25).gap(Duration::from_millis(150)));
    let installation = Installation::new("", &channels(&[("only", &provider.base_url())]));
    let router = Process::start(&installation).await;
    let mut open = Vec::new();
    for number in 0..STREAMS {
        let mut connection = Client::connect(router.address).await.expect("a connection");
        let call = Call { id: format!("stream.{number}"), model: "plain", stream: true };
        connection.send(&call).await.expect("sent");
        open.push((call, connection));
    }
    let mut begun = Vec::new();
    for (call, mut connection) in open {
        let answer = connection.begin().await.expect("a stream");
        begun.push((call, connection, answer));
    }
    assert_eq!(provider.stats().in_flight, STREAMS as u64, "all streams are open");
    router.terminate();
    let mut diary = Diary::new();
    for (call, mut connection, answer) in begun {
        let answer = connection.finish(answer).await;
        assert!(answer.is_ok(), "{}: {answer:?}", call.id);
        note(&mut diary, call, &answer);
    }
    assert_eq!(router.ended().await.code(), Some(0));
    let store = installation.store().await;
    assert_eq!(compare(&diary, &rows_since(&store, 0).await).answered, STREAMS);
    assert_balanced(&store).await;
}
