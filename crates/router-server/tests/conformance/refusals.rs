//! A provider's refusals, in its own words, become the contract's errors in the client's words, whole and streamed.

use router_testkit::{Script, SimProvider};

use super::adapters::supported;
use super::support::TestRouter;
use super::world::{channel, clients, name_of, send};
use router_testkit::clients::Want;

/// A name, what the provider does, and what the client gets: status and the router's code.
type Row = (&'static str, fn() -> Script, u16, &'static str);

/// In every vendor's own form; the kit writes the body as the vendor does.
const ROWS: &[Row] = &[
    ("-400", || Script::status(400), 400, "invalid_value"),
    (
        "-context",
        || {
            Script::bad_request(
                "context_length_exceeded",
                Some("messages"),
                "This model's maximum context length is 10 tokens. prompt is too long: 11 tokens > 10 maximum",
            )
        },
        400,
        "context_length_exceeded",
    ),
    ("-401", || Script::status(401), 503, "no_channel_available"),
    ("-429", || Script::rate_limited(Some(7)), 429, "rate_limit_exceeded"),
    ("-500", || Script::status(500), 502, "upstream_error"),
    ("-503", || Script::status(503), 502, "upstream_error"),
    (
        "-200",
        || Script::error_with_200("server_error", None, "simulated failure with status 200"),
        502,
        // Whether an object without `error` in a stream is an error or nonsense is a matter of taste.
        "upstream_error or upstream_bad_response",
    ),
    ("-empty", Script::empty, 502, "upstream_bad_response"),
    ("-hollow", Script::no_choices, 502, "upstream_bad_response"),
];

/// Vendors to whom a status means something else: kind, row, and what the client gets.
const OTHERWISE: &[(&str, &str, u16, &str)] = &[
    // Not a rate but a server that is full.
    ("deepseek", "-429", 502, "upstream_error"),
];

/// What a client gets in a row, whoever refuses.
fn expected(kind: &str, row: &Row) -> (u16, &'static str) {
    let other = OTHERWISE.iter().find(|(vendor, tail, ..)| *vendor == kind && *tail == row.0);
    other.map_or((row.2, row.3), |(_, _, status, code)| (*status, *code))
}

#[tokio::test]
async fn refusals_of_every_provider() {
    for client in clients() {
        for stream in [false, true] {
            let mut provider = SimProvider::start().await;
            let mut setup = TestRouter::setup();
            for adapter in supported() {
                for (tail, script, _, _) in ROWS {
                    provider = provider.on_model(&format!("{}{tail}", adapter.model), script());
                    setup = channel(setup, adapter, &provider, tail);
                }
            }
            let router = setup.start().await;
            for adapter in supported() {
                for row in ROWS {
                    let (status, code) = expected(adapter.kind, row);
                    let model = name_of(adapter, row.0);
                    let want = Want { model: &model, text: "hello", stream, ..Want::default() };
                    let reply = send(&router, client, &model, stream, &(client.ask)(&want)).await;
                    let place = format!("{} → {model}, stream {stream}: {}", client.name, reply.text());
                    let said = reply.header("x-router-error");
                    assert_eq!(reply.status(), status, "{place}");
                    assert!(code.split(" or ").any(|code| code == said), "{said}, not {code}: {place}");
                    assert!(!reply.text().contains("sk-upstream") && !reply.text().contains("127.0.0.1"), "{place}");
                }
            }
        }
    }
}
