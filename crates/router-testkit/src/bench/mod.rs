//! The benchmark: load, counterpart and driver.
