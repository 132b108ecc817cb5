//! What a new configuration would change, in words, before it serves.

use serde_json::{Value, json};

use crate::control::{OK, TestControl};

const PATH: &str = "/admin/v1/config/plan";

/// What is said about something, `warning: ` before what is probably not meant.
fn about(plan: &Value, about: &str) -> Vec<String> {
    let findings = plan["findings"].as_array().expect("findings").iter().filter(|finding| finding["about"] == about);
    let text = |finding: &Value| {
        let level = if finding["level"] == "warning" { "warning: " } else { "" };
        format!("{level}{}", finding["text"].as_str().expect("a text"))
    };
    findings.map(text).collect()
}

#[tokio::test]
async fn a_plan_says_what_would_change_and_changes_nothing() {
    let control = TestControl::start().await;
    let text = std::fs::read_to_string(&control.config).expect("the file");
    let plan = async |text: &str| {
        let answer = control.send("POST", PATH, &json!({ "files": { "new.yaml": text } })).await;
        assert_eq!(answer.status, OK, "{answer:?}");
        answer.json()
    };
    let same = plan(&text).await;
    assert_eq!((&same["findings"], &same["backtest"]), (&json!([]), &Value::Null), "{same:#}");
    assert_eq!(same["note"], "no requests in the last hour");

    let changed = r#"
failover: { max_attempts: 5 }
channels:
  - name: main
    provider: openai
    api_keys: ["${PROVIDER_KEY}"]
    limits: { requests_per_day: 100 }
    key_rotation: least_used
    weight: 2
    models: [{ name: gpt-4o, price: { input: 7.5, output: 20 } }]
  - name: free
    provider: openai
    api_keys: ["${PROVIDER_KEY}"]
    models: [{ name: gpt-4o, price: { input: 0.01, output: 0.01 } }]
model_groups:
  team: { strategy: cost_optimized, select: { models: ["gpt-4o"] } }
keys:
  - { name: declared, value: "${DECLARED_KEY}", groups: ["gpt-4o-mini"] }
"#;
    let told = plan(changed).await;
    let main = about(&told, "channel main");
    for words in [
        "weight: 1.0 → 2.0",
        "limits.requests_per_day: none → 100",
        "key_rotation: weighted → least_used",
        "model gpt-4o-mini is removed",
    ] {
        assert!(main.iter().any(|text| text == words), "{words}: {told:#}");
    }
    let price = |text: &String| {
        text.starts_with("price of gpt-4o: ") && text.ends_with("→ 7.5 USD in and 20 USD out a million tokens")
    };
    assert!(main.iter().any(price), "{told:#}");
    assert_eq!(about(&told, "channel spare"), ["is removed"]);
    assert!(about(&told, "channel free")[0].starts_with("new, at "), "{told:#}");
    let team = about(&told, "group team");
    assert_eq!(team[0], "new, by cost_optimized");
    let wins = "warning: free/gpt-4o costs ";
    assert!(team.iter().any(|text| text.starts_with(wins) && text.ends_with("it always wins")), "{told:#}");
    assert_eq!(about(&told, "key declared"), ["warning: could not use any more: gpt-4o-mini"]);
    assert_eq!(about(&told, "settings"), ["system.failover.max_attempts: 4 → 5"]);

    let groups = control.get("/admin/v1/channels/spare", crate::control::VIEWER).await;
    assert_eq!(groups.status, OK, "nothing was changed");
    for (asked, told) in [
        (json!({ "files": { "new.yaml": "chanels: []\n" } }), "new.yaml:1:1"),
        (json!({ "files": {} }), "an object of file names and their texts"),
        (json!({ "files": { "a": 1 } }), "an object of file names and their texts"),
        (json!({ "file": "" }), "allowed: files"),
    ] {
        let answer = control.send("POST", PATH, &asked).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_value"), "{asked}");
        assert!(answer.text.contains(told), "{asked}: {}", answer.text);
    }
}
