//! Integration tests: one suite of cases over SQLite, always, and PostgreSQL, when `SMART_AI_ROUTER_TEST_PG` gives an address.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test ends by panicking, and owns its tasks itself"
)]

mod books;
mod cases;
mod constraints;
mod migrations;
mod support;
