#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET]…: every fuzz target (or those named) for so many seconds, one after the other.
#
# Begins with the stored corpus (fuzz/corpus) and with inputs made of the fixtures; what it finds beside goes into
# target/fuzz/corpus. An input that breaks something is left in fuzz/artifacts/TARGET: mend the code, then keep the input in
# fuzz/corpus/TARGET under a name that says what it was about; `cargo test -p router-wire` walks through all of them.
#
# No nightly toolchain is needed: the code has no `unsafe`, so there is nothing for a sanitizer to find.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
[ $# -gt 0 ] || set -- bodies requests answers streams lists
work=$(realpath -m "${CARGO_TARGET_DIR:-target}/fuzz")

cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
FUZZ_SEEDS=$work/seeds cargo test --quiet --locked --package router-wire --test it fuzz_seeds >/dev/null

cd fuzz
# cargo-fuzz asks rustc for a flag (-C passes=sancov-module) that the stable one has too.
cargo fuzz build --sanitizer none --target-dir "$work"
failed=()
for target in "$@"; do
  mkdir -p "$work/corpus/$target" "artifacts/$target"
  echo "fuzz: $target for $seconds s"
  cargo fuzz run --sanitizer none --target-dir "$work" "$target" "$work/corpus/$target" "$work/seeds/$target" "corpus/$target" -- \
    -dict=words.dict -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    >"$work/$target.log" 2>&1 || failed+=("$target")
  grep -E -A 1 'panicked|^(Done|stat::)' "$work/$target.log" || true
done
[ ${#failed[@]} = 0 ] || { echo "fuzz: failed: ${failed[*]} (inputs in fuzz/artifacts, logs in $work)"; exit 1; }
