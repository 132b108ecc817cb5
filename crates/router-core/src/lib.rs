//! The pure engine of Smart AI Router: whatever decides lives here.
//!
//! Nothing in this crate does IO, reads a clock, draws a random number or spawns a task: times and seeds
//! are arguments, so that every decision can be tested, replayed, simulated and explained.

pub mod admission;
pub mod ask;
pub mod backtest;
pub mod budget;
pub mod catalog;
pub mod fault;
pub mod health;
pub mod ids;
pub mod limits;
pub mod money;
pub mod pricing;
pub mod rehearsal;
pub mod request;
pub mod routing;
pub mod session;
pub mod settle;
pub mod usage;
pub mod wish;
pub mod world;
