//! Integration tests of the pure engine, one binary.

mod admission;
mod budget;
mod health;
mod limits;
mod money;
mod periods;
mod pricing;
mod request;
mod request_properties;
mod settle;
