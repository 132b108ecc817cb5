//! The best score first.

use super::Selector;

pub(crate) const TOP_SCORE: Selector = Selector {
    name: "top_score",
    doc: "the best score first; equals by layers, priority, weight, then a hash of the request",
    order: |rows, _, ranks| ranks.sort(rows),
};
