//! Smart AI Router as a library: what the program `smart-ai-router` is made of.

pub mod cli;
pub mod config;
