//! Integration tests of the pure engine, one binary.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "in tests, helpers may fail too")]

mod admission;
mod backtest;
mod budget;
mod health;
mod hedging;
mod limits;
mod looks;
mod money;
mod outages;
mod periods;
mod pricing;
mod provider_keys;
mod rehearsal;
mod request;
mod request_properties;
mod routing;
mod seeds;
mod settle;
