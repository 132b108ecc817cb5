//! A client: one connection, chat requests with ids of their own, and what the router answered.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use router_testkit::http1::{BodyDecoder, Framing, Head, Link};
use serde_json::{Value, json};

use crate::installation::{CLIENT_KEY, INPUT_NANO, OUTPUT_NANO};

/// A chat request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Its `x-request-id`.
    pub(crate) id: String,
    /// Model or group.
    pub(crate) model: &'static str,
    /// Whether a stream is asked for.
    pub(crate) stream: bool,
}

/// An answer that arrived whole: the body of the announced length, or a stream up to its `[DONE]`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    body: Bytes,
    stream: bool,
}

/// One connection to the router.
#[derive(Debug)]
pub(crate) struct Client(Link);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(Link::connect(address).await?))
    }

    /// Over a connection that stands.
    pub(crate) fn over(stream: tokio::net::TcpStream) -> Self {
        Self(Link::new(stream))
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// When the connection ended before the answer did.
    pub(crate) async fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        self.send(call).await?;
        self.answer().await
    }

    pub(crate) async fn send(&mut self, call: &Call) -> io::Result<()> {
        self.0.send(&call.bytes()).await
    }

    /// Reads the head of an answer and, of a stream, its first bytes.
    pub(crate) async fn begin(&mut self) -> io::Result<Begun> {
        let bytes = self.0.read_head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let framing = Framing::of_head(&bytes, Framing::UntilClose);
        let head = Head::parse(&bytes);
        let stream = head.header("content-type").is_some_and(|value| value.starts_with("text/event-stream"));
        let mut begun = Begun { head, stream, decoder: BodyDecoder::new(framing), body: BytesMut::new(), done: false };
        while begun.body.is_empty() && !begun.done {
            begun.more(&mut self.0).await?;
        }
        Ok(begun)
    }

    /// Reads the rest of an answer.
    pub(crate) async fn finish(&mut self, mut begun: Begun) -> io::Result<Answer> {
        while !begun.done {
            if let Err(error) = begun.more(&mut self.0).await {
                // A client takes `[DONE]` for the end, whatever becomes of the connection afterwards.
                if begun.stream && begun.body.trim_ascii_end().ends_with(b"data: [DONE]") {
                    break;
                }
                return Err(error);
            }
        }
        Ok(Answer { head: begun.head, body: begun.body.freeze(), stream: begun.stream })
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let begun = self.begin().await?;
        self.finish(begun).await
    }
}

/// An answer that is being read.
pub(crate) struct Begun {
    pub(crate) head: Head,
    stream: bool,
    decoder: BodyDecoder,
    body: BytesMut,
    done: bool,
}

impl Begun {
    async fn more(&mut self, link: &mut Link) -> io::Result<()> {
        self.done = link.decode(&mut self.decoder, &mut self.body)?;
        if !self.done && link.fill().await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl Call {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = json!({
            "model": self.model,
            "messages": [{"role": "user", "content": format!("Question {}", self.id)}],
            "max_tokens": 64,
        });
        if self.stream {
            body["stream"] = json!(true);
            body["stream_options"] = json!({"include_usage": true});
        }
        let body = body.to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: router\r\nauthorization: Bearer {CLIENT_KEY}\r\n\
             content-type: application/json\r\nx-request-id: {}\r\ncontent-length: {}\r\n\r\n",
            self.id,
            body.len()
        );
        [head.into_bytes(), body.into_bytes()].concat()
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body of an answer that is no stream.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The `code` of an error.
    pub(crate) fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Fails unless this is what a satisfied client gets.
    pub(crate) fn assert_good(&self) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status(), 200, "{text}");
        if self.stream {
            assert!(text.trim_end().ends_with("data: [DONE]"), "the stream has no end: {text}");
        }
        assert!(self.cost_nano() > 0, "{text}");
    }

    /// Whether this is what a satisfied client gets.
    pub(crate) fn is_good(&self) -> bool {
        let ended = !self.stream || self.body.trim_ascii_end().ends_with(b"data: [DONE]");
        self.status() == 200 && ended
    }

    /// What the answer costs by the usage that it reports, nano-USD.
    pub(crate) fn cost_nano(&self) -> i64 {
        let usage = if self.stream { self.streamed_usage() } else { self.json()["usage"].clone() };
        let count = |name: &str| usage[name].as_i64().unwrap_or_else(|| panic!("no {name} in {usage}"));
        count("prompt_tokens") * INPUT_NANO + count("completion_tokens") * OUTPUT_NANO
    }

    fn streamed_usage(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let mut usages =
            events.filter_map(|data| serde_json::from_str::<Value>(data).ok()).map(|mut e| e["usage"].take());
        usages.rfind(Value::is_object).unwrap_or_else(|| panic!("no usage in {text}"))
    }
}
