//! Client keys over the API: made, changed, revoked, each at once in effect.

use serde_json::{Value, json};

use crate::control::{ADMIN, OK, TestControl, VIEWER};

const KEYS: &str = "/admin/v1/keys";

#[tokio::test]
async fn a_key_works_from_its_making_to_its_end() {
    let control = TestControl::start().await;
    let input = json!({
        "name": "ci", "role": "viewer", "groups": ["auto:*"], "daily_budget": 5.1, "monthly_budget": "0.000000001",
        "rate_limits": { "requests_per_minute": 60 }, "ip_allow": ["127.0.0.0/8"], "expires_at": "2100-01-01",
    });
    let made = control.send("POST", KEYS, &input).await;
    assert_eq!(made.status, 201, "{made:?}");
    let row = made.json();
    let (id, key) = (row["id"].as_str().expect("an id"), row["key"].as_str().expect("the key"));
    assert!(key.starts_with("sk-router-"));
    for (field, value) in [
        ("daily_budget", json!("5.100000000")),
        ("monthly_budget", json!("0.000000001")),
        ("expires_at", json!("2100-01-01T00:00:00Z")),
        ("last4", json!(&key[key.len() - 4..])),
        ("status", json!("active")),
        ("managed_by", json!("api")),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    assert_eq!(control.get(KEYS, key).await.status, OK);

    let path = format!("{KEYS}/{id}");
    let read = control.get(&path, VIEWER).await;
    assert!(!read.text.contains(key), "the key is shown once only");
    let tag = read.header("etag").to_owned();
    let change = json!({ "role": "user", "daily_budget": null, "name": "ci-2" });
    let stale = control.call("PATCH", &path, Some(ADMIN), &[("if-match", "\"other\"")], Some(&change)).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "precondition_failed"));
    let changed = control.call("PATCH", &path, Some(ADMIN), &[("if-match", &tag)], Some(&change)).await;
    assert_eq!(changed.status, OK, "{changed:?}");
    let after = changed.json();
    assert_eq!(
        (&after["role"], &after["daily_budget"], &after["name"]),
        (&json!("user"), &Value::Null, &json!("ci-2"))
    );
    assert_eq!(after["monthly_budget"], "0.000000001", "what was not named stays");
    assert_eq!(control.get(KEYS, key).await.code(), "admin_required");
    let late = control.call("DELETE", &path, Some(ADMIN), &[("if-match", &tag)], None).await;
    assert_eq!(late.status, 412);

    let gone = control.call("DELETE", &path, Some(ADMIN), &[], None).await;
    assert_eq!((gone.status, &gone.json()["status"]), (OK, &json!("revoked")));
    assert_eq!(control.get("/admin/v1/requests", key).await.code(), "invalid_api_key");
    assert_eq!(control.send("PATCH", &path, &json!({ "name": "again" })).await.code(), "conflict");
}

#[tokio::test]
async fn lists_are_filtered_searched_and_paged() {
    let control = TestControl::start().await;
    let names = |rows: Vec<Value>| -> Vec<String> {
        rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = ["admin-from-environment", "declared", "other", "user", "viewer"];
    for (query, found) in [
        ("", all.to_vec()),
        ("?sort=-name", all.iter().rev().copied().collect()),
        ("?role=viewer", vec!["viewer"]),
        ("?managed_by=file", vec!["declared"]),
        ("?q=ER", vec!["other", "user", "viewer"]),
        ("?q=%25", vec![]),
        ("?status=revoked", vec![]),
    ] {
        assert_eq!(names(control.get(&format!("{KEYS}{query}"), VIEWER).await.data()), found, "{query}");
    }
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = control.get(&format!("{KEYS}?limit=2{cursor}"), VIEWER).await;
        walked.extend(names(page.data()));
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(walked, all);
}

#[tokio::test]
async fn what_may_not_be_set_is_refused_and_changes_nothing() {
    let control = TestControl::start().await;
    let path = format!("{KEYS}/{}", control.key_id("user").await);
    let before = control.get(&path, ADMIN).await.text;
    for (body, field) in [
        (json!({ "spent": 0 }), "spent"),
        (json!({ "created_at": 0 }), "created_at"),
        (json!({ "managed_by": "file" }), "managed_by"),
        (json!({ "hash": "00" }), "hash"),
        (json!({ "id": "x" }), "id"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a\u{0}b" }), "name"),
        (json!({ "role": "root" }), "role"),
        (json!({ "role": null }), "role"),
        (json!({ "groups": "auto:*" }), "groups"),
        (json!({ "groups": [1] }), "groups"),
        (json!({ "ip_allow": ["everywhere"] }), "ip_allow"),
        (json!({ "daily_budget": -1 }), "daily_budget"),
        (json!({ "daily_budget": "1e-10" }), "daily_budget"),
        (json!({ "daily_budget": true }), "daily_budget"),
        (json!({ "rate_limits": { "requests_per_minute": 0 } }), "rate_limits.requests_per_minute"),
        (json!({ "rate_limits": { "per_hour": 1 } }), "rate_limits.per_hour"),
        (json!({ "expires_at": "soon" }), "expires_at"),
    ] {
        let answer = control.send("PATCH", &path, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_value"), "{body}");
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    assert_eq!(control.get(&path, ADMIN).await.text, before);
    for (body, code) in [
        (json!({}), "missing_required_parameter"),
        (json!([]), "invalid_json"),
        (json!({ "name": "user" }), "conflict"),
        (json!({ "name": "late", "expires_at": "2020-01-01" }), "invalid_value"),
    ] {
        assert_eq!(control.send("POST", KEYS, &body).await.code(), code, "{body}");
    }
}

#[tokio::test]
async fn the_last_admin_key_and_keys_of_files_stay() {
    let control = TestControl::start().await;
    let admin = format!("{KEYS}/{}", control.key_id("admin-from-environment").await);
    for (method, body) in [
        ("DELETE", json!({})),
        ("PATCH", json!({ "role": "viewer" })),
        ("PATCH", json!({ "expires_at": "2020-01-01" })),
    ] {
        let answer = control.send(method, &admin, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "conflict"), "{method} {body}");
    }
    let declared = format!("{KEYS}/{}", control.key_id("declared").await);
    for method in ["DELETE", "PATCH"] {
        let answer = control.send(method, &declared, &json!({ "role": "admin" })).await;
        assert_eq!(answer.status, 409, "{method}");
        let place = control.config.parent().expect("a folder").display().to_string();
        assert!(answer.text.contains(&place), "names where it is declared: {}", answer.text);
    }
    assert_eq!(control.get(&declared, ADMIN).await.json()["role"], "user");

    // With a second admin key the first may go.
    let made = control.send("POST", KEYS, &json!({ "name": "second", "role": "admin" })).await;
    assert_eq!(made.status, 201);
    assert_eq!(control.call("DELETE", &admin, Some(ADMIN), &[], None).await.status, OK);
    assert_eq!(control.get(KEYS, ADMIN).await.code(), "invalid_api_key");
}
