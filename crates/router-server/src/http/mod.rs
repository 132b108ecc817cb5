//! The edge: accept loop, connection bounds and timers, routes, answers.

pub mod auth;
pub mod body;
pub mod conn;
pub mod doorkeeper;
pub mod error;
mod health;
pub mod intake;
pub mod listener;
pub mod models;
pub mod route;
pub mod service;

/// Carries the ids of routers that a request has passed, so that a channel that points back here is noticed.
pub const HOP_HEADER: ::http::HeaderName = ::http::HeaderName::from_static("x-router-hop");

/// What stands before the names of groups for clients that list only Anthropic's models (Claude Code).
pub const GROUP_PREFIX: &str = "anthropic/";
