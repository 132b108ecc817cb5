//! Forms that are larger than what is worth holding: they go through as they come.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use router_testkit::http1::{BodyDecoder, Framing, Head, Link, Response};
use router_testkit::{Script, SimProvider};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{KEY, MODEL, ORDERED, Setup, TestRouter};

const MIB: usize = 1024 * 1024;

/// A form: what stands before the sound, the sound as copies of a block, what stands behind it.
#[derive(Clone)]
struct Form {
    before: String,
    block: Vec<u8>,
    blocks: usize,
    behind: String,
}

fn part(name: &str, value: &str) -> String {
    format!("--b-7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

const FILE: &str =
    "--b-7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n";

impl Form {
    /// About so many bytes of sound, with the model in front of it.
    fn of(model: &str, bytes: usize) -> Self {
        // Line ends and beginnings of boundaries stand everywhere.
        let block: Vec<u8> = b"\r\n--b-\r\n-".iter().copied().chain(0..=255).cycle().take(65_521).collect();
        let before = part("model", model) + FILE;
        let behind = "\r\n".to_owned() + &part("language", "eo") + "--b-7--\r\n";
        Self { before, blocks: bytes.div_ceil(block.len()), block, behind }
    }

    /// The same with the model behind the sound.
    fn model_last(model: &str, bytes: usize) -> Self {
        let behind = "\r\n".to_owned() + &part("model", model) + "--b-7--\r\n";
        Self { before: FILE.to_owned(), behind, ..Self::of(model, bytes) }
    }

    fn length(&self) -> usize {
        self.before.len() + self.block.len() * self.blocks + self.behind.len()
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let sound = std::iter::repeat_n(self.block.as_slice(), self.blocks);
        std::iter::once(self.before.as_bytes()).chain(sound).chain(std::iter::once(self.behind.as_bytes()))
    }

    /// What stands from that place on, up to the end of a piece.
    fn at(&self, place: usize) -> &[u8] {
        let sound = self.before.len() + self.block.len() * self.blocks;
        match place {
            place if place < self.before.len() => &self.before.as_bytes()[place..],
            place if place < sound => &self.block[(place - self.before.len()) % self.block.len()..],
            place => self.behind.as_bytes().get(place - sound..).unwrap_or_default(),
        }
    }

    fn head(&self, address: SocketAddr, framing: &str) -> String {
        format!(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\n\
             content-type: multipart/form-data; boundary=b-7\r\n{framing}\r\n\r\n"
        )
    }

    /// Sends it, its length said beforehand or in chunks, and reads the answer.
    async fn send(&self, address: SocketAddr, chunked: bool) -> Response {
        self.send_slowly(address, chunked, Duration::ZERO).await
    }

    /// The same with a pause before its end.
    async fn send_slowly(&self, address: SocketAddr, chunked: bool, pause: Duration) -> Response {
        let mut link = Link::connect(address).await.expect("the router listens");
        let framing = if chunked {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("content-length: {}", self.length())
        };
        link.send(self.head(address, &framing).as_bytes()).await.expect("the router reads");
        for (place, piece) in self.pieces().enumerate() {
            if place > self.blocks {
                tokio::time::sleep(pause).await;
            }
            let sent = if chunked {
                link.send(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await
            } else {
                link.send(piece).await
            };
            // A refusal may come before the end.
            if sent.is_err() {
                break;
            }
        }
        if chunked {
            let _ = link.send(b"0\r\n\r\n").await;
        }
        let head = link.read_head().await.expect("an answer").expect("a head");
        let (body, complete) = link.read_body(Framing::of_head(&head, Framing::UntilClose)).await.expect("a body");
        Response { head: Head::parse(&head), body, complete }
    }
}

/// What a provider got.
struct Got {
    head: Head,
    /// Whether it is byte for byte what was expected.
    same: bool,
    complete: bool,
}

/// A provider that keeps nothing of what it is sent: it compares with what it expects, and answers once.
async fn listener(expected: Form) -> (SocketAddr, JoinHandle<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serve = async move {
        let (socket, _) = listener.accept().await.expect("a connection");
        receive(socket, &expected).await
    };
    (address, tokio::spawn(serve))
}

async fn receive(socket: TcpStream, expected: &Form) -> Got {
    let mut link = Link::new(socket);
    let bytes = link.read_head().await.expect("bytes").expect("a head");
    let mut decoder = BodyDecoder::new(Framing::of_head(&bytes, Framing::UntilClose));
    let (mut same, mut length, mut payload) = (true, 0, BytesMut::new());
    let complete = loop {
        let done = link.decode(&mut decoder, &mut payload).expect("a body");
        while same && !payload.is_empty() {
            let right = expected.at(length);
            let piece = payload.split_to(right.len().min(payload.len()));
            same = !piece.is_empty() && right.starts_with(&piece);
            length += piece.len();
        }
        payload.clear();
        if done || !matches!(link.fill().await, Ok(1..)) {
            break done;
        }
    };
    if complete {
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"text\":\"hello\"}";
        link.send(answer.as_bytes()).await.expect("the router reads");
    }
    Got { head: Head::parse(&bytes), same: same && length == expected.length(), complete }
}

fn spacious() -> Setup {
    TestRouter::setup().system(json!({"server": {"max_request_bytes": "512MiB"}}))
}

fn whisper() -> serde_json::Value {
    json!([{"name": MODEL, "upstream_name": "whisper-1", "price": {"input": 1.0, "per_request": 0.01}}])
}

/// The most memory that the router's process has had, in bytes.
fn peak(router: &TestRouter) -> usize {
    let instance = std::fs::read(router.data_dir().join("instance.json")).expect("the instance");
    let instance: serde_json::Value = serde_json::from_slice(&instance).expect("JSON");
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance["pid"])).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[tokio::test]
async fn a_form_passes_unchanged_in_a_fraction_of_its_size() {
    for chunked in [false, true] {
        let (form, expected) = (Form::of(MODEL, 192 * MIB), Form::of("whisper-1", 192 * MIB));
        let announced = (!chunked).then(|| expected.length().to_string());
        let (address, provider) = listener(expected).await;
        let setup = spacious().channel_at("only", &format!("http://{address}/v1")).models(whisper());
        let router = setup.start().await;
        let before = peak(&router);

        let answer = form.send(router.address(), chunked).await;

        assert_eq!((answer.status(), answer.text().as_str()), (200, r#"{"text":"hello"}"#), "{chunked}");
        let got = provider.await.expect("a request");
        assert!(got.same && got.complete, "{chunked}: the form has changed");
        assert_eq!(got.head.header("content-length"), announced.as_deref());
        let grown = peak(&router) - before;
        assert!(grown < form.length() / 4, "{chunked}: {} MiB for {} MiB", grown / MIB, form.length() / MIB);
        let row = router.row().await;
        assert_eq!((row.status.as_str(), row.upstream_model.as_deref()), ("completed", Some("whisper-1")));
        assert_eq!(row.input, i64::try_from(form.length() / 1_000).unwrap_or(0), "{chunked}");
    }
}

#[tokio::test]
async fn a_model_behind_the_file_is_found() {
    let (address, provider) = listener(Form::model_last("whisper-1", 20 * MIB)).await;
    let setup = spacious().channel_at("only", &format!("http://{address}/v1")).models(whisper());
    let router = setup.start().await;
    let answer = Form::model_last(MODEL, 20 * MIB).send(router.address(), true).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(provider.await.expect("a request").same, "the form has changed");
}

#[tokio::test]
async fn another_channel_is_tried_while_nothing_is_lost() {
    let (address, provider) = listener(Form::of("whisper-1", 24 * MIB)).await;
    let setup = spacious().dead_channel("dead").models(whisper());
    let router = setup.channel_at("good", &format!("http://{address}/v1")).models(whisper()).start().await;
    let answer = Form::of(ORDERED, 24 * MIB).send(router.address(), false).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(provider.await.expect("a request").same, "the form has changed");
    assert_eq!(router.row().await.outcomes(), [("dead", "connect"), ("good", "completed")]);
}

#[tokio::test]
async fn what_has_gone_is_not_sent_again() {
    for (size, status, outcomes) in [
        (24 * MIB, 502, vec![("bad", "overloaded")]),
        // Held whole.
        (MIB, 200, vec![("bad", "overloaded"), ("good", "completed")]),
    ] {
        let text = Script::body(200, "application/json", r#"{"text":"hello"}"#);
        let (bad, good) =
            (SimProvider::start().await.on_any(Script::status(503)), SimProvider::start().await.on_any(text));
        let setup = spacious().channel("bad", &bad).models(whisper()).channel("good", &good).models(whisper());
        let router = setup.start().await;
        let answer = Form::of(ORDERED, size).send(router.address(), false).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(router.row().await.outcomes(), outcomes);
        assert_eq!(good.requests().len(), outcomes.len() - 1);
    }
}

#[tokio::test]
async fn a_second_model_behind_the_file_is_refused() {
    let (address, provider) = listener(Form::of(MODEL, 0)).await;
    let setup = spacious().channel_at("only", &format!("http://{address}/v1")).models(whisper());
    let router = setup.start().await;
    let mut form = Form::of(MODEL, 24 * MIB);
    form.behind = "\r\n".to_owned() + &part("model", "dear-model") + "--b-7--\r\n";
    let answer = form.send(router.address(), false).await;
    assert_eq!(
        (answer.status(), answer.head.header("x-router-error")),
        (400, Some("duplicate_key")),
        "{}",
        answer.text()
    );
    assert!(!provider.await.expect("a request").complete, "the provider got the whole form");
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.error_code.as_deref(), row.cost), ("error", Some("duplicate_key"), 0));
}

#[tokio::test]
async fn more_than_a_request_may_have_is_refused_on_the_way() {
    let (address, provider) = listener(Form::of(MODEL, 0)).await;
    let setup = TestRouter::setup().system(json!({"server": {"max_request_bytes": "16MiB"}}));
    let router = setup.channel_at("only", &format!("http://{address}/v1")).models(whisper()).start().await;
    let answer = Form::of(MODEL, 17 * MIB).send(router.address(), true).await;
    assert_eq!((answer.status(), answer.head.header("x-router-error")), (413, Some("request_too_large")));
    assert!(!provider.await.expect("a request").complete);
}

#[tokio::test]
async fn a_slow_client_is_not_the_providers_silence() {
    let (address, provider) = listener(Form::of("whisper-1", 12 * MIB)).await;
    let setup = spacious().channel_at("only", &format!("http://{address}/v1")).models(whisper());
    let router = setup.and(json!({"timeouts": {"first_byte": "2s"}})).start().await;
    let answer = Form::of(MODEL, 12 * MIB).send_slowly(router.address(), false, Duration::from_secs(5)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(provider.await.expect("a request").same, "the form has changed");
    assert_eq!(router.row().await.outcomes(), [("only", "completed")]);
}

#[tokio::test]
async fn events_are_passed_on_though_what_asks_for_them_stands_behind_the_file() {
    let done = r#"{"type":"transcript.text.done","text":"hello","usage":{"type":"tokens","input_tokens":14,"output_tokens":3,"total_tokens":17}}"#;
    let events = Script::events([r#"{"type":"transcript.text.delta","delta":"hello"}"#, done]);
    let provider = SimProvider::start().await.on_any(events);
    let router = spacious().channel("only", &provider).models(whisper()).start().await;
    let mut form = Form::of(MODEL, 12 * MIB);
    form.behind = "\r\n".to_owned() + &part("stream", "true") + "--b-7--\r\n";
    let answer = form.send(router.address(), false).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.head.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
    assert!(answer.text().contains(done), "{}", answer.text());
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.input, row.output), ("completed", 14, 3));
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_form_along() {
    let (address, provider) = listener(Form::of(MODEL, 0)).await;
    let setup = spacious().channel_at("only", &format!("http://{address}/v1")).models(whisper());
    let router = setup.start().await;
    let form = Form::of(MODEL, 24 * MIB);
    let mut link = Link::connect(router.address()).await.expect("the router listens");
    let framing = format!("content-length: {}", form.length());
    link.send(form.head(router.address(), &framing).as_bytes()).await.expect("the router reads");
    for piece in form.pieces().take(200) {
        link.send(piece).await.expect("the router reads");
    }
    drop(link);
    assert!(!provider.await.expect("a request").complete);
    let row = router.row().await;
    assert_eq!((row.status.as_str(), row.outcomes()), ("client_closed", vec![("only", "client_closed")]));
    assert_eq!((row.cost, row.input), (0, 0), "nobody has worked for half a form");
}
