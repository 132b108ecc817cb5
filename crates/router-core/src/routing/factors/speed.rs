//! How fast a candidate is: observed, and where nothing has been observed, as configured.

use super::{Factor, Origin, View};

/// Observations that the configured score counts for.
const PRIOR_OBSERVATIONS: f64 = 10.0;
/// Milliseconds to the first token that score 0.5.
const MIDDLING_TTFT_MS: f64 = 800.0;
/// Tokens per second that score 0.5.
const MIDDLING_TPS: f64 = 50.0;
/// Score of a candidate of which nothing is known.
const NEUTRAL: f64 = 0.5;

pub(super) const SPEED_SCORE: Factor = Factor {
    name: "speed_score",
    doc: "0…1: scores.speed (0.5 if none) as 10 observations, blended with the observed speed, which is the mean of \
          800/(800+ttft_ms) and tps/(tps+50)",
    descending: true,
    origin: Origin::Observed,
    raw: speed_score,
};

pub(super) const LATENCY: Factor = Factor {
    name: "latency",
    doc: "expected milliseconds of the whole answer: observed time to first token + expected output / observed tokens \
          per second; unknown until observed",
    descending: false,
    origin: Origin::Observed,
    raw: |view| ttft(view) + 1000.0 * view.tokens.output / throughput(view).max(f64::MIN_POSITIVE),
};

pub(super) const TTFT: Factor = Factor {
    name: "ttft",
    doc: "observed milliseconds to the first token",
    descending: false,
    origin: Origin::Observed,
    raw: ttft,
};

pub(super) const TTFT_P95: Factor = Factor {
    name: "ttft_p95",
    doc: "milliseconds to the first token that 95 of 100 streams hold: observed, blended (as logarithms) with twice what \
          scores.speed stands for as 10 observations; unknown where there is neither",
    descending: false,
    origin: Origin::Observed,
    raw: ttft_p95,
};

pub(super) const THROUGHPUT: Factor = Factor {
    name: "throughput",
    doc: "observed output tokens per second",
    descending: true,
    origin: Origin::Observed,
    raw: throughput,
};

fn ttft(view: &View<'_>) -> f64 {
    View::observed(view.live.ttft_ms)
}

/// The tail of a first token is taken as twice its middle where nothing has been observed: the order of magnitude of what
/// providers show.
const TAIL: f64 = 2.0;

fn ttft_p95(view: &View<'_>) -> f64 {
    let speed = view.model.facts.speed;
    let prior = TAIL * MIDDLING_TTFT_MS * (1.0 / speed.max(0.01) - 1.0).max(0.01);
    let seen = View::observed(view.live.ttft_p95_ms);
    match (speed.is_nan(), seen.is_nan()) {
        (true, true) => f64::NAN,
        (true, false) => seen,
        (false, true) => prior,
        (false, false) => {
            let confidence = view.confidence(PRIOR_OBSERVATIONS);
            (prior.ln() * (1.0 - confidence) + seen.max(1.0).ln() * confidence).exp()
        }
    }
}

fn throughput(view: &View<'_>) -> f64 {
    View::observed(view.live.tokens_per_second)
}

fn speed_score(view: &View<'_>) -> f64 {
    let configured = view.model.facts.speed;
    let prior = if configured.is_nan() { NEUTRAL } else { configured };
    let (ttft, tps) = (ttft(view), throughput(view));
    let quick = MIDDLING_TTFT_MS / (MIDDLING_TTFT_MS + ttft);
    let steady = tps / (tps + MIDDLING_TPS);
    let seen = match (quick.is_nan(), steady.is_nan()) {
        (true, true) => return prior,
        (true, false) => steady,
        (false, true) => quick,
        (false, false) => (quick + steady) / 2.0,
    };
    let confidence = view.confidence(PRIOR_OBSERVATIONS);
    prior * (1.0 - confidence) + seen * confidence
}
