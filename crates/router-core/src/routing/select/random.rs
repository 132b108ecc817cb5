//! By lot, from the request's seed.

use super::Selector;
use super::weighted::{draw, lots, stick};

pub(crate) const RANDOM: Selector = Selector {
    name: "random",
    doc: "by lot in proportion to weight × score, from the request's seed; sessions stay where they were",
    order: |rows, at, ranks| match at.session {
        Some(session) => stick(rows, session),
        None => draw(rows, ranks, lots(at.seed)),
    },
};
