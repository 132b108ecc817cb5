//! `durability: full`: the same promises, with a sync before the upstream call and before the end of the answer.

use router_testkit::SimProvider;

use crate::books::{Diary, assert_balanced, compare, note};
use crate::client::{Call, Client};
use crate::installation::{Installation, channels, rows_since};
use crate::process::Process;

#[tokio::test(flavor = "multi_thread")]
async fn full_durability_answers_and_books() {
    let provider = SimProvider::start().await;
    let installation =
        Installation::new("database: { durability: full }", &channels(&[("only", &provider.base_url())]));
    let router = Process::start(&installation).await;
    let mut diary = Diary::new();
    let mut connection = Client::connect(router.address).await.expect("a connection");
    for number in 0..20 {
        let call = Call { id: format!("full.{number}"), model: "plain", stream: number % 2 == 0 };
        let answer = connection.ask(&call).await;
        assert!(answer.is_ok(), "{answer:?}");
        note(&mut diary, call, &answer);
    }
    router.kill();
    let router = Process::start(&installation).await;
    let store = installation.store().await;
    assert_eq!(compare(&diary, &rows_since(&store, 0).await).answered, 20);
    assert_balanced(&store).await;
    drop(router);
}
