//! The fuzzer's side: how inputs are changed. What is done with them stands with the tests of router-wire.

mod json;

#[path = "../../crates/router-wire/tests/it/fuzz/targets/mod.rs"]
mod targets;

pub use json::mutate;
pub use libfuzzer_sys;

/// Runs the target of that name.
///
/// # Panics
/// If a promise of the target does not hold.
pub fn run(name: &str, input: &[u8]) {
    let (_, run) = targets::TARGETS.iter().find(|(target, _)| *target == name).expect("a target of that name");
    run(input);
}

/// The whole of a target's binary.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::run($name, input));
        $crate::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::mutate(data, size, max_size, seed)
        });
    };
}
