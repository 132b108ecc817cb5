//! Smart AI Router as a library: what the program `smart-ai-router` is made of.

pub mod admin;
pub mod app;
pub mod backtest;
pub mod cli;
pub mod clock;
pub mod config;
pub mod exit;
pub mod gate;
pub mod http;
pub mod kept;
pub mod lasting;
pub mod live;
pub mod local;
pub mod plan;
pub mod provision;
pub mod relay;
pub mod reload;
pub mod snapshot;
pub mod stage;
pub mod startup;
pub mod tasks;
pub mod telemetry;
pub mod today;
pub mod twins;
pub mod upstream;
pub mod wiring;
