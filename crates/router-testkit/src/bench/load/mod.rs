//! The load generator: N keep-alive connections, closed loop, or open loop at a rate (then latencies count from the
//! moment a request was due, so that a stall shows in full).

mod connection;
mod report;

pub use report::Report;

use super::Failure;
use super::args::Args;
use connection::Shared;
use serde_json::{Value, json};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// The options of `loadgen`.
pub const OPTIONS: [&str; 9] =
    ["url", "connections", "requests", "seconds", "header", "body", "model", "rate", "threads"];
/// The switches of `loadgen`.
pub const SWITCHES: [&str; 2] = ["stream", "json"];

/// When the load ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this many requests over all connections.
    Requests(u64),
    /// After this long; requests that are under way finish and count.
    Time(Duration),
}

/// What load to make.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to connect.
    pub address: SocketAddr,
    /// The exact request bytes, head and body.
    pub request: Vec<u8>,
    /// Whether answers are event streams.
    pub stream: bool,
    /// Connections kept open.
    pub connections: usize,
    /// When to end.
    pub until: Until,
    /// Requests per second; `None`: each connection sends as soon as its last answer is complete.
    pub rate: Option<f64>,
    /// Threads, each with its own runtime and its share of the connections.
    pub threads: usize,
}

impl Load {
    /// A load of chat requests of about 1 KB to `url`, closed loop on one thread.
    ///
    /// # Errors
    /// A URL that is not `http://HOST[:PORT]/PATH`, or whose host is unknown.
    pub fn chat(url: &str, model: &str, stream: bool, headers: &[&str]) -> Result<Self, Failure> {
        Self::post(url, &chat_body(model, stream), stream, headers)
    }

    /// A load of POST requests with this body.
    ///
    /// # Errors
    /// As [`Load::chat`]; a header without a colon.
    pub fn post(url: &str, body: &str, stream: bool, headers: &[&str]) -> Result<Self, Failure> {
        let (host, path) = split_url(url)?;
        let full = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let address = full.to_socket_addrs()?.next().ok_or_else(|| format!("{host} has no address"))?;
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in headers {
            let (name, value) = header.split_once(':').ok_or_else(|| format!("header '{header}' has no colon"))?;
            request.extend([name.trim(), ": ", value.trim(), "\r\n"]);
        }
        request.extend(["\r\n", body]);
        let request = request.into_bytes();
        Ok(Self { address, request, stream, connections: 1, until: Until::Requests(1), rate: None, threads: 1 })
    }

    /// The load that the command line asks for.
    ///
    /// # Errors
    /// Arguments that are missing or do not parse; a body file that cannot be read.
    pub fn from_args(args: &Args) -> Result<Self, Failure> {
        let url = args.text("url").ok_or("--url http://HOST:PORT/v1/chat/completions is required")?;
        let stream = args.has("stream");
        let headers: Vec<&str> = args.all("header").collect();
        let mut load = match args.text("body") {
            Some(file) => Self::post(url, &std::fs::read_to_string(file)?, stream, &headers)?,
            None => Self::chat(url, args.text("model").unwrap_or("bench"), stream, &headers)?,
        };
        load.connections = args.get("connections", 1_usize)?.max(1);
        load.threads = args.get("threads", 1_usize)?.max(1);
        load.rate = args.text("rate").map(str::parse).transpose()?.filter(|rate: &f64| *rate > 0.0);
        load.until = match args.text("requests") {
            Some(count) => Until::Requests(count.parse()?),
            None => Until::Time(Duration::from_secs_f64(args.get("seconds", 10.0_f64)?)),
        };
        Ok(load)
    }

    /// Makes the load and reports. Blocks the calling thread.
    ///
    /// # Errors
    /// When a runtime cannot be made or a thread panics; failed requests are counted, not errors.
    pub fn run(&self) -> Result<Report, Failure> {
        let shared = Arc::new(Shared::new(self));
        let mut threads = Vec::new();
        for thread in 0..self.threads {
            let share = self.connections / self.threads + usize::from(thread < self.connections % self.threads);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let shared = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || {
                runtime.block_on(async {
                    let tasks: Vec<_> =
                        (0..share).map(|_| tokio::spawn(connection::drive(Arc::clone(&shared)))).collect();
                    for task in tasks {
                        // A task ends by itself; a panic in one shows as missing requests.
                        drop(task.await);
                    }
                });
            }));
        }
        for thread in threads {
            thread.join().map_err(|_| "a load thread ended by a panic")?;
        }
        Ok(shared.report())
    }
}

/// A chat request of 1,024 bytes.
fn chat_body(model: &str, stream: bool) -> String {
    let make = |text: &str| -> Value {
        let messages =
            json!([{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": text}]);
        match stream {
            true => json!({"model": model, "messages": messages, "temperature": 0.7, "stream": true}),
            false => json!({"model": model, "messages": messages, "temperature": 0.7}),
        }
    };
    let missing = 1024_usize.saturating_sub(make("").to_string().len());
    let text: String = "benchmark ".chars().cycle().take(missing).collect();
    make(&text).to_string()
}

fn split_url(url: &str) -> Result<(&str, &str), Failure> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("'{url}' is not an http:// URL"))?;
    Ok(rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chat_body_has_one_kilobyte() {
        for stream in [false, true] {
            let body = chat_body("some-model", stream);
            assert_eq!((body.len(), body.contains("\"stream\":true")), (1024, stream));
        }
    }

    #[test]
    fn urls_are_split() {
        assert_eq!(split_url("http://h:1/v1/x").unwrap(), ("h:1", "/v1/x"));
        assert_eq!(split_url("http://h").unwrap(), ("h", "/"));
        assert!(split_url("https://h/").is_err());
    }
}
