//! The hostile provider does what its list says, in every dialect.

use router_testkit::SimProvider;
use router_testkit::clients::{CLIENTS, Client, Want, events};
use router_testkit::hostile::{BEHAVIOURS, Behaviour, Harm};
use router_testkit::http1::{Link, Response};
use std::collections::HashSet;
use std::io;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(5);
const TEXT: &str = "größe 中文 and some words more";

/// Asks for a behaviour. A broken answer is an error, or not complete.
async fn ask(provider: &SimProvider, behaviour: &Behaviour, client: &Client, stream: bool) -> io::Result<Response> {
    let mut link = Link::connect(provider.address()).await?;
    link.exchange(&request(behaviour, client, stream)).await
}

fn request(behaviour: &Behaviour, client: &Client, stream: bool) -> Vec<u8> {
    let model = behaviour.model();
    let body = (client.ask)(&Want { model: &model, text: TEXT, stream, ..Want::default() }).to_string();
    let path = (client.path)(&model, stream);
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: test\r\n{}content-length: {length}\r\n\r\n{body}", client.headers)
        .into_bytes()
}

fn said(client: &Client, stream: bool, response: &Response) -> String {
    let read = |text: &str| serde_json::from_str(text).map(|answer| (client.read)(&answer)).unwrap_or_default();
    if stream { (client.gather)(&events(&response.text())).text } else { read(&response.text()).text }
}

#[test]
fn names_are_words_and_unique() {
    let names: HashSet<&str> = BEHAVIOURS.iter().map(|behaviour| behaviour.name).collect();
    assert_eq!(names.len(), BEHAVIOURS.len());
    let word =
        |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    assert!(names.iter().all(word));
}

/// What only a client that is stricter than this one takes for broken.
const LENIENT: [&str; 5] = ["length-twice", "length-negative", "upgrade", "many-headers", "long-header"];

#[tokio::test]
async fn each_behaviour_does_the_harm_that_its_entry_names() {
    let provider = SimProvider::start().await.hostile(PAUSE);
    let whole = format!("Simulated answer to: {TEXT}");
    let mut wrong = Vec::new();
    for behaviour in BEHAVIOURS.iter().filter(|behaviour| !behaviour.endless && behaviour.name != "other-kind") {
        for (client, stream) in CLIENTS.iter().flat_map(|client| [(client, false), (client, true)]) {
            let answer = ask(&provider, behaviour, client, stream).await;
            let good = answer.as_ref().is_ok_and(|answer| answer.status() == 200);
            let ended = answer.as_ref().is_ok_and(|answer| answer.complete);
            let text = answer.as_ref().map(|answer| said(client, stream, answer)).unwrap_or_default();
            // This client tells nothing of an answer that ends in a reset.
            let holds = match behaviour.harm(stream) {
                Harm::None => good && text == whole,
                Harm::Early => !(good && ended && text == whole) || LENIENT.contains(&behaviour.name),

                Harm::Late => answer.is_err() || good && whole.starts_with(&text) && !text.is_empty(),
                Harm::Unsure => answer.is_err() || good,
            };
            if !holds {
                wrong.push(format!("{} in {}, stream: {stream}: {answer:?}", behaviour.name, client.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn what_has_no_end_lasts_until_the_client_leaves() {
    let provider = SimProvider::start().await.hostile(PAUSE);
    let endless: Vec<&Behaviour> = BEHAVIOURS.iter().filter(|behaviour| behaviour.endless).collect();
    for (place, behaviour) in endless.iter().enumerate() {
        let mut link = Link::connect(provider.address()).await.unwrap();
        link.send(&request(behaviour, &CLIENTS[0], true)).await.unwrap();
        provider.wait_until(|stats| stats.in_flight == 1).await.unwrap();
        if behaviour.stream == Harm::Late {
            // Something comes.
            assert!(link.fill().await.unwrap() > 0, "{}", behaviour.name);
        }
        drop(link);
        let stats = provider.wait_until(|stats| stats.in_flight == 0).await.unwrap();
        assert_eq!(stats.cancelled, place as u64 + 1, "{}", behaviour.name);
    }
}
