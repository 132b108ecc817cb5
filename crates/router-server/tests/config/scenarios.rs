//! `smart-ai-router simulate`: the example's scenarios hold, one seed has one trace, and what is wrong with a file is told with its
//! place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use smart_ai_router::cli::args::SimulateArgs;
use smart_ai_router::cli::{Exit, simulate};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/example/scenarios")
}

fn run(args: &SimulateArgs) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = simulate::run(args, &mut out, &mut err).expect("memory can be written");
    (exit, String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"))
}

fn of(scenario: PathBuf) -> SimulateArgs {
    SimulateArgs { scenario, seed: None, trace: None, json: false }
}

/// Runs a text as the file `a.yaml`; the folder's name is cut from what is told.
fn run_text(text: &str, change: impl FnOnce(&mut SimulateArgs)) -> (Exit, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.yaml");
    fs::write(&path, text).expect("writable");
    let mut args = of(path);
    change(&mut args);
    let (exit, out, err) = run(&args);
    let prefix = format!("{}/", folder.path().display());
    (exit, out.replace(&prefix, ""), err.replace(&prefix, ""))
}

/// Two channels, of which the first fails now and then.
const SMALL: &str = r#"
with:
  channels:
    - { name: shaky, provider: openai_compatible, base_url: "http://127.0.0.1:9/v1", api_keys: [test], models: [{ name: chat, price: { input: 1, output: 2 }, context_length: 100000 }] }
    - { name: firm, provider: openai_compatible, base_url: "http://127.0.0.1:8/v1", api_keys: [test], models: [{ name: chat, price: { input: 2, output: 4 }, context_length: 100000 }] }
duration: 2m
behaviour:
  shaky: { faults: [{ kind: temporary, rate: 0.1 }, { kind: hang, rate: 0.01 }, { kind: connect, from: 40s, until: 60s }] }
  firm: { first_token_ms: { pareto: { min: 200, shape: 2 } }, quota: { requests: 100, per: 10s, retry_after: 1s } }
arrivals: [{ rate: 10, model: chat }, { rate: 2, model: chat, stream: false, process: constant, patience: 20s }]
"#;

#[test]
fn the_scenarios_of_the_example_hold() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(examples()).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let (exit, out, err) = run(&of(file.clone()));
        assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{}\n{out}", file.display());
        assert!(out.contains("\nok "), "{} expects something: {out}", file.display());
    }
}

#[test]
fn one_seed_has_one_trace_and_another_has_another() {
    let trace = |seed| {
        let (exit, trace, report) = run_text(SMALL, |args| {
            args.seed = Some(seed);
            args.trace = Some("-".into());
        });
        assert_eq!(exit, Exit::Ok);
        assert!(report.contains("requests in 00:02:00.000"), "the report goes to the other output: {report}");
        trace
    };
    let first = trace(5);
    assert_eq!(first, trace(5));
    assert_ne!(first, trace(6));
    let events: Vec<serde_json::Value> =
        first.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect();
    let of = |word: &str| events.iter().filter(|event| event["event"] == word).count();
    assert_eq!((of("arrived"), of("arrived")), (of("finished"), of("decided")), "every request ends, once");
    assert_eq!(of("sent"), of("ended"));
    assert!(of("breaker") > 0 && of("cooldown") > 0 && of("first_token") > 0, "{}", &first[..2_000]);
    let times: Vec<u64> = events.iter().map(|event| event["ms"].as_u64().expect("a time")).collect();
    assert!(times.is_sorted());
}

#[test]
fn two_processes_write_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("a.yaml");
    fs::write(&scenario, SMALL).expect("writable");
    let trace = |name: &str| {
        let to = folder.path().join(name);
        let done = Command::new(env!("CARGO_BIN_EXE_smart-ai-router"))
            .args([
                "simulate".as_ref(),
                scenario.as_os_str(),
                "--seed".as_ref(),
                "9".as_ref(),
                "--trace".as_ref(),
                to.as_os_str(),
            ])
            .output()
            .expect("it runs");
        assert!(done.status.success(), "{done:?}");
        (done.stdout, fs::read(to).expect("a trace"))
    };
    let (report, first) = trace("one");
    assert!(first.len() > 100_000, "{} bytes", first.len());
    assert!((report, first) == trace("two"), "the same report and the same trace");
}

#[test]
fn what_does_not_hold_is_told_with_what_was() {
    let expect = "expect: { success_rate: 1, cost: 0.0001, attempts_per_request: 1, opens: [firm], stays_closed: [firm], shares: { firm: { max: 0.01 } }, total_ms: { p50: 1 } }\n";
    let (exit, out, _) = run_text(&format!("{SMALL}{expect}"), |_| {});
    assert_eq!(exit, Exit::Failure, "{out}");
    for line in [
        "FAILED success_rate at least 1: 0.",
        "FAILED cost at most 0.000100000 USD: ",
        "FAILED attempts_per_request at most 1: ",
        "FAILED `firm` opens: it stayed closed",
        "ok     `firm` stays closed: it stayed closed",
        "FAILED share of `firm` from 0 to 0.01: 0.",
        "FAILED total_ms.p50 at most 1: ",
    ] {
        assert!(out.contains(line), "{line} in\n{out}");
    }
}

#[test]
fn the_report_is_for_programs_too() {
    let (exit, out, _) = run_text(SMALL, |args| args.json = true);
    assert_eq!(exit, Exit::Ok);
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let sum: u64 = report["channels"].as_array().expect("a list").iter().filter_map(|c| c["attempts"].as_u64()).sum();
    assert_eq!(Some(sum), report["attempts"].as_u64());
    let errors: u64 = report["errors"].as_object().expect("a map").values().filter_map(serde_json::Value::as_u64).sum();
    let completed = report["completed"].as_u64().expect("a count");
    assert_eq!(report["requests"].as_u64(), Some(completed + errors), "every request has one end");
    let usd =
        |value: &serde_json::Value| value["cost"].as_str().and_then(|text| text.replace('.', "").parse::<u64>().ok());
    let of_channels: Option<u64> = report["channels"].as_array().expect("a list").iter().map(usd).sum();
    assert_eq!(of_channels, usd(&report), "what channels cost is what requests cost");
}

#[test]
fn faults_of_a_file_are_told_with_their_place() {
    let arrivals = "arrivals: [{ rate: 1, model: m }]\n";
    for (text, told) in [
        ("seeds: 1\n", "a.yaml:1:1: seeds: unknown key; did you mean `seed`?"),
        ("duration: 1h\n", "a.yaml:1:1: arrivals: expected a list with at least one kind of request"),
        ("arrivals: [{ rate: 1 }]\n", "a.yaml:1:12: arrivals[0].model: missing, but required"),
        ("arrivals: [{ rate: 1, model: m, needs: [sight] }]\n", "arrivals[0].needs[0]: `sight` is not a capability"),
        ("arrivals: [{ rate: 1, model: m, strategy: best }]\n", "arrivals[0].strategy: "),
        ("arrivals: [{ rate: 1, model: m, process: even }]\n", "`even` is not allowed; allowed: poisson, constant"),
        ("arrivals: [{ rate: 1, model: m, from: 2m, until: 1m }]\n", "arrivals[0].until: must be later than `from`"),
        ("behaviour: { a: { tokens_per_second: fast } }\n", "`fast` is not a number ≥ 0, or one of uniform"),
        (
            "behaviour: { a: { tokens_per_second: { normal: 1 } } }\n",
            "normal: unknown key; allowed: uniform, lognormal, pareto",
        ),
        (
            "behaviour: { a: { first_token_ms: { uniform: { min: 5, max: 1 } } } }\n",
            "a.yaml:1:46: behaviour.a.first_token_ms.uniform: expected min and max, the first not above the second, and nothing else",
        ),
        (
            "behaviour: { a: { faults: [{ kind: idle_timeout }] } }\n",
            "`idle_timeout` is not allowed; allowed: hang, stall, connect,",
        ),
        ("expect: { success_rate: 1.5 }\n", "expect.success_rate: `1.5` is not a number from 0 to 1"),
        ("expect: { shares: { a: { min: 0.5, max: 0.2 } } }\n", "expect.shares.a: min is above max"),
    ] {
        let text = if text.starts_with("arrivals") || text.starts_with("duration") {
            text.to_owned()
        } else {
            format!("{text}{arrivals}")
        };
        let (exit, out, err) = run_text(&text, |_| {});
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{text}");
        assert!(err.contains(told), "{told}\nin\n{err}");
    }
}

#[test]
fn names_of_nobody_are_told_with_their_place() {
    let text = |more: &str| format!("{SMALL}{more}");
    for (text, told) in [
        (SMALL.replace("  firm: {", "  frim: {"), "a.yaml:9:3: behaviour.frim: there is no `frim`: write CHANNEL"),
        (text("expect: { opens: [nobody] }\n"), "expect.opens: there is no channel `nobody`"),
        (text("expect: { shares: { nobody: { min: 0.1 } } }\n"), "expect.shares.nobody: there is no channel `nobody`"),
        (SMALL.replace("rate: 10,", "rate: 10, key: anna,"), "arrivals.0.key: there is no client key `anna`"),
        (text("config: nowhere\n"), "config: the configuration is not valid"),
        (SMALL.replace("  channels:", "  chanels:"), "a.yaml:3:3: chanels: unknown key; did you mean `channels`?"),
        (
            SMALL.replace("price: { input: 2", "prize: { input: 2"),
            "a.yaml:5:126: channels[1].models[0].prize: unknown key",
        ),
    ] {
        let (exit, _, err) = run_text(&text, |_| {});
        assert_eq!(exit, Exit::Usage, "{err}");
        assert!(err.contains(told), "{told}\nin\n{err}");
    }
}
