//! Backtests of a log that the router itself has made: over the admin API, and on the command line.

use std::time::Duration;

use router_testkit::{Script, SimProvider};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{ADMIN, Call, MODEL, Setup, TestRouter};

const GROUP: &str = "mix";
const REQUESTS: usize = 400;

impl TestRouter {
    fn backtest(&self, asked: &Value) -> Call {
        self.call("POST", "/admin/v1/routing/backtest").bearer(ADMIN).json(asked)
    }
}

/// Three channels at 1, 2 and 4 USD; the dearest fails now and then. The middle one has a quota.
async fn with_log() -> (TestRouter, [SimProvider; 3]) {
    let (cheap, middle) = (SimProvider::start().await, SimProvider::start().await);
    let mut dear = SimProvider::start().await.on_any(Script::ok());
    for place in 1..40 {
        dear = dear.then(if place % 13 == 0 { Script::status(500) } else { Script::ok() });
    }
    let dear = dear.cycle();
    let model = |input: f64, speed: f64| {
        json!([{"name": MODEL, "context_length": 100_000, "price": {"input": input, "output": input * 2.0},
                "scores": {"speed": speed, "quality": speed}}])
    };
    let policy = json!({"strategy": "load_balance", "select": {"models": ["sim-*"]}});
    let setup = TestRouter::setup()
        .channel("cheap", &cheap)
        .models(model(1.0, 0.3))
        .channel("middle", &middle)
        .models(model(2.0, 0.6))
        .and(json!({"limits": {"requests_per_day": 150}}))
        .channel("dear", &dear)
        .models(model(4.0, 0.9));
    let router = setup.group(GROUP, policy).start().await;
    let one = async |number: usize| {
        let words = "word ".repeat(1 + number % 50);
        let body = json!({"messages": [{"role": "user", "content": words}]});
        let call = router.chat().model(GROUP).with(body).stream_if(number.is_multiple_of(3));
        assert_eq!(call.send().await.status(), 200);
    };
    for number in 0..REQUESTS {
        one(number).await;
    }
    router.rows(REQUESTS).await;
    (router, [cheap, middle, dear])
}

#[tokio::test]
async fn the_log_of_the_router_is_decided_the_same_again_and_cheaper_by_another_policy() {
    let (router, _providers) = with_log().await;
    let same = router.backtest(&json!({"from": "2020-01-01", "group": GROUP})).send().await;
    assert_eq!(same.status(), 200, "{}", same.text());
    let same = same.json();
    assert_eq!((&same["requests"], &same["skipped"]), (&json!(REQUESTS), &json!(0)), "{same:#}");
    let alike = same["same_choice"].as_f64().expect("a number");
    assert!(alike >= REQUESTS as f64 * 0.999, "{same:#}");
    assert_eq!(same["cost_usd"]["actual"], same["cost_usd"]["predicted"], "{same:#}");

    let cheaper = json!({"from": "2020-01-01", "group": GROUP,
        "policy": {"strategy": "cost_optimized", "select": {"models": ["sim-*"]}}});
    let cheaper = router.backtest(&cheaper).send().await;
    assert_eq!(cheaper.status(), 200, "{}", cheaper.text());
    let cheaper = cheaper.json();
    let cost = |side: &str| cheaper["cost_usd"][side].as_f64().expect("a number");
    assert!(cost("predicted") < cost("actual") * 0.95, "{cheaper:#}");
    assert!(cost("low") <= cost("predicted") && cost("predicted") <= cost("high"), "{cheaper:#}");
    assert!(cheaper["notes"][0].as_str().is_some_and(|note| note.contains("not in the log")), "{cheaper:#}");

    router.put("cheaper.yaml", "strategy: cost_optimized\nselect: { models: [\"sim-*\"] }\n");
    let args = ["backtest", "--config", "config", "--data-dir", "data", "--from", "2020-01-01", "--group", GROUP];
    let told = router.command(&[&args[..], &["--policy", "cheaper.yaml"]].concat()).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    println!("{}", told.stdout);
    for words in ["400 requests decided anew", "95 % INTERVAL", "cheap", "how sure:", "OBSERVED"] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let json = router.command(&[&args[..], &["--json"]].concat()).await;
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["same_choice"], same["same_choice"]);
}

/// Clients that ask at the same time, and what they ask together.
const CLIENTS: usize = 16;
const BUSY: usize = 2_000;

/// Groups that rank, draw and share in every way there is.
fn with_groups(setup: Setup, models: &str) -> Setup {
    let layers = json!([
        {"field": "speed_score", "order": "desc", "weight": 1.0},
        {"field": "in_flight", "order": "asc", "weight": 0.5},
        {"field": "effective_cost", "order": "asc", "weight": 0.3},
    ]);
    let with = |strategy: &str, fields: Value| {
        let mut policy = json!({"strategy": strategy, "select": {"models": [models]}});
        for (name, value) in fields.as_object().expect("fields") {
            policy[name] = value.clone();
        }
        policy
    };
    let sharing = |algorithm: &str| with("load_balance", json!({"load_balancing": {"algorithm": algorithm}}));
    setup
        .group("layers", with("multi_layer", json!({"routing_strategy": layers})))
        .group("turns", with("load_balance", json!({})))
        .group("idle", sharing("least_in_flight"))
        .group("two", sharing("power_of_two"))
        .group("goals", with("slo", json!({"slo": {"ttft_p95": "40ms", "success": 0.95}})))
}

/// Requests to these groups in turn from many clients at a time; every third belongs to a session.
async fn ask_at_once(router: &TestRouter, groups: &'static [&'static str]) {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let chat = router.chat();
        clients.spawn(async move {
            for number in (client..BUSY).step_by(CLIENTS) {
                let body = json!({"messages": [{"role": "user", "content": "word ".repeat(1 + number % 5)}]});
                let call = chat.clone().with(body).model(groups[number % groups.len()]);
                let session = format!("session-{}", number % 29);
                let call = if number % 3 == 0 { call.header("x-router-session", &session) } else { call };
                call.stream_if(number % 11 == 0).send().await;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("a client");
    }
    let written = crate::support::eventually("every row", async || {
        let counted = router.metric("router_spool_records").await;
        (counted == 0.0).then_some(())
    });
    written.await;
}

/// Asserts that at least 99.9 % of the decisions come out as they came, of all groups together and of each.
async fn comes_out_the_same(router: &TestRouter, groups: &[&str]) {
    for group in std::iter::once(None).chain(groups.iter().map(Some)) {
        let report = router.backtest(&json!({"from": "2020-01-01", "group": group})).send().await;
        assert_eq!(report.status(), 200, "{}", report.text());
        let report = report.json();
        let (all, same) = (report["requests"].as_u64().expect("a number"), report["same_choice"].as_u64());
        let skipped = report["skipped"].as_u64().expect("a number");
        // Requests for which nobody was left have no decision, so they are left out.
        let expected = if group.is_none() { BUSY as u64 } else { 1 };
        assert!(all + skipped >= expected && all > skipped * 4, "{report:#}");
        // A part of so few requests holds if all but one come out the same.
        let may_differ = if group.is_none() { all / 1_000 } else { 1 };
        assert!(same.is_some_and(|same| same + may_differ >= all), "{group:?}: {same:?} of {all}: {report:#}");
    }
}

#[tokio::test]
async fn a_busy_log_of_the_demo_is_decided_the_same_again() {
    const GROUPS: &[&str] = &["auto:demo", "auto:cheap", "auto:fast", "layers", "turns", "idle", "two", "goals"];
    let router = with_groups(TestRouter::setup().arg("--demo"), "demo-*").start().await;
    ask_at_once(&router, GROUPS).await;
    comes_out_the_same(&router, GROUPS).await;

    // It is decided, not read: other weights come out otherwise.
    let other = json!({"strategy": "multi_layer", "select": {"models": ["demo-*"]},
        "routing_strategy": [{"field": "effective_cost", "order": "asc", "weight": 1.0}]});
    let other = json!({"from": "2020-01-01", "group": "layers", "policy": other});
    let other = router.backtest(&other).send().await.json();
    let part = |name: &str| other[name].as_f64().expect("a number");
    assert!(part("same_choice") < part("requests") * 0.9, "{other:#}");
}

#[tokio::test]
async fn a_busy_log_with_limits_and_faults_is_decided_the_same_again() {
    const GROUPS: &[&str] = &["layers", "turns", "idle", "two", "goals", "auto:ordered", "lone"];
    let quick = Script::ok().delay(Duration::from_millis(5));
    let narrow = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(15)));
    let daily = SimProvider::start().await.on_any(quick.clone());
    let steady = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(25)));
    let mut shaky = SimProvider::start().await.on_any(quick.clone());
    for place in 1..60 {
        shaky = shaky.then(match place {
            7 | 8 | 21 | 40..=46 => Script::status(500),
            33 => Script::rate_limited(Some(1)),
            _ => quick.clone(),
        });
    }
    let shaky = shaky.cycle();
    let setup = TestRouter::setup()
        .channel("narrow", &narrow)
        .and(json!({"limits": {"max_in_flight": 3}}))
        .channel("daily", &daily)
        .and(json!({"limits": {"requests_per_day": 300}}))
        .channel("shaky", &shaky)
        .channel("steady", &steady)
        .and(json!({"limits": {"requests_per_minute": 1_500}, "models": [{"name": MODEL, "price": {"input": 3.0, "output": 9.0}}]}))
        .system(json!({"failover": {"retry_budget": 0.1}, "breaker": {"open_for": "1s"}, "cooldown": {"temporary": "200ms"}}));
    let lone = json!({"strategy": "priority", "channels": [{"channel": "shaky", "model": MODEL}]});
    let router = with_groups(setup, "sim-*").group("lone", lone).start().await;
    ask_at_once(&router, GROUPS).await;
    comes_out_the_same(&router, GROUPS).await;
}

#[tokio::test]
async fn a_busy_log_with_several_limited_keys_is_decided_the_same_again() {
    const GROUPS: &[&str] = &["layers", "turns", "idle", "two", "goals", "auto:ordered"];
    let by_key = |name: &str, limits: Value| json!({"value": format!("sk-{name}"), "limits": limits});
    let narrow = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(15)));
    let mut busy = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(5)));
    for place in 1..40 {
        let refuses = place % 13 == 0;
        busy = busy.then(if refuses {
            Script::rate_limited(Some(1))
        } else {
            Script::ok().delay(Duration::from_millis(5))
        });
    }
    let busy = busy.cycle();
    let steady = SimProvider::start().await.on_any(Script::ok().delay(Duration::from_millis(25)));
    let setup = TestRouter::setup()
        .channel("narrow", &narrow)
        .and(json!({"key_rotation": "least_used", "api_keys": [
            by_key("one", json!({"max_in_flight": 1})), by_key("two", json!({"max_in_flight": 2})),
        ]}))
        .channel("busy", &busy)
        .and(json!({"api_keys": [
            by_key("a", json!({"requests_per_day": 20})), by_key("b", json!({"requests_per_minute": 30})), by_key("c", json!({})),
        ]}))
        .channel("steady", &steady)
        .system(json!({"failover": {"retry_budget": 0.1}, "cooldown": {"temporary": "200ms"}}));
    let router = with_groups(setup, "sim-*").start().await;
    ask_at_once(&router, GROUPS).await;
    comes_out_the_same(&router, GROUPS).await;
    let keys = router.admin("/admin/v1/channels/busy").await.json()["keys"].clone();
    assert_eq!(keys[0]["requests_today"], 20, "its limit was reached: {keys:#}");
}

#[tokio::test]
async fn a_busy_log_with_second_attempts_is_decided_the_same_again() {
    const GROUPS: &[&str] = &["layers", "turns", "idle", "two", "goals", "auto:ordered"];
    let mut setup = TestRouter::setup();
    let mut providers = Vec::new();
    for (place, name) in ["one", "two-of-them", "three"].into_iter().enumerate() {
        let quick = Script::ok().delay(Duration::from_millis(4 + 2 * place as u64));
        let mut provider = SimProvider::start().await.on_any(quick.clone());
        for number in 1..20 {
            provider = provider.then(if number == 11 + place {
                Script::ok().delay(Duration::from_millis(200))
            } else {
                quick.clone()
            });
        }
        let provider = provider.cycle();
        setup = setup.channel(name, &provider);
        providers.push(provider);
    }
    let hedging = json!({"failover": {"hedge_after": "p95", "hedge_budget": 0.2, "retry_budget": 0.5}});
    let router = with_groups(setup.system(hedging), "sim-*").start().await;
    ask_at_once(&router, GROUPS).await;
    let metrics = router.metrics().await;
    let outrun =
        metrics.iter().filter(|(name, _)| name.contains(r#"outcome="outrun""#)).map(|(_, count)| count).sum::<f64>();
    assert!(outrun > 20.0, "{outrun} of two attempts were outrun");
    comes_out_the_same(&router, GROUPS).await;
}

#[tokio::test]
async fn what_cannot_be_tested_is_told() {
    let provider = SimProvider::start().await;
    let router = TestRouter::setup().channel("only", &provider).start().await;
    for (asked, status, told) in [
        (
            json!({"from": "2020-01-01", "group": "auto:ordered"}),
            404,
            "the log holds no requests for auto:ordered in this period",
        ),
        (json!({"from": "2020-01-01", "group": "nobody"}), 400, "no group `nobody`"),
        (json!({"from": "2020-01-02", "to": "2020-01-01"}), 400, "ends before it begins"),
        (json!({"group": "auto:ordered"}), 400, "a moment has to be named"),
        (json!({"from": "soon"}), 400, "a moment such as"),
        (json!({"from": "2020-01-01", "policies": 1}), 400, "allowed: from, to, group, policy"),
        (json!({"from": "2020-01-01", "policy": {"strategy": "priority"}}), 400, "needs the name of the group"),
        (json!({"from": "2020-01-01", "group": "auto:ordered", "policy": "strategy: luck\n"}), 400, "policy:1:11"),
        (json!({"from": "2020-01-01", "group": "auto:ordered", "policy": "chanels: []\n"}), 400, "policy:1:1"),
    ] {
        let reply = router.backtest(&asked).send().await;
        assert_eq!(reply.status(), status, "{asked}: {}", reply.text());
        assert!(reply.text().contains(told), "{asked}: {}", reply.text());
    }
    router.put("broken.yaml", "strategy: priority\nlayers: 3\n");
    let args =
        ["backtest", "--config", "config", "--data-dir", "data", "--from", "2020-01-01", "--policy", "broken.yaml"];
    let broken = router.command(&[&args[..], &["--group", "auto:ordered"]].concat()).await;
    assert_eq!(broken.code, Some(2), "{broken:?}");
    assert!(broken.stderr.contains("broken.yaml:2:1"), "{broken:?}");
    let unnamed = router.command(&args).await;
    assert!(unnamed.code == Some(2) && unnamed.stderr.contains("name the group with --group"), "{unnamed:?}");
    let empty = router.command(&args[..args.len() - 2]).await;
    assert!(empty.code == Some(1) && empty.stderr.contains("the log holds no requests in this period"), "{empty:?}");
}
