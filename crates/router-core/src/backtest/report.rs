//! The result: what was, what would have been, and how sure that is.

use serde::Serialize;

/// What a backtest came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Requests that were decided anew.
    pub requests: u64,
    /// Requests of the period that could not be: refused before anything was decided, cut off by the router's end, or written by an
    /// older version.
    pub skipped: u64,
    /// Requests for which the same channel model comes first as was recorded.
    pub same_choice: u64,
    /// As it was.
    pub actual: Side,
    /// As it would have been.
    pub predicted: Side,
    /// USD in all, with the 95 % interval of what chance and few observations leave open.
    pub cost_usd: Estimate,
    /// Milliseconds of a request, mean.
    pub took_ms: Estimate,
    /// Requests that fail.
    pub failed: Estimate,
    /// Where the predicted attempts come from.
    pub sources: Sources,
    /// By channel, those with the most predicted requests first.
    pub channels: Vec<ChannelReport>,
    /// Hours of channel models from which attempts were drawn, and what that stands on.
    pub hours: Vec<HourReport>,
    /// What was assumed, in words.
    pub notes: Vec<String>,
}

/// Requests in sum.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// How many.
    pub requests: u64,
    /// Of them, how many failed: neither answered nor left by their client.
    pub failed: u64,
    /// What they cost.
    pub cost_usd: String,
    /// Milliseconds from first byte to last, mean.
    pub took_ms: Option<f64>,
    /// The same for 95 of 100 requests, to within an eighth.
    pub took_p95_ms: Option<f64>,
    /// Milliseconds to the first content, mean.
    pub first_ms: Option<f64>,
}

/// A number with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// As it was.
    pub actual: f64,
    /// As it would have been.
    pub predicted: f64,
    /// Not below, as far as chance and few observations go.
    pub low: f64,
    /// Not above, as far as chance and few observations go.
    pub high: f64,
}

/// Attempts by where their course comes from.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sources {
    /// As the log holds that very attempt.
    pub recorded: u64,
    /// Drawn from what was observed of the channel model.
    pub observed: u64,
    /// From the catalogue's scores: nothing was observed.
    pub assumed: u64,
}

/// A channel.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelReport {
    /// Its name; empty for requests that reached none.
    pub channel: String,
    /// Requests that ended there, as it was.
    pub actual: Side,
    /// And as it would have been.
    pub predicted: Side,
    /// Attempts that the log holds of its models, in the period and what was read before it.
    pub observations: u64,
}

/// An hour of a channel model.
#[derive(Clone, Debug, Serialize)]
pub struct HourReport {
    /// Name of the channel.
    pub channel: String,
    /// What clients ask for.
    pub model: String,
    /// Its first moment, unix milliseconds.
    pub hour_ms: u64,
    /// Attempts that would have been made there and are not in the log.
    pub drawn: u64,
    /// What the log holds of that hour.
    pub observations: u64,
}
