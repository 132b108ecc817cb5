//! From raw factor values to one score: normalise each layer over the candidates, then the weighted mean.

use super::factors::Layer;
use super::select::Row;

/// Normalised value of a candidate whose raw value is unknown while others are known and differ.
pub const NEUTRAL: f64 = 0.5;

/// Raw values beyond this are taken as this, so that a span is never infinite.
const BOUND: f64 = 1e300;

/// Normalises each layer over the rows and sets their scores, 0…1. `raw` and `normalised` hold the values layer by
/// layer, `stride` each; only the rows' places are read and written.
pub(crate) fn score(rows: &mut [Row], layers: &[Layer], raw: &[f64], normalised: &mut [f64], stride: usize) {
    let total: f64 = layers.iter().map(weight).sum();
    if total > 0.0 {
        rows.iter_mut().for_each(|row| row.score = 0.0);
    }
    let chunks = raw.chunks_exact(stride.max(1)).zip(normalised.chunks_exact_mut(stride.max(1)));
    for (layer, (raw, normalised)) in layers.iter().zip(chunks) {
        let share = if total > 0.0 { weight(layer) / total } else { 0.0 };
        let scale = Scale::of(rows.iter().map(|row| at(raw, row)), layer.descending);
        for row in rows.iter_mut() {
            let value = scale.normalise(at(raw, row));
            if let Some(place) = normalised.get_mut(row.place as usize) {
                *place = value;
            }
            row.score += share * value;
        }
    }
    rows.iter_mut().for_each(|row| row.score = row.score.clamp(0.0, 1.0));
}

fn weight(layer: &Layer) -> f64 {
    if layer.weight.is_finite() { layer.weight.max(0.0) } else { 0.0 }
}

fn at(raw: &[f64], row: &Row) -> f64 {
    raw.get(row.place as usize).copied().unwrap_or(f64::NAN)
}

/// The range of a layer's known values.
struct Scale {
    low: f64,
    high: f64,
    descending: bool,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>, descending: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            // comparisons with NaN are false, so what is unknown changes neither end
            if value < low {
                low = value;
            }
            if value > high {
                high = value;
            }
        }
        Self { low: low.clamp(-BOUND, BOUND), high: high.clamp(-BOUND, BOUND), descending }
    }

    /// 0…1 in the direction of the order. Where the known values do not differ, the layer says nothing: 1 for all,
    /// known or not. Else an unknown value is [`NEUTRAL`].
    fn normalise(&self, value: f64) -> f64 {
        if self.low >= self.high {
            return 1.0;
        }
        if value.is_nan() {
            return NEUTRAL;
        }
        let span = self.high / 2.0 - self.low / 2.0;
        let value = value.clamp(-BOUND, BOUND);
        let distance = if self.descending { value / 2.0 - self.low / 2.0 } else { self.high / 2.0 - value / 2.0 };
        if span > 0.0 { (distance / span).clamp(0.0, 1.0) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(values: &[f64], descending: bool) -> Vec<f64> {
        let scale = Scale::of(values.iter().copied(), descending);
        values.iter().map(|value| scale.normalise(*value)).collect()
    }

    #[test]
    fn normalises_in_the_direction_of_the_order() {
        let nan = f64::NAN;
        for (values, descending, expected) in [
            (vec![1.0, 2.0, 3.0], true, vec![0.0, 0.5, 1.0]),
            (vec![1.0, 2.0, 3.0], false, vec![1.0, 0.5, 0.0]),
            (vec![2.0, 2.0], true, vec![1.0, 1.0]),
            (vec![0.0, nan, 4.0], true, vec![0.0, 0.5, 1.0]),
            (vec![nan, nan], true, vec![1.0, 1.0]),
            (vec![7.0, nan], false, vec![1.0, 1.0]),
            (vec![f64::MAX, -f64::MAX, 0.0], true, vec![1.0, 0.0, 0.5]),
            (vec![], true, vec![]),
        ] {
            assert_eq!(normalised(&values, descending), expected, "{values:?}");
        }
    }
}
