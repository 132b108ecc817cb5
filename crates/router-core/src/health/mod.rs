//! Health of channel models, channels and provider keys: averages for ranking, windows for tripping, times to
//! stay away.
//!
//! Everything here is shared between threads and outlives snapshots. Times are Unix or monotonic milliseconds
//! as long as one instance keeps to one of them; a cooldown that is shared or shown uses Unix milliseconds.

mod breaker;
mod cell;
mod cooldown;
mod ewma;
mod mean;
mod tail;

pub use breaker::{Breaker, BreakerConfig, BreakerState, Pass};
pub use cell::{Health, InFlight};
pub use cooldown::{Cooldown, CooldownConfig};
pub use ewma::{Ewma, SuccessRate};
pub use mean::Mean;
pub use tail::{Shape, Tail, Tails};
