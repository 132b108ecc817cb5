//! A request that panics ends alone: its client is told so, its books are closed, nothing of it stays behind. The fault stands outside the
//! router: whoever listens to its log panics at a line that a request's own task writes.

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use router_store::{RequestStatus, SimulatedDisk, SpoolOptions};
use router_testkit::http1::{Framing, Head, Link};
use router_testkit::{Script, SimProvider};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::books::assert_balanced;
use crate::client::{Call, Client};
use crate::in_process;
use crate::installation::{Installation, channels, rows_since};

/// What a request's task says when its row has to wait for room on the disk, and when it may not begin another attempt.
const LINES: [&str; 2] = ["is not written yet", "the spool cannot be written"];
const ROOM: u64 = 64 << 20;

static ARMED: AtomicBool = AtomicBool::new(false);

/// Listens to the log.
struct Panics;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        write!(self.0, "{value:?} ").expect("a text takes all");
    }
}

impl Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        ARMED.load(Ordering::SeqCst)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let heard = LINES.iter().any(|line| text.0.contains(line));
        if heard && ARMED.load(Ordering::SeqCst) && !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("a fault in a request"));
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// What the client of a request sees whose task panics; `stream` after the first content.
async fn broken(address: SocketAddr, disk: &SimulatedDisk, provider: &SimProvider, call: Call) -> (u16, String) {
    let begun = provider.stats().requests;
    let mut link = Link::connect(address).await.expect("a connection");
    link.send(&call.bytes()).await.expect("sent");
    provider.wait_until(|stats| stats.requests > begun).await.expect("it runs");
    let mut head = None;
    if call.stream {
        head = link.read_head().await.expect("a head");
    }
    disk.set_free(0);
    ARMED.store(true, Ordering::SeqCst);
    if head.is_none() {
        head = link.read_head().await.expect("a head");
    }
    let head = head.expect("a head");
    let framing = Framing::of_head(&head, Framing::UntilClose);
    let (body, complete) = link.read_body(framing).await.expect("a body");
    ARMED.store(false, Ordering::SeqCst);
    disk.set_free(ROOM);
    // A stream that breaks has no proper end at all; a whole answer is one.
    assert_eq!(complete, !call.stream, "{}", String::from_utf8_lossy(&body));
    (Head::parse(&head).status(), String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_request_and_nothing_else() {
    tracing::subscriber::set_global_default(Panics).expect("nobody else listens");
    let late = Duration::from_secs(2);
    let (first, second) = (SimProvider::start().await, SimProvider::start().await);
    let bases = [("first", first.base_url()), ("second", second.base_url())];
    let bases: Vec<(&str, &str)> = bases.iter().map(|(name, base)| (*name, base.as_str())).collect();
    let installation =
        Installation::new("cooldown: { temporary: 1ms, rate_limited: 1ms, max: 1ms }", &channels(&bases));
    let disk = SimulatedDisk::new(ROOM);
    let spool = SpoolOptions { headroom_bytes: 16, disk: Some(disk.clone()), ..SpoolOptions::default() };
    let router = in_process::start(&installation, spool).await;
    let app = std::sync::Arc::clone(&router.app);
    let mut neighbour = Client::connect(router.address).await.expect("a connection");

    let cases = [
        // Before its second attempt. (It comes first: the line is written once in a while only.)
        ("second-attempt", false, Script::status(500).delay(late)),
        ("whole", false, Script::ok().delay(late)),
        ("stream", true, Script::ok().text("one two three").content_events(3).gap(late)),
    ];
    for (place, (id, stream, script)) in cases.into_iter().enumerate() {
        first.set(script);
        let call = Call { id: id.to_owned(), model: "pair", stream };
        let (status, text) = broken(router.address, &disk, &first, call).await;
        assert_eq!(status, if stream { 200 } else { 500 }, "{id}: {text}");
        assert!(text.contains("internal_error") && !text.contains("[DONE]"), "{id}: {text}");
        assert_eq!(text.contains("one"), stream, "{id}: {text}");
        assert_eq!(app.metrics.panics.get(), place as u64 + 1, "{id}");

        // Everybody else is served as soon as the disk has room again.
        first.set(Script::ok());
        let healthy = async {
            loop {
                let call = Call { id: format!("neighbour.{place}"), model: "plain", stream: true };
                if neighbour.ask(&call).await.expect("an answer").is_good() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), healthy).await.expect("the neighbour is served");
    }
    assert_eq!(app.gate.load(), (0, 0), "no place is held");
    assert_eq!(app.bodies.used(), 0);
    in_process::end(router).await;

    let store = installation.store().await;
    let rows = rows_since(&store, 0).await;
    let of = |id: &str| {
        let mut rows = rows.iter().filter(|row| row.client_request_id.as_deref() == Some(id));
        let row = rows.next().unwrap_or_else(|| panic!("{id} has no row"));
        assert!(rows.next().is_none(), "{id} has two rows");
        row
    };
    // Two had closed their books already; the other one's failed attempt had consumed nothing.
    for id in ["whole", "stream"] {
        assert_eq!(of(id).status, RequestStatus::Completed, "{id}");
    }
    let other = of("second-attempt");
    let written = (other.status, other.error_class.as_deref(), other.cost_nano);
    assert_eq!(written, (RequestStatus::Error, Some("internal"), 0), "{other:?}");
    assert_balanced(&store).await;
}
