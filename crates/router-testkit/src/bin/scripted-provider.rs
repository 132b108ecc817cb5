//! A simulated provider as a program, for tests that cannot link this crate (the official SDKs in `tests/sdk`).
//!
//! `scripted-provider [--listen 127.0.0.1:0]` prints `listening on http://HOST:PORT` and answers the OpenAI dialect
//! faithfully, except for models whose name asks for a fault (see [`FAULTS`]). It runs until it is
//! killed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

use router_testkit::{Script, SimProvider};
use std::net::SocketAddr;
use std::process::ExitCode;

/// A model's name and the fault that it asks for.
type Fault = (&'static str, fn() -> Script);

/// The names that clients may ask for to see a provider fail.
const FAULTS: &[Fault] = &[
    ("sim-status-400", || Script::status(400)),
    ("sim-status-401", || Script::status(401)),
    ("sim-status-402", || Script::status(402)),
    ("sim-status-403", || Script::status(403)),
    ("sim-status-404", || Script::status(404)),
    ("sim-status-429", || Script::rate_limited(Some(7))),
    ("sim-status-500", || Script::status(500)),
    ("sim-status-503", || Script::status(503)),
    ("sim-context-length", context_length),
    ("sim-bad-value", bad_value),
    ("sim-content-policy", content_policy),
    ("sim-error-200", || Script::error_with_200("server_error", None, "simulated failure with status 200")),
    ("sim-empty", Script::empty),
    ("sim-no-choices", Script::no_choices),
    ("sim-html", Script::html),
    ("sim-hang", Script::hang),
    ("sim-cut-before-head", Script::cut_before_head),
    ("sim-cut-before-first-token", Script::cut_before_first_token),
    ("sim-cut-after-3", || Script::cut_after(3)),
];

fn context_length() -> Script {
    let message =
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 200000 tokens.";
    Script::bad_request("context_length_exceeded", Some("messages"), message)
}

fn bad_value() -> Script {
    Script::bad_request("invalid_type", Some("temperature"), "temperature must be between 0 and 2.")
}

fn content_policy() -> Script {
    Script::bad_request("content_policy_violation", None, "The prompt was refused by our content policy.")
}

fn main() -> ExitCode {
    match address(std::env::args().skip(1).collect()).and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("scripted-provider: {failure}");
            ExitCode::from(2)
        }
    }
}

fn address(arguments: Vec<String>) -> Result<SocketAddr, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(SocketAddr::from(([127, 0, 0, 1], 0))),
        ["--listen", address] => address.parse().map_err(|error| format!("--listen {address}: {error}")),
        _ => Err("usage: scripted-provider [--listen 127.0.0.1:0]".to_owned()),
    }
}

fn serve(address: SocketAddr) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let provider = SimProvider::builder().listen(address).keep_requests(0).start().await;
        let mut provider = provider.map_err(|error| format!("{address}: {error}"))?;
        for (model, script) in FAULTS {
            provider = provider.on_model(model, script());
        }
        println!("listening on {}", provider.url(""));
        std::future::pending::<()>().await;
        Ok(())
    })
}
