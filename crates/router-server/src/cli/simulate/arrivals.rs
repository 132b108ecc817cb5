//! Who asks when: the requests of all kinds, in the order of their times.

use router_core::ask::Ask;
use router_core::catalog::{Capabilities, Capability, KeyIx};
use router_core::ids::mix;
use router_core::rehearsal::{Lots, Request};

use crate::config::scenario::{Arrivals, Burst, Process, Scenario};

const HOUR_MS: f64 = 3_600_000.0;

/// The requests of a scenario.
pub(super) struct Stream<'a> {
    kinds: Vec<Kind<'a>>,
    seed: u64,
    made: u64,
}

/// The requests of one kind.
struct Kind<'a> {
    arrivals: &'a Arrivals,
    key: Option<KeyIx>,
    start_ms: u64,
    /// From the start, in milliseconds.
    until: f64,
    /// The next one.
    at: f64,
    /// More than this many times the average never come.
    most: f64,
    lots: Lots,
}

impl<'a> Stream<'a> {
    pub(super) fn new(scenario: &'a Scenario, keys: &[Option<KeyIx>], seed: u64) -> Self {
        let kinds = scenario.arrivals.iter().zip(keys).zip(0u64..).map(|((arrivals, key), number)| {
            let lots = Lots::of(mix(seed) ^ number);
            let mut kind = Kind::new(arrivals, *key, scenario, lots);
            kind.advance();
            kind
        });
        Self { kinds: kinds.collect(), seed: mix(seed.wrapping_add(1)), made: 0 }
    }
}

impl Iterator for Stream<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let open = self.kinds.iter_mut().zip(0u32..).filter(|(kind, _)| kind.at < kind.until);
        // The first of those that come at the same time.
        let (kind, label) = open.min_by(|(a, _), (b, _)| a.at.total_cmp(&b.at))?;
        let seed = mix(self.seed ^ mix(self.made));
        self.made += 1;
        let request = kind.request(seed, label);
        kind.advance();
        Some(request)
    }
}

impl<'a> Kind<'a> {
    fn new(arrivals: &'a Arrivals, key: Option<KeyIx>, scenario: &Scenario, lots: Lots) -> Self {
        let day = arrivals.diurnal.as_ref().map_or(1.0, |diurnal| 1.0 + diurnal.amplitude.0);
        let burst: f64 = arrivals.bursts.iter().map(|burst| burst.factor.max(1.0)).product();
        let from = arrivals.from.map_or(0.0, |from| as_ms(from.as_millis()));
        let end = arrivals.until.map_or(u64::MAX, |until| until.as_millis()).min(scenario.duration.as_millis());
        Self {
            arrivals,
            key,
            start_ms: scenario.start.0,
            until: if arrivals.rate > 0.0 { as_ms(end) } else { 0.0 },
            at: from,
            most: day * burst,
            lots,
        }
    }

    /// Times as many requests as on average.
    fn factor(&self) -> f64 {
        let day = self.arrivals.diurnal.as_ref().map_or(1.0, |diurnal| {
            let hour = ((as_ms(self.start_ms) + self.at) / HOUR_MS) % 24.0;
            1.0 + diurnal.amplitude.0 * (std::f64::consts::TAU * (hour - diurnal.peak_hour) / 24.0).cos()
        });
        let burst = |burst: &Burst| {
            let since = self.at - as_ms(burst.from.as_millis());
            let within = burst.every.map_or(since, |every| since.rem_euclid(as_ms(every.as_millis())));
            if since >= 0.0 && within < as_ms(burst.lasts.as_millis()) { burst.factor } else { 1.0 }
        };
        day * self.arrivals.bursts.iter().map(burst).product::<f64>()
    }

    /// Goes to the next request: of a process whose rate changes, by thinning (Lewis and Shedler 1979).
    fn advance(&mut self) {
        let per_ms = self.arrivals.rate / 1_000.0;
        match self.arrivals.process {
            Process::Constant => {
                // Where nobody comes, look again a second later.
                let factor = self.factor();
                self.at += if factor > 0.0 { (1.0 / (per_ms * factor)).min(1e12) } else { 1_000.0 };
            }
            Process::Poisson => {
                while self.at < self.until {
                    self.at += self.lots.exponential() / (per_ms * self.most);
                    if self.lots.unit() * self.most < self.factor() {
                        return;
                    }
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the end of the scenario")]
    fn request(&self, seed: u64, label: u32) -> Request {
        let arrivals = self.arrivals;
        let input = arrivals.input_tokens.0.draw_whole(&mut Lots::of(seed));
        let needs = arrivals.needs.iter().filter_map(|name| Capability::from_name(name));
        Request {
            at_ms: self.start_ms.saturating_add(self.at as u64),
            key: self.key,
            ask: Ask {
                model: arrivals.model.clone(),
                stream: arrivals.stream,
                needs: needs.fold(Capabilities::NONE, Capabilities::with),
                input_tokens: input,
                input_tokens_bound: input,
                max_output_tokens: arrivals.max_output_tokens,
                strategy: arrivals.strategy.clone(),
                tags: arrivals.tags.clone(),
                ..Ask::default()
            },
            seed,
            leaves_ms: arrivals.patience.map(|patience| patience.as_millis()),
            label,
            ..Request::default()
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of some years")]
const fn as_ms(ms: u64) -> f64 {
    ms as f64
}
