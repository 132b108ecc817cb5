#!/usr/bin/env bash
# run.sh [python|js]…: the official SDKs, unmodified, against the real binary and a simulated provider.
#
# Uses the dev binaries (of `cargo test --workspace` or `cargo build --workspace --bins`); ROUTER_BIN and PROVIDER_BIN name others. Every suite gets a
# router of its own with an empty data folder, so that limits and budgets start fresh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-target}
router=${ROUTER_BIN:-$target/debug/smart-ai-router}
provider=${PROVIDER_BIN:-$target/debug/scripted-provider}
for binary in "$router" "$provider"; do
  [ -x "$binary" ] || { echo "run.sh: $binary is missing: cargo build --workspace --bins" >&2; exit 1; }
done

folder=
pids=()
cleanup() {
  for pid in "${pids[@]:-}"; do [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]:-}"; do [ -z "$pid" ] || wait "$pid" 2>/dev/null || true; done
  pids=()
  [ -z "$folder" ] || rm -rf "$folder"
  folder=
}
trap cleanup EXIT

# start NAME COMMAND…: run in the background until it prints `listening on URL`; the URL is left in $url.
start() {
  local name=$1
  shift
  "$@" >"$folder/$name.out" 2>"$folder/$name.err" &
  local pid=$!
  pids+=("$pid")
  for _ in $(seq 300); do
    url=$(sed -n 's/^.*listening on \(http:[^ ]*\).*$/\1/p' "$folder/$name.out" | head -n 1)
    [ -z "$url" ] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "run.sh: $name did not start" >&2
  tail -n 50 "$folder/$name.out" "$folder/$name.err" >&2
  exit 1
}

run_suite() {
  folder=$(mktemp -d "${TMPDIR:-/tmp}/router-sdk.XXXXXX")
  start provider "$provider" --listen 127.0.0.1:0
  export SIM_ROOT="${url%/}" SIM_URL="${url%/}/v1" DEAD_URL="http://127.0.0.1:1/v1"
  export SDK_KEY=sk-router-sdk-test-key-0000000000000000 SDK_KEY_POOR=sk-router-sdk-test-poor-000000000000000
  export SDK_KEY_LIMITED=sk-router-sdk-test-limited-000000000000 SDK_KEY_EXPIRED=sk-router-sdk-test-expired-00000000000
  export SDK_KEY_NARROW=sk-router-sdk-test-narrow-0000000000000 SDK_KEY_ELSEWHERE=sk-router-sdk-test-elsewhere-0000000000
  # Routers that refuse everybody, each for a reason of its own: lines `NAME: listening on URL`.
  start states env -u DATABASE_URL -u REDIS_URL python3 "$here/states.py" "$router" "$SIM_ROOT" "$folder/states"
  export SDK_STATES
  SDK_STATES=$(cat "$folder/states.out")
  export SMART_AI_ROUTER_ADMIN_KEY=sk-router-sdk-test-admin-00000000000000
  export SMART_AI_ROUTER__SERVER__PORT=0
  start router env -u DATABASE_URL -u REDIS_URL -u OPENAI_API_KEY -u OPENAI_BASE_URL \
    "$router" serve --config "$here/config/router.yaml" --data-dir "$folder/data"
  export ROUTER_URL="${url%/}"
  # The other dialects are spoken to the simulated provider itself, and to the router: those that it serves
  # (of: anthropic, gemini, responses; with -count, the counting of tokens; with -embed, embeddings).
  export SDK_ROUTER_SERVES="${SDK_ROUTER_SERVES-anthropic anthropic-count gemini gemini-count gemini-embed responses}"
  # The SDKs must take address and key from the tests, not from somebody's shell.
  local code=0 name unset=(-u GEMINI_API_KEY -u GOOGLE_API_KEY -u GOOGLE_GEMINI_BASE_URL -u LANGSMITH_TRACING -u ANTHROPIC_AUTH_TOKEN)
  for name in OPENAI ANTHROPIC; do unset+=(-u "${name}_API_KEY" -u "${name}_BASE_URL"); done
  case $1 in
    python) env "${unset[@]}" "$here/python/.venv/bin/python" -m pytest -q -p no:cacheprovider "$here/python" || code=$? ;;
    js) (cd "$here/js" && env "${unset[@]}" node --test) || code=$? ;;
    *) echo "run.sh: unknown suite $1" >&2; code=2 ;;
  esac
  if [ $code != 0 ]; then
    echo "--- the router's log, last lines ---" >&2
    tail -n 40 "$folder/router.err" >&2
    echo "--- the same of the routers that refuse ---" >&2
    tail -n 20 "$folder/states.err" "$folder"/states/*/log >&2
  fi
  cleanup
  return $code
}

[ $# -gt 0 ] || set -- python js
status=0
for suite in "$@"; do
  run_suite "$suite" || status=1
done
exit $status
