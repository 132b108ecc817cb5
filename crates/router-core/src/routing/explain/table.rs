//! An explanation as a plain text table, for the command line.

use std::fmt::Write;

use super::{ExplainedCandidate, ExplainedFactor, Explanation};

impl Explanation {
    /// Summary and table: rank, channel, model, score, a column for each factor, verdict or reason.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let group = self.group.as_deref().unwrap_or("no group");
        let _ = writeln!(out, "{}\n{group}, strategy {}, algorithm {}\n", self.summary, self.strategy, self.algorithm);
        let titles = ["#", "CHANNEL", "MODEL", "SCORE"].map(str::to_owned).into_iter();
        let factors = self.layers.iter().map(|layer| {
            let weight = if layer.weight > 0.0 { format!("×{}", layer.weight) } else { "tie".to_owned() };
            format!("{} {} {weight}", layer.field, layer.order)
        });
        let mut rows: Vec<Vec<String>> = vec![titles.chain(factors).chain(["VERDICT".to_owned()]).collect()];
        rows.extend(self.candidates.iter().map(|candidate| self.row(candidate)));
        write_aligned(&mut out, &rows);
        out
    }

    fn row(&self, candidate: &ExplainedCandidate) -> Vec<String> {
        let mut row = vec![
            candidate.rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string()),
            candidate.channel.clone(),
            candidate.model.clone(),
            candidate.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}")),
        ];
        // candidates of a fallback may be ranked by other factors
        row.extend(self.layers.iter().map(|layer| {
            let found = candidate.factors.iter().find(|factor| factor.name == layer.field);
            found.map_or_else(|| "-".to_owned(), cell)
        }));
        let verdict = candidate.reason_text.clone().unwrap_or_else(|| candidate.verdict.to_owned());
        row.push(match &candidate.fallback {
            Some(fallback) => format!("{verdict} (fallback {fallback})"),
            None => verdict,
        });
        row
    }
}

fn cell(factor: &ExplainedFactor) -> String {
    let value = factor.value.map_or_else(|| "?".to_owned(), short);
    factor.normalised.map_or(value.clone(), |normalised| format!("{value} ({normalised:.2})"))
}

/// About four digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// Columns as wide as their widest cell, two spaces between; the last one is not padded.
fn write_aligned(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column + 1 == row.len() { write!(out, "{cell}") } else { write!(out, "{cell:width$}  ") };
        }
        out.push('\n');
    }
}
