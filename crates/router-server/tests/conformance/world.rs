//! A router with a channel for every supported adapter, and the clients that ask it.

use router_testkit::SimProvider;
use router_testkit::clients::{CLIENTS, Client, Said, Want, events};
use serde_json::{Value, json};

use super::adapters::{self, Adapter};
use super::support::{KEY, Reply, Setup, TestRouter};

/// A picture of one pixel.
pub(crate) const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The clients whose dialect is served.
pub(crate) fn clients() -> impl Iterator<Item = &'static Client> {
    CLIENTS.iter().filter(|client| router_wire::dialects::dialect(client.name).is_some())
}

/// The name by which clients ask for a channel of this adapter; `tail` tells several apart.
pub(crate) fn name_of(adapter: &Adapter, tail: &str) -> String {
    format!("sim-{}{tail}", provider_of(adapter).replace('_', "-"))
}

/// The provider of an adapter: the built-in one, or an entry that says what it speaks.
fn provider_of(adapter: &Adapter) -> String {
    adapter.only.map_or_else(|| adapter.kind.to_owned(), |dialect| format!("{}-{dialect}", adapter.kind))
}

/// One more channel at the counterpart of an adapter.
pub(crate) fn channel(setup: Setup, adapter: &Adapter, provider: &SimProvider, tail: &str) -> Setup {
    let name = name_of(adapter, tail);
    let model = json!({
        "name": name, "upstream_name": format!("{}{tail}", adapter.model), "price": {"input": 1.0, "output": 2.0},
        "context_length": 200_000, "max_output_tokens": 64_000,
        "capabilities": ["chat", "streaming", "function_calling", "parallel_tools", "vision", "json_mode", "json_schema", "reasoning", "embeddings"],
    });
    let entry = |dialect| json!({"kind": adapter.kind, "dialect": dialect, "also": []});
    let entries = adapter.only.map_or(json!({}), |dialect| json!({provider_of(adapter): entry(dialect)}));
    let setup = setup.system(json!({"providers": entries})).channel_at(&name, &provider.url(adapter.path));
    setup.and(json!({"provider": provider_of(adapter)})).models(json!([model]))
}

/// A router with one channel for each supported adapter.
pub(crate) async fn router(provider: &SimProvider) -> TestRouter {
    let setup = adapters::supported().fold(TestRouter::setup(), |setup, adapter| channel(setup, adapter, provider, ""));
    setup.start().await
}

/// Sends a body.
pub(crate) async fn send(router: &TestRouter, client: &Client, model: &str, stream: bool, body: &Value) -> Reply {
    let call = router.call("POST", &(client.path)(model, stream)).bearer(KEY).json(body);
    let headers = client.headers.lines().filter_map(|line| line.split_once(": "));
    headers.fold(call, |call, (name, value)| call.header(name, value)).send().await
}

/// Asks, and reads the answer whichever form it was wanted in.
pub(crate) async fn ask(router: &TestRouter, client: &Client, want: &Want<'_>) -> Said {
    let reply = send(router, client, want.model, want.stream, &(client.ask)(want)).await;
    assert_eq!(reply.status(), 200, "{} → {}: {}", client.name, want.model, reply.text());
    assert!(reply.is_complete());
    if want.stream { (client.gather)(&events(&reply.text())) } else { (client.read)(&reply.json()) }
}
