//! Prices of a channel model, as facts (the *real price* of the books).

mod price;

pub use price::{Price, Rate, Tier};
