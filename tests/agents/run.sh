#!/usr/bin/env bash
# run.sh [claude|codex|gemini]…: the command-line agents, unmodified, complete a turn that uses a tool.
#
# Each agent is told, in a home of its own, to call its shell tool with `echo MARK`; the simulated model then repeats what the
# tool said. So an answer with MARK has gone the whole way: prompt, call, the agent's own shell, result, answer.
#
# AGENT_TARGETS (default: router) says through whom: `router`, for every model in AGENT_MODELS (one per dialect that a provider
# may speak, see config/router.yaml), or `provider`, the simulated provider itself, each agent in its own dialect.
#
# The agents come from npm, pinned, into AGENT_CACHE (default ~/.cache/smart-ai-router/agents): about 700 MB.
# Uses the dev binaries; ROUTER_BIN and PROVIDER_BIN name others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-target}
router=${ROUTER_BIN:-$target/debug/smart-ai-router}
provider=${PROVIDER_BIN:-$target/debug/scripted-provider}
cache=${AGENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smart-ai-router/agents}
targets=${AGENT_TARGETS:-router}
models=${AGENT_MODELS:-agent-chat agent-openai agent-anthropic agent-gemini agent-ollama}
key=sk-router-agent-test-key-00000000000000000
# Longest that one agent may take; a turn takes seconds.
patience=120

fail() {
  echo "agents: $*" >&2
  exit 1
}

for binary in "$router" "$provider"; do
  [ -x "$binary" ] || fail "$binary is missing: cargo build --workspace --bins"
done

install_agents() {
  command -v npm >/dev/null || fail "npm is missing: see README.md"
  if ! cmp -s "$here/package-lock.json" "$cache/node_modules/.installed"; then
    echo "agents: installing from npm into $cache"
    mkdir -p "$cache"
    cp "$here/package.json" "$here/package-lock.json" "$cache/"
    (cd "$cache" && npm ci --silent --no-audit --no-fund) || fail "npm ci failed in $cache"
    cp "$here/package-lock.json" "$cache/node_modules/.installed"
  fi
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/router-agents.XXXXXX")
pids=()
cleanup() {
  for pid in "${pids[@]:-}"; do [ -z "$pid" ] || kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]:-}"; do [ -z "$pid" ] || wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
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
    url=${url%/}
    [ -z "$url" ] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 50 "$folder/$name.out" "$folder/$name.err" >&2
  fail "$name did not start"
}

# alone NAME=VALUE… COMMAND…: nothing of this shell's settings or keys reaches an agent; its home is a new folder.
alone() {
  env -i PATH="$PATH" HOME="$home" TMPDIR="$home" LANG=C.UTF-8 "$@" </dev/null
}

run_claude() {
  alone ANTHROPIC_BASE_URL="$base" ANTHROPIC_AUTH_TOKEN=$key ANTHROPIC_MODEL="$model" ANTHROPIC_DEFAULT_HAIKU_MODEL="$model" \
    ANTHROPIC_DEFAULT_SONNET_MODEL="$model" ANTHROPIC_DEFAULT_OPUS_MODEL="$model" CLAUDE_CODE_SUBAGENT_MODEL="$model" \
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1 DISABLE_ERROR_REPORTING=1 \
    timeout $patience "$cache/node_modules/.bin/claude" --allowedTools Bash \
    -p "call Bash with {\"command\": \"echo $mark\", \"description\": \"say it\"}"
}

run_codex() {
  mkdir -p "$home/.codex"
  cat >"$home/.codex/config.toml" <<TOML
model = "$model"
model_provider = "router"
[model_providers.router]
name = "router"
base_url = "$base/v1"
env_key = "ROUTER_API_KEY"
wire_api = "responses"
TOML
  alone ROUTER_API_KEY=$key timeout $patience "$cache/node_modules/.bin/codex" exec --skip-git-repo-check \
    --dangerously-bypass-approvals-and-sandbox "call exec_command with {\"cmd\": \"echo $mark\"}"
}

run_gemini() {
  mkdir -p "$home/.gemini"
  echo '{"security":{"auth":{"selectedType":"gemini-api-key"}},"privacy":{"usageStatisticsEnabled":false}}' >"$home/.gemini/settings.json"
  alone GEMINI_API_KEY=$key GOOGLE_GEMINI_BASE_URL="$base" timeout $patience "$cache/node_modules/.bin/gemini" --skip-trust \
    --model "$model" --approval-mode yolo -p "call run_shell_command with {\"command\": \"echo $mark\"}"
}

passed=0 failed=0
# turn AGENT TARGET MODEL URL: one agent, one turn.
turn() {
  local agent=$1 through=$2 started=$SECONDS code=0
  model=$3 base=$4 mark="mark-$RANDOM$RANDOM"
  home=$(mktemp -d "$folder/home.XXXXXX")
  (cd "$home" && "run_$agent") >"$home/out" 2>"$home/err" || code=$?
  # On standard output agents print the model's last words: what it was told by the tool.
  if [ $code = 0 ] && grep -q "the tool said" "$home/out" && grep -q "$mark" "$home/out"; then
    passed=$((passed + 1))
    echo "agents: $agent, $model through the $through: ok, $((SECONDS - started)) s"
  else
    failed=$((failed + 1))
    echo "agents: $agent, $model through the $through: FAILED (exit $code)"
    tail -n 15 "$home/out" "$home/err" | cut -c 1-400
  fi
}

install_agents
start provider "$provider" --listen 127.0.0.1:0
export SIM_ROOT=$url
agents=("$@")
[ ${#agents[@]} -gt 0 ] || agents=(claude codex gemini)
for through in $targets; do
  case $through in
    provider)
      for agent in "${agents[@]}"; do turn "$agent" provider gemini-3-sim "$SIM_ROOT"; done
      ;;
    router)
      start router env -u DATABASE_URL -u REDIS_URL -u OPENAI_API_KEY -u ANTHROPIC_API_KEY -u GEMINI_API_KEY AGENT_KEY=$key \
        SMART_AI_ROUTER__SERVER__PORT=0 "$router" serve --config "$here/config/router.yaml" --data-dir "$folder/data"
      for agent in "${agents[@]}"; do
        for model in $models; do turn "$agent" router "$model" "$url"; done
      done
      ;;
    *) fail "unknown target $through" ;;
  esac
done
echo "agents: $passed passed, $failed failed"
[ $failed = 0 ] || { [ ! -f "$folder/router.err" ] || tail -n 20 "$folder/router.err" >&2; exit 1; }
