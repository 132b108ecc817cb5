//! Translates: the wire formats of clients and providers as pure functions over bytes.
//!
//! Nothing in this crate does IO, reads a clock, draws a random number or spawns a task. Bytes and values come in,
//! bytes and values go out; the server owns sockets and time.
//!
//! * [`scan`]: one pass over a request body, and the splice that changes only what routing must change.
//! * [`dialects`]: what clients speak; a registry.
//! * [`adapters`]: what providers speak; a registry. [`classify`]: how their errors read.
//! * [`message`]: the neutral form between dialects.
//! * [`sse`], [`relay`]: streams, passed through while a meter looks on.
//! * [`lists`]: the models that providers say they have.
//! * [`answer`]: the same for answers that come whole.

pub mod adapters;
pub mod answer;
pub mod classify;
pub mod dialects;
pub mod headers;
pub mod lists;
pub mod message;
pub mod redact;
pub mod relay;
pub mod scan;
pub mod sse;
pub mod tokens;
pub mod usage;
