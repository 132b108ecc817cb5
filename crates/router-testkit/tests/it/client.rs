//! The raw client of these tests.

use router_testkit::SimProvider;
use router_testkit::http1::{Link, Response};
use serde_json::{Value, json};

/// The bytes of a POST request with a JSON body.
pub(crate) fn post_bytes(path: &str, body: &str, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// One POST on a connection of its own.
pub(crate) async fn post(provider: &SimProvider, path: &str, body: &Value) -> Response {
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.exchange(post_bytes(path, &body.to_string(), "").as_bytes()).await.unwrap()
}

/// One GET on a connection of its own.
pub(crate) async fn get(provider: &SimProvider, path: &str) -> Response {
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.exchange(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap()
}

/// A chat request with one user message and more fields.
pub(crate) fn chat(text: &str, more: Value) -> Value {
    let mut body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The answer's body as JSON.
pub(crate) fn parsed(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|error| panic!("{error}: {}", response.text()))
}

/// The data payloads of a stream, line ends of any kind, comments left out.
pub(crate) fn events(response: &Response) -> Vec<String> {
    let text = response.text().replace("\r\n", "\n").replace('\r', "\n");
    text.trim_start_matches('\u{feff}')
        .split("\n\n")
        .filter_map(|block| block.strip_prefix("data: ").map(str::to_owned))
        .collect()
}

/// The JSON chunks of a stream (`[DONE]` left out).
pub(crate) fn chunks(response: &Response) -> Vec<Value> {
    events(response).iter().filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The text of a stream's first choice.
pub(crate) fn streamed_text(response: &Response) -> String {
    chunks(response)
        .iter()
        .filter_map(|chunk| chunk.pointer("/choices/0/delta/content")?.as_str().map(str::to_owned))
        .collect()
}

/// One POST with more headers (each line ended).
pub(crate) async fn post_with(provider: &SimProvider, path: &str, body: &Value, headers: &str) -> Response {
    let mut link = Link::connect(provider.address()).await.unwrap();
    link.exchange(post_bytes(path, &body.to_string(), headers).as_bytes()).await.unwrap()
}
