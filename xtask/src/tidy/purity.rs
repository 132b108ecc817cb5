//! The core and the wire see nothing of the world: no IO, no clock, no randomness, no tasks. And money is counted in
//! integers.

use super::source::{before_tests, code, lines_with_word};
use super::{Finding, Workspace};

/// Crates without IO.
const PURE: &[&str] = &["crates/router-core/src/", "crates/router-wire/src/"];

/// What would let the world in, and what to do instead.
const OUTSIDE: &[(&str, &str)] = &[
    ("tokio", "no tasks and no IO: return what is to be done"),
    ("hyper", "no IO: `http` types at most"),
    ("sqlx", "no IO"),
    ("getrandom", "randomness is an argument"),
    ("RandomState", "randomness is an argument: use a fixed hasher"),
    ("SystemTime", "time is an argument: `now_ms: u64`"),
    ("Instant", "time is an argument"),
    ("Timestamp::now", "time is an argument"),
    ("Zoned::now", "time is an argument"),
    ("std::fs", "no IO: take the bytes"),
    ("std::io", "no IO: take the bytes"),
    ("std::env", "configuration is an argument"),
    ("std::thread", "nothing is spawned here"),
    ("TcpStream", "no IO"),
    ("UdpSocket", "no IO"),
    ("async", "nothing waits here"),
    (".await", "nothing waits here"),
];

/// Where amounts of money are computed: integers only.
const MONEY: &[&str] =
    &["crates/router-core/src/money", "crates/router-core/src/pricing", "crates/router-core/src/budget"];

/// No IO, clock, randomness or task in the pure crates (their unit tests may read a clock).
pub fn no_outside_world(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in PURE.iter().flat_map(|prefix| workspace.rust(prefix)) {
        let code = code(&file.text);
        let serving = before_tests(&code);
        for (word, instead) in OUTSIDE {
            for line in lines_with_word(serving, word) {
                findings.push(Finding::error(
                    format!("{}:{line}", file.path),
                    format!("`{word}` in a pure crate: {instead}"),
                ));
            }
        }
    }
    findings
}

/// No floating-point number where money is computed. Floats may come out, for charts and scores (`fn as_usd_f64` and
/// whatever returns one), but never go in.
pub fn no_float_money(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in MONEY.iter().flat_map(|prefix| workspace.rust(prefix)) {
        let code =
            without_function(&code(&file.text), "as_usd_f64").replace("-> f64", "").replace("-> Option<f64>", "");
        for word in ["f32", "f64"] {
            for line in lines_with_word(before_tests(&code), word) {
                let message = format!("`{word}` where money is computed: nano-USD are integers, factors are fractions");
                findings.push(Finding::error(format!("{}:{line}", file.path), message));
            }
        }
    }
    findings
}

/// The code with one method blanked, from its name to the closing brace of its own indentation.
fn without_function(code: &str, name: &str) -> String {
    let Some((before, rest)) = code.split_once(&format!("fn {name}(")) else { return code.to_owned() };
    let (body, after) = rest.split_once("\n    }").unwrap_or((rest, ""));
    format!("{before}{}{after}", "\n".repeat(body.matches('\n').count() + 1))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_files};
    use super::*;

    #[test]
    fn the_world_stays_outside() {
        let workspace = with_files(&[
            ("crates/router-core/src/a.rs", "//! About tokio.\nuse std::time::Duration;\nlet text = \"SystemTime\";\n"),
            ("crates/router-core/src/b.rs", "//! B.\nlet now = std::time::Instant::now();\n"),
            ("crates/router-wire/src/c.rs", "//! C.\n#[cfg(test)]\nmod tests { use std::fs; }\n"),
            ("crates/router-wire/src/d.rs", "//! D.\nasync fn f() {}\n"),
            ("crates/router-server/src/e.rs", "//! E.\nuse tokio::x;\n"),
        ]);
        let expected = ["crates/router-core/src/b.rs:2", "crates/router-wire/src/d.rs:2"];
        assert_eq!(places(&no_outside_world(&workspace)), expected);
    }

    #[test]
    fn money_has_no_floats() {
        let workspace = with_files(&[
            (
                "crates/router-core/src/money.rs",
                "//! M.\nimpl Nano {\n    fn as_usd_f64(self) -> f64 {\n        self.0 as f64\n    }\n    fn bad(x: f64) {}\n    fn ratio(self) -> Option<f64> {}\n}\n",
            ),
            ("crates/router-core/src/pricing/price.rs", "//! P.\n// not f64\nfn f(x: f64) {}\n"),
            ("crates/router-core/src/budget/ledger.rs", "//! B.\nlet x = y as f32;\n"),
            ("crates/router-core/src/routing/score.rs", "//! S.\nfn f(x: f64) {}\n"),
        ]);
        let expected = [
            "crates/router-core/src/money.rs:6",
            "crates/router-core/src/pricing/price.rs:3",
            "crates/router-core/src/budget/ledger.rs:2",
        ];
        assert_eq!(places(&no_float_money(&workspace)), expected);
    }
}
