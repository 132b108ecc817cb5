//! Turns in proportion to weights, evenly spread, from nothing but the request's number.

use super::weighted::{draw, lots, stick};
use super::{Draw, Ranks, Row, Selector};
use crate::routing::hash::fraction;

pub(crate) const WEIGHTED_ROUND_ROBIN: Selector = Selector {
    name: "weighted_round_robin",
    doc: "turns in proportion to weight × score, evenly spread; equal weights take strict turns; sessions stay where \
          they were",
    order,
};

/// 2⁶⁴ divided by the golden ratio. Multiples of it modulo 2⁶⁴ fill the range more evenly than those of any other
/// number, so the shares hold over short stretches too.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn order(rows: &mut [Row], at: &Draw, ranks: &Ranks<'_>) {
    if let Some(session) = at.session {
        return stick(rows, session);
    }
    rows.sort_by_key(|row| row.share <= 0.0);
    let sharing = rows.partition_point(|row| row.share > 0.0);
    let equal = rows.iter().take(sharing).zip(rows.iter().skip(1).take(sharing.saturating_sub(1)));
    if sharing > 0 && equal.clone().all(|(a, b)| a.share.total_cmp(&b.share).is_eq()) {
        let Some((taking_turns, others)) = rows.split_at_mut_checked(sharing) else { return };
        let turn = usize::try_from(at.sequence % sharing as u64).unwrap_or(0);
        taking_turns.rotate_left(turn);
        return ranks.sort(others);
    }
    let mut first = Some(fraction(at.sequence.wrapping_mul(GOLDEN)));
    let mut others = lots(at.sequence);
    draw(rows, ranks, || first.take().unwrap_or_else(&mut others));
}
