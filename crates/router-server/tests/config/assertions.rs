//! `smart-ai-router test`: the example's assertions hold, each of its weights and prices matters to one of them, and what
//! does not hold is told with its place.

use std::fs;
use std::path::{Path, PathBuf};

use smart_ai_router::cli::args::TestArgs;
use smart_ai_router::cli::{Exit, test};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/example")
}

fn run(file: PathBuf, config: Option<PathBuf>) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = test::run(&TestArgs { config, files: vec![file] }, &mut out, &mut err).expect("memory can be written");
    (exit, String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"))
}

/// Runs a text as the file `a.yaml`; the folder's name is cut from what is told.
fn run_text(text: &str) -> (Exit, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.yaml");
    fs::write(&path, text).expect("writable");
    let (exit, out, err) = run(path, None);
    let prefix = format!("{}/", folder.path().display());
    (exit, out.replace(&prefix, ""), err.replace(&prefix, ""))
}

#[test]
fn the_assertions_of_the_example_hold() {
    let (exit, out, err) = run(example().join("tests"), None);
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{out}");
    let passed: usize = out.split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
    assert!(passed >= 60, "{out}");
}

/// Places of numbers behind one of the names, outside of comments: line, and range in the line.
fn numbers(text: &str, names: &[&str]) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        for name in names {
            let key = format!("{name}: ");
            for (at, _) in code.match_indices(&key) {
                let begins =
                    code[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
                let start = at + key.len();
                let length =
                    code[start..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(code.len() - start);
                if begins && length > 0 {
                    found.push((number, start..start + length));
                }
            }
        }
    }
    found
}

#[test]
fn every_weight_and_price_of_the_example_matters_to_an_assertion() {
    let names = ["weight", "input", "cached_input", "output", "price_multiplier", "multiplier"];
    let mut changed = 0;
    for file in ["channels.yaml", "model_groups.yaml", "pricing_policies.yaml", "providers.yaml"] {
        let text = fs::read_to_string(example().join(file)).expect("a file of the example");
        for (number, range) in numbers(&text, &names) {
            let folder = tempfile::tempdir().expect("a folder");
            for entry in fs::read_dir(example()).expect("the example").flatten().filter(|entry| entry.path().is_file())
            {
                fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
            }
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let value: f64 = lines[number][range.clone()].parse().expect("a number");
            let other = if value == 0.0 { 1.0 } else { (value * 3_000.0).round() / 1_000.0 };
            lines[number].replace_range(range, &other.to_string());
            fs::write(folder.path().join(file), lines.join("\n")).expect("a changed file");
            let (exit, out, err) = run(example().join("tests/example.yaml"), Some(folder.path().to_owned()));
            let line = &lines[number];
            assert_eq!((exit, err.as_str()), (Exit::Failure, ""), "{file}:{}: {line}\n{out}", number + 1);
            changed += 1;
        }
    }
    assert_eq!(changed, 12, "a weight or price is new: it is walked like the others, so only this count changes");
}

const SMALL: &str = "
given:
  with:
    providers: { p: { kind: openai_compatible, base_url: \"http://127.0.0.1:9/v1\" } }
    channels: [{ name: a, provider: p, models: [{ name: m, price: { input: 1, output: 2 } }] }]
tests:
";

#[test]
fn a_failure_tells_place_expectation_and_decision() {
    let (exit, out, err) = run_text(&format!(
        "{SMALL}  - name: wrong\n    request: {{ model: m }}\n    expect: {{ chosen: a/n, excluded: {{ a/m: cooling_down, a/x: max_cost }} }}\n"
    ));
    assert_eq!((exit, err.as_str()), (Exit::Failure, ""));
    let told: Vec<&str> = out.lines().take(5).collect();
    assert_eq!(
        told,
        [
            "a.yaml:7:11: FAILED: wrong",
            "  a.yaml:9:23: expect.chosen: expected `a/n`, was `a/m`",
            "  a.yaml:9:45: expect.excluded: expected `cooling_down` for `a/m`, was it may be tried",
            "  a.yaml:9:64: expect.excluded: there is no `a/x`: write CHANNEL/MODEL, with the name by which clients ask for the model",
            "    m on a as the only candidate that can take the request",
        ]
    );
    assert!(out.contains("CHANNEL  MODEL"), "{out}");
    assert!(out.ends_with("0 passed, 1 failed\n"), "{out}");
}

#[test]
fn a_broken_file_is_told_with_every_fault() {
    for (tests, told) in [
        (
            "  - { name: t, request: { model: m }, expect: {} }",
            "a.yaml:7:39: tests[0].expect: nothing is expected, so this test cannot fail",
        ),
        (
            "  - { name: t, request: { model: m }, expect: { chose: a/m } }",
            "a.yaml:7:49: tests[0].expect.chose: unknown key; did you mean `chosen`?",
        ),
        (
            "  - { name: t, request: { model: m, needs: [sight] }, expect: { chosen: a/m } }",
            "a.yaml:7:45: tests[0].request.needs[0]: `sight` is not a capability",
        ),
        (
            "  - { name: t, given: { key: k }, request: { model: m }, expect: { chosen: a/m } }",
            "a.yaml:7:30: t: there is no client key `k`",
        ),
        (
            "  - { name: t, given: { models: { a/x: {} } }, request: { model: m }, expect: { chosen: a/m } }",
            "a.yaml:7:35: t: there is no `a/x`: write CHANNEL/MODEL",
        ),
        (
            "  - { name: t, given: { config: nowhere }, request: { model: m }, expect: { chosen: a/m } }",
            "nowhere: no such file or folder",
        ),
        (
            "  - { name: t, given: { with: { channels: [{ name: a, provider: p, modls: [] }] } }, request: { model: m }, expect: { chosen: a/m } }",
            "a.yaml:7:68: channels[0].modls: unknown key; did you mean `models`?",
        ),
        ("  []", "a.yaml:6:1: tests: expected a list with at least one test"),
    ] {
        let (exit, _, err) = run_text(&format!("{SMALL}{tests}\n"));
        assert_eq!(exit, Exit::Usage, "{err}");
        assert!(err.contains(told), "{told}\n{err}");
    }
}

#[test]
fn another_configuration_replaces_the_named_one_and_leaves_worlds_of_their_own_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.yaml");
    fs::write(&other, "channels: []\n").expect("writable");
    for (file, exit) in [("groups.yaml", Exit::Ok), ("example.yaml", Exit::Usage)] {
        assert_eq!(run(example().join("tests").join(file), Some(other.clone())).0, exit, "{file}");
    }
}

#[test]
fn a_refusal_that_nobody_expected_is_a_failure() {
    for (model, code) in [("nothing", "model_not_found"), ("auto:vision", "no_channel_available")] {
        let (exit, out, _) = run_text(&format!(
            "{SMALL}  - name: t\n    request: {{ model: \"{model}\" }}\n    expect: {{ turns: [a/m] }}\n"
        ));
        assert_eq!(exit, Exit::Failure, "{out}");
        assert!(out.contains(&format!("expected to be served, but it is refused with `{code}`")), "{out}");
    }
}
