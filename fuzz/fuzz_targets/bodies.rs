//! Clients' bodies: scan, read, splice.
#![no_main]

router_fuzz::fuzz!("bodies");
