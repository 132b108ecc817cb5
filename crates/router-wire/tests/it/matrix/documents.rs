//! The published table: made from the losses, and stale as soon as they differ.

use std::fmt::Write;
use std::path::Path;

use router_wire::dialects::{PROVIDERS, clients};

use super::losses::{Loss, table};
use super::{golden, load, renewing};

const BEGIN: &str = "<!-- generated from the tests: begin -->\n";
const END: &str = "<!-- generated from the tests: end -->\n";

/// Rows in the order of their first mention, a column a dialect.
fn rows<'a>(columns: &[Vec<(&'a str, String)>]) -> Vec<&'a str> {
    let mut things: Vec<&str> = Vec::new();
    for (thing, _) in columns.iter().flatten() {
        if !things.contains(thing) {
            things.push(thing);
        }
    }
    things
}

fn written(out: &mut String, title: &str, names: &[&str], columns: &[Vec<(&str, String)>]) {
    writeln!(out, "| {title} | {} |", names.join(" | ")).unwrap();
    writeln!(out, "|---|{}", "---|".repeat(names.len())).unwrap();
    for thing in rows(columns) {
        let cells = columns.iter().map(|column| {
            let found: Vec<&str> =
                column.iter().filter(|(other, _)| *other == thing).map(|(_, cell)| cell.as_str()).collect();
            if found.is_empty() { "kept".to_owned() } else { found.join("; ") }
        });
        writeln!(out, "| {thing} | {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
    }
}

fn cell<T>(loss: &Loss<T>) -> String {
    match loss.named {
        Some(named) => format!("{}, named `{named}`", loss.happens),
        None => loss.happens.to_owned(),
    }
}

fn generated() -> String {
    let mut out = String::from("\n### To a provider of the dialect\n\n");
    let providers: Vec<&str> = PROVIDERS.iter().map(|codec| codec.name).collect();
    let requests: Vec<Vec<(&str, String)>> = providers
        .iter()
        .map(|name| {
            let table = table(name);
            let refused = table.refused.iter().map(|one| (one.thing, format!("**refused**, naming `{}`", one.param)));
            table.requests.iter().map(|loss| (loss.thing, cell(loss))).chain(refused).collect()
        })
        .collect();
    written(&mut out, "what the client asked", &providers, &requests);
    out.push_str("\n### To a client of the dialect\n\n");
    let clients: Vec<&str> = clients().map(|codec| codec.name).collect();
    let answers: Vec<Vec<(&str, String)>> =
        clients.iter().map(|name| table(name).answers.iter().map(|loss| (loss.thing, cell(loss))).collect()).collect();
    written(&mut out, "what the provider answered", &clients, &answers);
    out.push('\n');
    out
}

#[test]
fn matrix_published_table_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/translation.md");
    let text = String::from_utf8(load(&path).expect("docs/translation.md")).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the mark where the generated part begins");
    let (_, tail) = rest.split_once(END).expect("the mark where it ends");
    let fresh = format!("{head}{BEGIN}{}{END}{tail}", generated());
    let mut stale = Vec::new();
    golden(&path, fresh.as_bytes(), &mut stale);
    assert!(stale.is_empty() || renewing(), "UPDATE_GOLDEN=1 cargo test -p router-wire matrix: {stale:?}");
}
