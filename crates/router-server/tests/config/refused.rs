//! Broken configurations and the exact words about each: `refused.txt` holds cases of the form
//!
//! ```text
//! === what is wrong
//! the file a.yaml
//! ---
//! the faults, a line each
//! ```
//!
//! `UPDATE_GOLDEN=1 cargo test` writes the faults anew; read the difference before keeping it.

use std::fmt::Write as _;

use crate::load;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/refused.txt");

/// What the cases find in the environment; the values must never show.
const VARIABLES: &[(&str, &str)] =
    &[("A_SECRET", "hunter2-hunter2-hunter2"), ("SPACED_SECRET", "hunter2 hunter2"), ("SHORT_SECRET", "hunter2")];

struct Case {
    title: String,
    yaml: String,
    faults: String,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(PATH).expect("the golden file");
    let blocks = text.split("=== ").skip(1);
    blocks
        .map(|block| {
            let (title, rest) = block.split_once('\n').expect("a title");
            let (yaml, faults) = rest.split_once("---\n").expect("a line of three dashes");
            Case { title: title.to_owned(), yaml: yaml.to_owned(), faults: faults.trim_end().to_owned() }
        })
        .collect()
}

fn faults(yaml: &str) -> String {
    match load(yaml, VARIABLES) {
        Ok(_) => "accepted".to_owned(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn every_broken_file_is_refused_in_the_agreed_words() {
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let mut text = String::new();
        for case in &cases {
            let _ = write!(text, "=== {}\n{}---\n{}\n\n", case.title, case.yaml, faults(&case.yaml));
        }
        std::fs::write(PATH, text.trim_end().to_owned() + "\n").expect("writable");
        return;
    }
    for case in &cases {
        let found = faults(&case.yaml);
        assert_eq!(found, case.faults, "{}", case.title);
        assert_ne!(found, "accepted", "{}", case.title);
        assert!(found.lines().all(|line| line.starts_with("a.yaml:")), "{}: every fault has its place", case.title);
    }
}

#[test]
fn no_fault_shows_a_value_from_the_environment() {
    for case in cases() {
        let found = faults(&case.yaml);
        assert!(!found.contains("hunter2"), "{}: {found}", case.title);
    }
}
