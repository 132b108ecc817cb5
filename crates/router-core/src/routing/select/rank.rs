//! Best first: by score, then by the layers in order, then priority, weight, and a stable hash.

use std::cmp::Ordering;

use super::Row;

/// Scores that differ by less than 2⁻⁴⁰ are equal: sums of the same shares in another order are.
const STEPS: f64 = WHOLE as f64;
/// The score 1.
const WHOLE: u64 = 1 << 40;
/// Bits for the place of a row: eight million candidates.
const PLACE_BITS: u32 = 23;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

/// What decides between equal scores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranks<'a> {
    /// Normalised values, layer by layer, `stride` values each.
    pub(crate) normalised: &'a [f64],
    /// Candidates in the tier.
    pub(crate) stride: usize,
}

impl Ranks<'_> {
    /// Orders rows, best first. The result does not depend on the order before.
    pub(crate) fn sort(&self, rows: &mut [Row]) {
        // Sorting whole numbers that end in the place of the row, and then moving each row once, is several times
        // faster than sorting rows.
        let places = if self.normalised.is_empty() { unlayered(rows) } else { self.layered(rows) };
        permute(rows, places);
    }

    /// Places by score, ties broken one by one.
    fn layered(&self, rows: &[Row]) -> Vec<usize> {
        let key = |(place, row): (u64, &Row)| (WHOLE - quantised(row.score)) << PLACE_BITS | place;
        let place = |key: u64| (key & PLACE_MASK) as usize;
        let mut keys: Vec<u64> = (0..=PLACE_MASK).zip(rows).map(key).collect();
        keys.sort_unstable();
        for equals in keys.chunk_by_mut(|a, b| a >> PLACE_BITS == b >> PLACE_BITS).filter(|equals| equals.len() > 1) {
            equals.sort_unstable_by(|a, b| match (rows.get(place(*a)), rows.get(place(*b))) {
                (Some(a), Some(b)) => self.break_tie(a, b),
                _ => Ordering::Equal,
            });
        }
        keys.into_iter().map(place).collect()
    }

    /// Between two rows of equal score.
    fn break_tie(&self, a: &Row, b: &Row) -> Ordering {
        self.by_layers(a, b)
            .then_with(|| a.priority.cmp(&b.priority))
            .then_with(|| b.weight.total_cmp(&a.weight))
            .then_with(|| a.tie.cmp(&b.tie))
            .then_with(|| a.place.cmp(&b.place))
    }

    fn by_layers(&self, a: &Row, b: &Row) -> Ordering {
        let layers = self.normalised.chunks_exact(self.stride.max(1));
        let value = |layer: &[f64], row: &Row| layer.get(row.place as usize).copied().unwrap_or(0.0);
        layers
            .map(|layer| value(layer, b).total_cmp(&value(layer, a)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

/// Puts at each place the row that stood at `from` of that place, cycle by cycle, without a second copy of the rows.
fn permute(rows: &mut [Row], mut from: Vec<usize>) {
    for start in 0..rows.len() {
        let mut current = start;
        while let Some(place) = from.get_mut(current) {
            let next = std::mem::replace(place, current);
            if next == start || next == current {
                break;
            }
            rows.swap(current, next);
            current = next;
        }
    }
}

/// Places by priority, then weight (to nine digits), then hash: all that is left where there are no layers.
fn unlayered(rows: &[Row]) -> Vec<usize> {
    let key = |(place, row): (u64, &Row)| {
        let weight = !row.weight.to_bits() >> 24;
        let named = u128::from(row.priority.min(0xffff)) << 40 | u128::from(weight);
        (named << 49 | u128::from(row.tie >> 15)) << PLACE_BITS | u128::from(place)
    };
    let mut keys: Vec<u128> = (0..=PLACE_MASK).zip(rows).map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| (key & u128::from(PLACE_MASK)) as usize).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scores lie in 0…1; the cast saturates")]
fn quantised(score: f64) -> u64 {
    ((score * STEPS) as u64).min(WHOLE)
}
