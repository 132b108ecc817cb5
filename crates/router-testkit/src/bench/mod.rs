//! The benchmark: a cheap upstream, a minimal proxy as the floor, a load generator, and the driver that compares.
//!
//! The programs in `src/bin` are thin: they read arguments, call into here and print.

pub mod args;
pub mod driver;
pub mod histogram;
pub mod load;
pub mod process;
pub mod proxy;
pub mod upstream;

/// Why a benchmark program could not do its work; printed and exited with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
