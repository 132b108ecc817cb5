//! Best first: by score, then by the layers in order, then priority, weight, and a stable hash.

use std::cmp::Ordering;

use super::Row;

/// Scores that differ by less than 2⁻⁴⁰ are equal: sums of the same shares in another order are.
const STEPS: f64 = (1u64 << 40) as f64;

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
        // Sorting small whole numbers and then moving each row once is several times faster than sorting rows: the
        // score, the better the smaller, above the place of the row.
        let key = |(place, row): (u32, &Row)| u128::from(!quantised(row.score)) << 32 | u128::from(place);
        let mut keys: Vec<u128> = (0u32..).zip(rows.iter()).map(key).collect();
        keys.sort_unstable();
        for equals in keys.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
            if equals.len() > 1 {
                equals.sort_unstable_by(|a, b| match (row_of(rows, *a), row_of(rows, *b)) {
                    (Some(a), Some(b)) => self.break_tie(a, b),
                    _ => Ordering::Equal,
                });
            }
        }
        let sorted: Vec<Row> = keys.iter().filter_map(|key| row_of(rows, *key)).copied().collect();
        rows.iter_mut().zip(sorted).for_each(|(row, best)| *row = best);
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

#[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are the place")]
fn row_of(rows: &[Row], key: u128) -> Option<&Row> {
    rows.get(key as u32 as usize)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scores lie in 0…1; the cast saturates")]
fn quantised(score: f64) -> u64 {
    (score * STEPS) as u64
}
