//! The benchmark's upstream: answers chat calls from prebuilt bytes, so that it costs next to nothing.
//!
//! `GET /__stats` gives the counters; `GET /__set?delay_ms=…&event_gap_ms=…` changes the pace of the running process,
//! so that one upstream serves all scenarios of a run.

use super::Failure;
use super::args::Args;
use crate::http1::{Framing, Head, Link, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The options of `simulated-provider`.
pub const OPTIONS: [&str; 6] = ["listen", "delay-ms", "stream-events", "event-gap-ms", "body-bytes", "threads"];

/// Counters, pace and prebuilt answers.
#[derive(Debug)]
struct Shared {
    requests: AtomicU64,
    streams: AtomicU64,
    connections: AtomicU64,
    delay_micros: AtomicU64,
    gap_micros: AtomicU64,
    whole: Bytes,
    plain: Stream,
    with_usage: Stream,
}

/// A prebuilt stream: head, then each event as one HTTP chunk, then the end.
#[derive(Debug)]
struct Stream {
    head: Bytes,
    events: Vec<Bytes>,
    end: Bytes,
}

/// Listens and serves for ever; `ready` is told the address.
///
/// # Errors
/// Wrong arguments; an address that cannot be bound.
pub fn run(args: &Args, ready: impl FnOnce(SocketAddr)) -> Result<(), Failure> {
    let address: SocketAddr = args.get("listen", SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let events = args.get("stream-events", 50_usize)?.max(2);
    let bytes = args.get("body-bytes", 1024_usize)?;
    let shared = Arc::new(Shared {
        requests: AtomicU64::new(0),
        streams: AtomicU64::new(0),
        connections: AtomicU64::new(0),
        delay_micros: AtomicU64::new(millis(args.get("delay-ms", 0.0)?)),
        gap_micros: AtomicU64::new(millis(args.get("event-gap-ms", 0.0)?)),
        whole: whole(bytes),
        plain: stream(events, false),
        with_usage: stream(events, true),
    });
    let threads = args.get("threads", 1_usize)?.max(1);
    let listener = listen_shared(address)?;
    let address = listener.local_addr()?;
    let mut listeners = vec![listener];
    for _ in 1..threads {
        listeners.push(listen_shared(address)?);
    }
    ready(address);
    on_each(listeners, move |listener| serve(listener, Arc::clone(&shared)))
}

/// A listener that shares its port with others of its kind; the kernel spreads connections over them.
pub(super) fn listen_shared(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Runs `serve` on a thread and a single-threaded runtime for each listener; returns only if all of them end.
pub(super) fn on_each<F, T>(listeners: Vec<std::net::TcpListener>, serve: F) -> Result<(), Failure>
where
    F: Fn(tokio::net::TcpListener) -> T + Send + Sync + 'static,
    T: Future<Output = ()>,
{
    let serve = Arc::new(serve);
    let mut threads = Vec::new();
    for listener in listeners {
        let serve = Arc::clone(&serve);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        threads.push(std::thread::spawn(move || {
            runtime.block_on(async move {
                if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                    serve(listener).await;
                }
            });
        }));
    }
    for thread in threads {
        thread.join().map_err(|_| "a serving thread ended by a panic")?;
    }
    Ok(())
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                shared.connections.fetch_add(1, Relaxed);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // However a connection ends, its client knows.
                    drop(converse(Link::new(stream), &shared).await);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn converse(mut link: Link, shared: &Shared) -> std::io::Result<()> {
    while let Some(head) = link.read_head().await? {
        let (body, complete) = link.read_body(Framing::of_head(&head, Framing::Length(0))).await?;
        if !complete {
            break;
        }
        if head.starts_with(b"POST ") {
            answer(&mut link, shared, &body).await?;
        } else {
            link.send(&control(&Head::parse(&head), shared)).await?;
        }
    }
    Ok(())
}

async fn answer(link: &mut Link, shared: &Shared, body: &[u8]) -> std::io::Result<()> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    shared.requests.fetch_add(1, Relaxed);
    let delay = shared.delay_micros.load(Relaxed);
    if delay > 0 {
        link.pause(Duration::from_micros(delay)).await?;
    }
    if !text.contains("\"stream\":true") {
        return link.send(&shared.whole).await;
    }
    shared.streams.fetch_add(1, Relaxed);
    let gap = Duration::from_micros(shared.gap_micros.load(Relaxed));
    let stream = if text.contains("\"include_usage\":true") { &shared.with_usage } else { &shared.plain };
    link.send(&stream.head).await?;
    for (number, event) in stream.events.iter().enumerate() {
        if number > 0 && !gap.is_zero() {
            link.pause(gap).await?;
        }
        link.send(event).await?;
    }
    link.send(&stream.end).await
}

/// `/__set` and `/__stats`; anything else is a 404.
fn control(head: &Head, shared: &Shared) -> Bytes {
    let (_, target) = head.method_and_target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let status = match path {
        "/__set" | "/__stats" => 200,
        _ => 404,
    };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match (path, name, value.parse().map(millis)) {
            ("/__set", "delay_ms", Ok(micros)) => shared.delay_micros.store(micros, Relaxed),
            ("/__set", "event_gap_ms", Ok(micros)) => shared.gap_micros.store(micros, Relaxed),
            _ => {}
        }
    }
    let stats = json!({
        "requests": shared.requests.load(Relaxed),
        "streams": shared.streams.load(Relaxed),
        "connections": shared.connections.load(Relaxed),
        "delay_ms": shared.delay_micros.load(Relaxed) as f64 / 1000.0,
        "event_gap_ms": shared.gap_micros.load(Relaxed) as f64 / 1000.0,
    });
    json_response(status, &stats)
}

fn millis(millis: f64) -> u64 {
    (millis * 1000.0).max(0.0) as u64
}

fn json_response(status: u16, body: &Value) -> Bytes {
    let body = body.to_string();
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let head = Response::head_bytes("HTTP/1.1", status, &headers, &format!("content-length: {}", body.len()));
    [head, body.into()].concat().into()
}

/// A chat completion whose text has `bytes` bytes.
fn whole(bytes: usize) -> Bytes {
    let text: String = "simulated ".chars().cycle().take(bytes).collect();
    let message = json!({"role": "assistant", "content": text, "refusal": null});
    json_response(
        200,
        &json!({
            "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_790_000_000, "model": "bench",
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 256, "completion_tokens": 256, "total_tokens": 512},
        }),
    )
}

/// A stream of `events` chunks (role and finish included), then usage if wanted, then `[DONE]`.
fn stream(events: usize, usage: bool) -> Stream {
    let headers = [("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())];
    let head = Response::head_bytes("HTTP/1.1", 200, &headers, "transfer-encoding: chunked");
    let mut chunks = vec![event(&json!({"role": "assistant", "content": ""}), None, usage)];
    chunks.extend((2..events).map(|number| event(&json!({"content": format!("word{number:03} ")}), None, usage)));
    chunks.push(event(&json!({}), Some("stop"), usage));
    if usage {
        let counted = json!({"prompt_tokens": 256, "completion_tokens": events, "total_tokens": 256 + events});
        chunks.push(http_chunk(&envelope(&json!([]), Some(&counted)).to_string()));
    }
    chunks.push(http_chunk("[DONE]"));
    Stream { head, events: chunks, end: Bytes::from_static(b"0\r\n\r\n") }
}

fn event(delta: &Value, finish: Option<&str>, usage: bool) -> Bytes {
    let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    http_chunk(&envelope(&choices, usage.then_some(&Value::Null)).to_string())
}

fn envelope(choices: &Value, usage: Option<&Value>) -> Value {
    let mut chunk = json!({
        "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "bench",
        "choices": choices,
    });
    if let (Some(usage), Some(fields)) = (usage, chunk.as_object_mut()) {
        fields.insert("usage".to_owned(), usage.clone());
    }
    chunk
}

fn http_chunk(data: &str) -> Bytes {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len()).into()
}
