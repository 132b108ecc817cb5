//! A raw HTTP client: sends exactly the bytes that a test wants, and sees exactly the bytes that come back.

use std::net::SocketAddr;

use bytes::BytesMut;
use router_testkit::http1::{BodyDecoder, Framing, Head, Link, Response};
use serde_json::{Value, json};

use super::{KEY, ORDERED};

/// A request that is about to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply(Response);

/// An answer that is still coming.
#[derive(Debug)]
pub(crate) struct Open {
    link: Link,
    decoder: BodyDecoder,
    /// Status and headers.
    pub(crate) head: Head,
    body: BytesMut,
}

impl Call {
    /// A request without credentials and without a body.
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { address, method, target, headers: Vec::new(), body: Vec::new() }
    }

    /// A chat request to the group [`ORDERED`] with the key [`KEY`].
    pub(crate) fn chat(address: SocketAddr) -> Self {
        Self::new(address, "POST", "/v1/chat/completions").bearer(KEY).json(&Self::hello())
    }

    /// The body of [`Call::chat`].
    pub(crate) fn hello() -> Value {
        json!({"model": ORDERED, "messages": [{"role": "user", "content": "Hello"}]})
    }

    /// Sends this key as a bearer token instead of the one before.
    pub(crate) fn bearer(self, key: &str) -> Self {
        self.without("authorization").header("authorization", &format!("Bearer {key}"))
    }

    /// One more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a header away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// This body, as JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(body.to_string())
    }

    /// Exactly these bytes, called JSON.
    pub(crate) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.without("content-type").header("content-type", "application/json")
    }

    /// Sets fields of the JSON body.
    pub(crate) fn with(self, fields: Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).expect("a JSON body");
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.json(&body)
    }

    /// Asks for another model.
    pub(crate) fn model(self, model: &str) -> Self {
        self.with(json!({"model": model}))
    }

    /// Asks for a stream.
    pub(crate) fn streaming(self) -> Self {
        self.with(json!({"stream": true}))
    }

    /// Asks for a stream if `stream`.
    pub(crate) fn stream_if(self, stream: bool) -> Self {
        if stream { self.streaming() } else { self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.address);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let named = self.headers.iter().any(|(name, _)| name == "content-length");
        if self.method != "GET" && self.method != "HEAD" && !named {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Reply {
        let mut link = Link::connect(self.address).await.expect("the router listens");
        if self.method != "HEAD" {
            return Reply(link.exchange(&self.bytes()).await.expect("an answer"));
        }
        link.send(&self.bytes()).await.expect("the router reads");
        let head = link.read_head().await.expect("an answer").expect("a head");
        Reply(Response { head: Head::parse(&head), body: bytes::Bytes::new(), complete: true })
    }

    /// Sends it and does not wait: dropping the link is leaving.
    pub(crate) async fn send_only(self) -> Link {
        let mut link = Link::connect(self.address).await.expect("the router listens");
        link.send(&self.bytes()).await.expect("the router reads");
        link
    }

    /// Sends it and reads the head only. Dropping the answer is leaving.
    pub(crate) async fn open(self) -> Open {
        let mut link = Link::connect(self.address).await.expect("the router listens");
        link.send(&self.bytes()).await.expect("the router reads");
        let bytes = link.read_head().await.expect("an answer").expect("a head");
        let decoder = BodyDecoder::new(Framing::of_head(&bytes, Framing::UntilClose));
        Open { link, decoder, head: Head::parse(&bytes), body: BytesMut::new() }
    }
}

impl Open {
    /// Reads until the body holds this text.
    pub(crate) async fn until(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.body).contains(text) {
            assert!(!self.link.decode(&mut self.decoder, &mut self.body).expect("a body"), "the body ended early");
            if String::from_utf8_lossy(&self.body).contains(text) {
                return;
            }
            assert!(self.link.fill().await.expect("bytes") > 0, "the connection ended before `{text}`");
        }
    }

    /// Reads the rest.
    pub(crate) async fn rest(mut self) -> Reply {
        let mut complete = self.link.decode(&mut self.decoder, &mut self.body).expect("a body");
        while !complete && self.link.fill().await.expect("bytes") > 0 {
            complete = self.link.decode(&mut self.decoder, &mut self.body).expect("a body");
        }
        Reply(Response { head: self.head, body: self.body.freeze(), complete })
    }
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    /// A header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.0.head.header(name).unwrap_or_default()
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.0.head.headers
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.0.head.header(name).is_some()
    }

    /// The body as it came.
    pub(crate) fn body(&self) -> &[u8] {
        &self.0.body
    }

    pub(crate) fn text(&self) -> String {
        self.0.text()
    }

    /// Whether the body ended as its framing promised.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.complete
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The data of each event of a stream.
    pub(crate) fn events(&self) -> Vec<String> {
        self.text().lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// The text of an answer of chat: of the message, or of all deltas.
    pub(crate) fn said(&self) -> String {
        if !self.header("content-type").starts_with("text/event-stream") {
            return self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        }
        let chunks = self.events().into_iter().filter_map(|data| serde_json::from_str::<Value>(&data).ok());
        chunks.map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Checks that this is an error of the contract: status, shape and headers. Gives the `error` object.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        let text = self.text();
        assert_eq!((self.status(), self.header("x-router-error")), (status, code), "{text}");
        assert_eq!(self.header("content-type"), "application/json", "{text}");
        let retry = matches!(status, 408 | 429 | 500..=504);
        if !retry {
            assert_eq!(self.header("x-should-retry"), "false", "{text}");
            assert!(!self.has_header("retry-after"), "{text}");
        }
        let body = self.json();
        let error = body["error"].as_object().expect("an error object");
        let fields: Vec<&str> = error.keys().map(String::as_str).collect();
        assert_eq!(fields, ["message", "type", "param", "code"], "{text}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
        assert!(error["type"].is_string() && error["code"].is_string(), "{text}");
        body["error"].clone()
    }
}
