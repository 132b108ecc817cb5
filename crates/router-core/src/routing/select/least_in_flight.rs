//! The least busy first.

use super::{Ranks, Row, Selector};

pub(crate) const LEAST_IN_FLIGHT: Selector = Selector {
    name: "least_in_flight",
    doc: "the fewest running requests for its weight first; equals by score and a hash of the request",
    order: |rows, _, ranks| by_load(rows, ranks),
};

/// How busy a candidate would be with one request more. Without weight it comes last.
pub(super) fn load(row: &Row) -> f64 {
    if row.weight > 0.0 { (row.in_flight + 1.0) / row.weight } else { f64::INFINITY }
}

/// Least busy first; equals in the order of rank.
pub(super) fn by_load(rows: &mut [Row], ranks: &Ranks<'_>) {
    ranks.sort(rows);
    rows.sort_by(|a, b| load(a).total_cmp(&load(b)).then_with(|| a.in_flight.total_cmp(&b.in_flight)));
}
