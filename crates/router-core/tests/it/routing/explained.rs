//! Explanations: complete, true, readable, small.

use router_core::catalog::Snapshot;
use router_core::routing::{Decision, spell_out};
use serde_json::Value;

use super::{NOW, World, ask, at, build, catalogue, channel, group, model, run};

fn decision(channels: usize) -> (Snapshot, Decision) {
    let channels = (0..channels).map(|n| channel(&format!("c\"{n}"), vec![model("m", 10 + n as i64)])).collect();
    let snapshot = build(catalogue(channels, vec![group("g", "balanced")]));
    let mut world = World::default();
    world.set(&snapshot, "c\"1", |m, _| m.away.rate_limited_until_ms = NOW + 2_500);
    world.set(&snapshot, "c\"0", |m, _| m.ttft_ms = Some(f64::NAN));
    let decision = run(&snapshot, &world, &ask("g"), at(1));
    (snapshot, decision)
}

#[test]
fn an_explanation_holds_everyone() {
    let (snapshot, decision) = decision(5);
    let explanation = decision.explain(&snapshot);
    assert_eq!(explanation.group.as_deref(), Some("g"));
    assert_eq!((explanation.strategy, explanation.algorithm), ("balanced", "top_score"));
    let json = serde_json::to_value(&explanation).expect("serialisable");
    assert_eq!(json["candidates"].as_array().map(Vec::len), Some(5));
    assert_eq!(json["chosen"]["channel"], "c\"0");
    assert_eq!(json["candidates"][0]["rank"], 1);
    assert_eq!(json["candidates"][0]["verdict"], "eligible");
    assert_eq!(json["candidates"][0]["upstream_model"], "m-upstream");
    assert_eq!(json["candidates"][0]["factors"]["effective_cost"]["normalised"], 1.0);
    assert_eq!(json["candidates"][0]["factors"]["quality_score"]["value"], Value::Null);
    let out = &json["candidates"][4];
    assert_eq!((&out["reason"], &out["until_ms"]), (&"rate_limited".into(), &(NOW + 2_500).into()));
    assert_eq!((&out["score"], &out["rank"]), (&Value::Null, &Value::Null));
    assert_eq!(json["layers"][0], serde_json::json!({"field": "effective_cost", "order": "asc", "weight": 0.3}));
    let start = "m on c\"0 by balanced: score 1.000 before 0.";
    assert!(explanation.summary.starts_with(start), "{}", explanation.summary);
    let end = ", best in effective_cost, 3 more to fall back on; 1 out (1 rate_limited)";
    assert!(explanation.summary.ends_with(end), "{}", explanation.summary);
}

#[test]
fn nobody_left_is_said_plainly() {
    let snapshot = build(catalogue(vec![channel("a", vec![model("m", 1)])], vec![]));
    let mut world = World::default();
    world.set(&snapshot, "a", |m, _| m.away.cooldown_until_ms = NOW + 1_001);
    let summary = run(&snapshot, &world, &ask("m"), at(1)).summary(&snapshot);
    assert_eq!(summary, "none of 1 candidates can take the request (1 cooling_down); the first is back in 2 s");
    let alone = run(&snapshot, &World::default(), &ask("m"), at(1)).summary(&snapshot);
    assert_eq!(alone, "m on a as the only candidate that can take the request");
}

#[test]
fn the_table_has_a_row_for_everyone() {
    let (snapshot, decision) = decision(4);
    let table = decision.explain(&snapshot).table();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3 + 1 + 4, "{table}");
    assert!(lines[3].starts_with("#  CHANNEL  MODEL  SCORE  USD       effective_cost asc ×0.3"), "{table}");
    assert!(lines[4].starts_with("1  c\"0      m      1.000  0.00014   0.00014 (1.00)"), "{table}");
    assert!(lines[7].ends_with("this model on the channel is rate limited"), "{table}");
}

#[test]
fn the_compact_form_is_json_and_bounded() {
    for (channels, full, named) in [(3, 3, 0), (64, 64, 0), (70, 64, 6), (1_500, 64, 1_000)] {
        let (snapshot, decision) = decision(channels);
        let mut text = String::new();
        decision.compact_json(&snapshot, &ask("g"), &mut text);
        let json: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["n"], channels);
        assert_eq!(json["c"].as_array().map(Vec::len), Some(full));
        assert_eq!(json["r"].as_array().map_or(0, Vec::len), named);
        assert_eq!((&json["g"], &json["s"], &json["a"]), (&"g".into(), &"balanced".into(), &"top_score".into()));
        assert_eq!(json["l"][0], serde_json::json!(["effective_cost", "asc", 0.3]));
        assert_eq!(json["c"][0][0], "c\"0");
        assert_eq!(json["c"][0][2], 0);
        assert_eq!(json["c"][0][4].as_array().map(Vec::len), Some(4));
    }
    let (snapshot, decision) = decision(3);
    let mut text = String::new();
    decision.compact_json(&snapshot, &ask("g"), &mut text);
    assert!(text.contains(&format!("[\"c\\\"1\",\"\",\"rate_limited\",{}]", NOW + 2_500)), "{text}");
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    spell_out(&mut json);
    assert_eq!(
        json["c"].as_array().expect("candidates").iter().map(|candidate| &candidate[1]).collect::<Vec<_>>(),
        ["m"; 3]
    );
}
