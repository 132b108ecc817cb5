//! The pure engine of Smart AI Router: whatever decides lives here.
//!
//! Nothing in this crate does IO, reads a clock, draws a random number or spawns a task: times and seeds
//! are arguments, so that every decision can be tested, replayed, simulated and explained.

pub mod ask;
pub mod catalog;
pub mod fault;
pub mod money;
pub mod pricing;
pub mod usage;
