//! Prices of a channel model, as facts (the *real price* of the books), and what a usage costs by them.

mod cost;
mod price;

pub use cost::{ExactCost, Rates, booked_cost, cost, exact_cost, expected, upper_bound, upper_bound_as};
pub use price::{Price, Rate, Tier};
