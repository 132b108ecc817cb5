//! Clients' requests, translated for every provider.
#![no_main]

router_fuzz::fuzz!("requests");
