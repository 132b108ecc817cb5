//! Providers' lists of models.
#![no_main]

router_fuzz::fuzz!("lists");
