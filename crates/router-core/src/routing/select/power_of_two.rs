//! Two by lot, the less busy of them first (Mitzenmacher 2001): nearly as even as asking all, and many routers that
//! decide at the same moment do not all run to the same candidate.

use super::least_in_flight::{by_load, load};
use super::weighted::{draw, lots, stick};
use super::{Draw, Ranks, Row, Selector};

pub(crate) const POWER_OF_TWO: Selector = Selector {
    name: "power_of_two",
    doc: "the less busy of two drawn by weight × score goes first, then the other, then the rest by load; sessions \
          stay where they were",
    order,
};

fn order(rows: &mut [Row], at: &Draw, ranks: &Ranks<'_>) {
    if let Some(session) = at.session {
        return stick(rows, session);
    }
    draw(rows, ranks, lots(at.seed));
    if let [first, second, rest @ ..] = rows {
        if second.share > 0.0 && load(second) < load(first) {
            std::mem::swap(first, second);
        }
        by_load(rest, ranks);
    }
}
