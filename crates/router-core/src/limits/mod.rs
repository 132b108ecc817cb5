//! Limits of client keys, channels and group members: requests and tokens in any minute, requests in a day,
//! requests at a time.
//!
//! Times are milliseconds of a monotonic clock, apart from the daily count, which follows the calendar
//! through a [`crate::budget::Window`].

mod limiter;
mod window;

pub use limiter::{Dimension, Limiter, Limits, Rates, Refusal, Room, Ticket, View};
pub use window::SlidingWindow;

/// The limiter of a client key.
pub type KeyLimiter = Limiter;
/// The limiter of a channel.
pub type ChannelLimiter = Limiter;
