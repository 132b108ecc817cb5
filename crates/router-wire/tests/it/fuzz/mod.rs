//! The stored corpus of the fuzzer, every input through its target; and inputs made of the fixtures, which it begins with.
//!
//! An input that broke something is kept there (`fuzz/corpus/TARGET`), so that it never does again. `make fuzz` looks for more.

mod seeds;
mod targets;

use std::path::{Path, PathBuf};

use self::targets::TARGETS;
use crate::matrix::files;

/// The folder of stored inputs.
fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "stored inputs are files")]
fn fuzz_stored_inputs_keep_every_promise() {
    for (target, run) in TARGETS {
        let folder = corpus(target);
        let names = files(&folder);
        assert!(names.len() >= 20, "{target}: {} inputs", names.len());
        for name in names {
            let input = std::fs::read(folder.join(&name)).unwrap();
            // The name of an input that breaks something is what one needs to know.
            let outcome = std::panic::catch_unwind(|| run(&input));
            assert!(outcome.is_ok(), "fuzz/corpus/{target}/{name}");
        }
    }
}

/// `FUZZ_SEEDS=FOLDER` writes them for the fuzzer, too.
#[test]
#[expect(clippy::disallowed_methods, reason = "where seeds are written is the business of who runs the fuzzer")]
fn fuzz_seeds_keep_every_promise() {
    let wanted = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from);
    for (target, run) in TARGETS {
        let seeds = seeds::of(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, input) in seeds {
            if let Some(folder) = &wanted {
                std::fs::create_dir_all(folder.join(target)).unwrap();
                std::fs::write(folder.join(target).join(&name), &input).unwrap();
            }
            let outcome = std::panic::catch_unwind(|| run(&input));
            assert!(outcome.is_ok(), "{target}: {name}");
        }
    }
}
