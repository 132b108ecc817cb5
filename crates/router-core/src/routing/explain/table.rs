//! An explanation as a plain text table, for the command line.

use std::fmt::Write;

use super::{ExplainedCandidate, ExplainedFactor, ExplainedPrice, Explanation};

impl Explanation {
    /// Summary and table: rank, channel, model, score, USD (real, and what routing compares if that differs), a column
    /// for each factor, verdict or reason.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let group = self.group.as_deref().unwrap_or("no group");
        let _ = writeln!(out, "{}\n{group}, strategy {}, algorithm {}\n", self.summary, self.strategy, self.algorithm);
        let titles = ["#", "CHANNEL", "MODEL", "SCORE", "USD"].map(str::to_owned).into_iter();
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
            candidate.price.as_ref().map_or_else(|| "?".to_owned(), prices),
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

/// The real price, the effective one where it differs, and what makes the difference.
fn prices(price: &ExplainedPrice) -> String {
    let mut text = short(price.real_usd);
    if let Some(tokens) = price.cached_tokens.filter(|tokens| *tokens > 0) {
        let _ = write!(text, " with {tokens} cached");
    }
    if price.effective_usd == price.real_usd {
        return text;
    }
    let _ = write!(text, " → {}", short(price.effective_usd));
    let mut causes = price.policies.clone();
    if price.shadow_usd > 0.0 {
        causes.push(format!("quota +{}", short(price.shadow_usd)));
    }
    if !causes.is_empty() {
        let _ = write!(text, " ({})", causes.join(", "));
    }
    text
}

/// About four digits that count; without an exponent as long as that can be read.
fn short(value: f64) -> String {
    let fixed = |decimals: usize| format!("{value:.decimals$}").trim_end_matches('0').to_owned();
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.1 => fixed(4),
        size if size >= 0.01 => fixed(5),
        size if size >= 0.001 => fixed(6),
        size if size >= 0.000_1 => fixed(7),
        size if size >= 0.000_01 => fixed(8),
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
