//! Who may use the router: every form of a key, every way of having none, what a key may see, and addresses.

use std::collections::BTreeSet;

use router_testkit::SimProvider;
use serde_json::json;

use crate::support::{ADMIN, KEY, MODEL, ORDERED, Reply, TestRouter, eventually, run_to_end};

/// What two answers may not differ in: status, all headers but the request's id and the date, body.
fn face(reply: &Reply) -> (u16, BTreeSet<(String, String)>, String) {
    let told_apart = |name: &str| !matches!(name, "x-request-id" | "request-id" | "date");
    let headers = reply.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    (reply.status(), headers.filter(|(name, _)| told_apart(name)).collect(), reply.text())
}

#[tokio::test]
async fn a_key_is_taken_in_every_form() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let bearer = format!("Bearer {KEY}");
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("x-api-key", KEY)],
        vec![("api-key", KEY)],
        vec![("x-goog-api-key", KEY)],
        vec![("authorization", bearer.as_str()), ("x-api-key", KEY)],
    ] {
        let bare = router.chat().without("authorization");
        let reply = headers.iter().fold(bare, |call, (name, value)| call.header(name, value)).send().await;
        assert_eq!(reply.status(), 200, "{headers:?}: {}", reply.text());
    }
    let two = router.chat().header("x-api-key", "sk-router-another-0123456789").send().await;
    two.error(400, "ambiguous_credentials");
}

#[tokio::test]
async fn unknown_malformed_and_revoked_keys_look_the_same() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).key("old", "sk-router-old-0123456789abcdef");
    let router = router.and(json!({"enabled": false})).start().await;

    let missing = router.chat().without("authorization").send().await;
    missing.error(401, "missing_api_key");
    let unknown = router.chat().bearer("sk-router-nobody-0123456789abcdef").send().await;
    assert_eq!(unknown.error(401, "invalid_api_key")["type"], "authentication_error");
    let table = [
        ("disabled", router.chat().bearer("sk-router-old-0123456789abcdef")),
        ("short", router.chat().bearer("x")),
        ("empty", router.chat().bearer("")),
        ("blanks", router.chat().bearer("a b c")),
        ("long", router.chat().bearer(&"k".repeat(4_000))),
        ("another scheme", router.chat().without("authorization").header("authorization", "Basic YTpi")),
        ("no scheme", router.chat().without("authorization").header("authorization", KEY)),
        ("almost", router.chat().bearer(&KEY[..KEY.len() - 1])),
        ("another case", router.chat().bearer(&KEY.to_uppercase())),
    ];
    for (what, call) in table {
        assert_eq!(face(&call.send().await), face(&unknown), "{what}");
    }
    for path in ["/v1/models", "/v1/embeddings", "/v1/completions"] {
        let method = if path == "/v1/models" { "GET" } else { "POST" };
        let reply = router.call(method, path).bearer("sk-router-nobody-0123456789abcdef").json(&json!({})).send().await;
        assert_eq!(face(&reply), face(&unknown), "{path}");
    }
    assert_eq!(provider.stats().requests, 0);
}

#[tokio::test]
async fn a_key_revoked_from_the_command_line_is_out() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    let data = router.data_dir().display().to_string();
    let command = |args: &[&str]| {
        let args: Vec<String> =
            args.iter().map(|arg| (*arg).to_owned()).chain(["--data-dir".to_owned(), data.clone()]).collect();
        let folder = router.data_dir();
        async move {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let ended = run_to_end(&args, &[].into(), &folder).await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
            ended.stdout
        }
    };
    let said = command(&["key", "create", "--name", "guest"]).await;
    let key = said.split_whitespace().find(|word| word.starts_with("sk-router-")).expect("a key").to_owned();
    eventually("the new key", async || (router.chat().bearer(&key).send().await.status() == 200).then_some(())).await;
    command(&["key", "revoke", "guest"]).await;
    eventually("the end of the key", async || {
        let reply = router.chat().bearer(&key).send().await;
        (reply.status() == 401).then(|| reply.error(401, "invalid_api_key"))
    })
    .await;
}

#[tokio::test]
async fn a_key_has_an_end_and_addresses() {
    let provider = SimProvider::start().await;
    let [gone, later, far, near] =
        ["gone", "later", "far", "near"].map(|name| format!("sk-router-{name}-0123456789abcdef"));
    let router = TestRouter::setup()
        .channel("only", &provider)
        .key("gone", &gone)
        .and(json!({"expires_at": "2020-01-01"}))
        .key("later", &later)
        .and(json!({"expires_at": "2999-01-01T00:00:00Z"}))
        .key("far", &far)
        .and(json!({"ip_allow": ["10.0.0.0/8"]}))
        .key("near", &near)
        .and(json!({"ip_allow": ["127.0.0.0/8"]}))
        .start()
        .await;
    router.chat().bearer(&gone).send().await.error(401, "key_expired");
    router.chat().bearer(&far).send().await.error(403, "ip_not_allowed");
    // Nobody is trusted to speak for another address.
    let forged = router.chat().bearer(&far).header("x-forwarded-for", "10.1.2.3").send().await;
    forged.error(403, "ip_not_allowed");
    assert_eq!(router.chat().bearer(&later).send().await.status(), 200);
    assert_eq!(router.chat().bearer(&near).send().await.status(), 200);
}

#[tokio::test]
async fn what_a_key_may_not_use_does_not_exist_for_it() {
    let provider = SimProvider::start().await;
    let narrow = "sk-router-narrow-0123456789abcdef";
    let price = json!({"input": 1.0, "output": 2.0});
    let router = TestRouter::setup()
        .channel("only", &provider)
        .models(json!([
            {"name": MODEL, "price": price}, {"name": "sim-other", "price": price}, {"name": "vendor/odd:name", "price": price},
        ]))
        .key("narrow", narrow)
        .and(json!({"groups": [MODEL, "vendor/*"]}))
        .start()
        .await;
    let same_face = |hidden: &Reply, missing: &Reply, name: &str, other: &str| {
        let (status, headers, body) = face(missing);
        let body = body.replace(other, name);
        let lengths = |headers: BTreeSet<(String, String)>| -> BTreeSet<_> {
            headers.into_iter().filter(|(name, _)| name != "content-length").collect()
        };
        let (hidden_status, hidden_headers, hidden_body) = face(hidden);
        assert_eq!((hidden_status, hidden_body), (status, body));
        assert_eq!(lengths(hidden_headers), lengths(headers));
    };
    for hidden in ["sim-other", ORDERED, "auto:cheap", "sim/sim-other", "channel:only/sim-other"] {
        // As long as the hidden name and near nothing else.
        let absent = "q".repeat(hidden.len());
        let reply = router.chat().bearer(narrow).model(hidden).send().await;
        reply.error(404, "model_not_found");
        let missing = router.chat().bearer(narrow).model(&absent).send().await;
        same_face(&reply, &missing, hidden, &absent);
        let reply = router.call("GET", &format!("/v1/models/{hidden}")).bearer(narrow).send().await;
        let missing = router.call("GET", &format!("/v1/models/{absent}")).bearer(narrow).send().await;
        same_face(&reply, &missing, hidden, &absent);
    }
    assert_eq!(router.chat().bearer(narrow).model(MODEL).send().await.status(), 200);
    assert_eq!(router.chat().bearer(narrow).model("vendor/odd:name").send().await.status(), 200);
    assert_eq!(router.chat().model("sim-other").send().await.status(), 200);
    let list = router.call("GET", "/v1/models").bearer(narrow).send().await.json();
    let ids: Vec<_> = list["data"].as_array().expect("a list").iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(ids, [MODEL, "vendor/odd:name"]);
}

#[tokio::test]
async fn the_admin_key_is_a_key_like_others_on_the_client_api() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    assert_eq!(router.chat().bearer(ADMIN).send().await.status(), 200);
    let row = router.row().await;
    assert_ne!(row.key, "client");
}
