#!/usr/bin/env bash
# Run every suite, all of them even if one fails, and close with what each runner said and the sum.
# Called by `make test`, which has set up what is needed (see scripts/setup-test-env.sh and scripts/with-postgres.sh).
set -uo pipefail
cd "$(dirname "$0")/.."

[ -n "${SMART_AI_ROUTER_TEST_PG:-}" ] || {
  echo "run-tests: SMART_AI_ROUTER_TEST_PG is not set: use make test" >&2
  exit 1
}

target=${CARGO_TARGET_DIR:-target}
logs=$target/test-logs
rm -rf "$logs"
mkdir -p "$logs"
failed=()

# suite NAME COMMAND…: output on the screen and in a log for the sum.
suite() {
  local name=$1
  shift
  scripts/step.sh "$name" "$@" 2>&1 | tee "$logs/$name.log"
  [ "${PIPESTATUS[0]}" = 0 ] || failed+=("$name")
}

if cargo nextest --version >/dev/null 2>&1; then
  suite rust cargo nextest run --workspace --locked --no-fail-fast --cargo-quiet --status-level fail --final-status-level fail
else
  suite rust cargo test --workspace --lib --bins --tests --locked --no-fail-fast --quiet
fi
suite doc cargo test --workspace --doc --locked --no-fail-fast --quiet
# The binaries that the Rust tests were built with; once more without what only tests switch on would take minutes.
suite sdk-python tests/sdk/run.sh python
suite sdk-js tests/sdk/run.sh js

echo "==> results"
scripts/sum-results.py "$logs"/rust.log "$logs"/doc.log "$logs"/sdk-python.log "$logs"/sdk-js.log | tee "$logs/summary.txt"
sum=${PIPESTATUS[0]}
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
exit $sum
