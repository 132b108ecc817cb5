//! Streams on their way from provider to client: passed through while a meter looks on.

mod aggregate;
mod chunk;
mod meter;
mod synthesize;

pub use aggregate::aggregate;
pub(crate) use chunk::{Chunk, is_filled, is_something};
pub use meter::{MeterOptions, StreamEnd, StreamFault, StreamMeter};
pub use synthesize::synthesize_stream;
