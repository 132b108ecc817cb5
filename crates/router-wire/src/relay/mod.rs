//! Answers on their way from provider to client: passed through while a meter looks on, or translated.

mod aggregate;
mod array;
mod chunk;
mod cutter;
mod meter;
mod opening;
mod passage;
mod pattern;
mod raw;
mod synthesize;
mod watch;
mod whole;

pub use aggregate::aggregate;
pub(crate) use chunk::{Chunk, is_filled, is_something};
pub use meter::{MeterOptions, StreamEnd, StreamFault, StreamMeter};
pub use passage::Passage;
pub use synthesize::synthesize_stream;
pub use whole::Neutral;
