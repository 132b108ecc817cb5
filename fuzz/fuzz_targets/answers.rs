//! Providers' answers and errors, for every client.
#![no_main]

router_fuzz::fuzz!("answers");
