//! Providers' streams, for every client and any chunking.
#![no_main]

router_fuzz::fuzz!("streams");
