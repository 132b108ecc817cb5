//! The whole router from the outside: the built binary, real sockets, simulated providers, and what it wrote down.
//!
//! Each test starts its own router with its own folder. Tests wait for events (a row, a counter, a line), never for
//! time, and assert on no duration.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![expect(clippy::indexing_slicing, reason = "a missing field of an answer should end the test that reads it")]
#![expect(clippy::disallowed_methods, reason = "tests start the router as a process and many clients as tasks")]

mod accounts;
mod backtest;
mod breakers;
mod budget;
mod bytes;
mod channel_actions;
mod client_leaves;
mod connections;
mod credentials;
mod dialects;
mod discover;
mod embeddings;
mod engine;
mod failover;
mod first_start;
mod forms;
mod health_check;
mod hedging;
mod kept;
mod key_rotation;
mod large_answers;
mod learned_limits;
mod limits;
mod ollama;
mod other_work;
mod overload;
mod pages;
mod prices;
mod probes;
mod provider_errors;
mod proxy;
mod refusals;
mod reload;
mod secrets;
mod shutdown;
mod start;
mod starting;
mod streams;
mod support;
mod twins;
mod vendors;
