//! Drawing in proportion to shares; used by several selectors.

use super::{Ranks, Row};
use crate::ids::mix;
use crate::routing::hash::fraction;

/// So many places are drawn by lot; whoever comes after them is only reached when all these have failed, and goes by
/// rank.
const DRAWN: usize = 4;

/// Draws the first places one after the other, without putting back, each in proportion to `share`. `lot` gives
/// numbers in [0, 1). A share of 0 is never drawn; if all are 0, rank decides.
pub(super) fn draw(rows: &mut [Row], ranks: &Ranks<'_>, mut lot: impl FnMut() -> f64) {
    let mut total: f64 = rows.iter().map(|row| row.share).sum();
    let mut rest = rows;
    for _ in 0..DRAWN {
        if rest.len() < 2 || total <= 0.0 || !total.is_finite() {
            break;
        }
        let Some(place) = find(rest, lot() * total) else { break };
        rest.swap(0, place);
        let Some((drawn, others)) = rest.split_first_mut() else { return };
        total -= drawn.share;
        rest = others;
    }
    ranks.sort(rest);
}

/// The row in whose share the mark lies; the last with a share if rounding leads beyond the end.
fn find(rows: &[Row], mark: f64) -> Option<usize> {
    let mut upto = 0.0;
    let mut last = None;
    for (place, row) in rows.iter().enumerate() {
        if row.share > 0.0 {
            upto += row.share;
            last = Some(place);
            if mark < upto {
                break;
            }
        }
    }
    last
}

/// Lots from a seed.
pub(super) fn lots(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        fraction(mix(state))
    }
}

/// The same order for the same session as long as the same candidates are there, and when one goes, only its
/// sessions move: weighted rendezvous hashing, −ln(u) / share ascending (Efraimidis and Spirakis 2006).
pub(super) fn stick(rows: &mut [Row], session: u64) {
    let key = |row: &Row| {
        let u = fraction(mix(session ^ row.stable_id)).max(f64::EPSILON / 4.0);
        if row.share > 0.0 { -u.ln() / row.share } else { f64::INFINITY }
    };
    rows.sort_by_cached_key(|row| (key(row).to_bits(), row.stable_id));
}
