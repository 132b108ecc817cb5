# What can be done here: `make` or `make help`. Works on a bare Debian or Ubuntu with Rust (see Cargo.toml), Node 20+ and
# Python 3.9+; whatever else a target needs, it installs or starts by itself, or says what it could not get.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
PROVIDER_ENV := -u OPENAI_API_KEY -u ANTHROPIC_API_KEY -u GROQ_API_KEY -u OPENROUTER_API_KEY -u SILICONFLOW_API_KEY \
	-u TUZI_API_KEY -u GEMINI_API_KEY -u DEEPSEEK_API_KEY -u OLLAMA_HOST

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## build and run the router with a simulated provider: no account needed
	cargo build --release --locked --package router-server
	exec $(TARGET)/release/smart-ai-router serve --demo

.PHONY: test
test: ## every test: units, properties, SQLite and a real PostgreSQL, documentation, the official SDKs
	scripts/setup-test-env.sh postgres python node
	env $(PROVIDER_ENV) scripts/with-postgres.sh scripts/run-tests.sh

.PHONY: quick
quick: ## the Rust tests alone, on SQLite only
	cargo test --workspace --locked

.PHONY: test-agents
test-agents: ## Claude Code, Codex and Gemini CLI from npm (700 MB), each a turn with a tool, for every provider's dialect
	cargo build --locked --workspace --bins
	env $(PROVIDER_ENV) tests/agents/run.sh

.PHONY: lint
lint: ## formatter, clippy, our own rules (tidy), dependency policy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo run --quiet --locked --package xtask -- tidy
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked --offline check bans licenses sources; \
	else echo "cargo-deny is not installed: bans, licences and sources were held by tidy"; fi

.PHONY: format
format: ## put every file into the house's format
	cargo fmt --all

.PHONY: endurance
endurance: ## fifty times kill -9, a thousand clients, slow ones, a full disk, memory: against an optimised build
	cargo build --release --locked --package router-server
	env $(PROVIDER_ENV) ENDURANCE_ROUNDS=50 ENDURANCE_SLOW=4000,80 ENDURANCE_ROUTER="$(abspath $(TARGET))/release/smart-ai-router" \
		cargo test --locked --package router-server --test endurance -- --nocapture

.PHONY: soak
soak: ## 50,000 simulated worlds under the oracles, then an hour of traffic with faults at the optimised binary: make soak SEEDS=1000 SECONDS=600
	ROUTER_SEEDS=$(or $(SEEDS),50000) cargo test --locked --package router-core --test it every_seed_keeps_the_rules -- --nocapture
	cargo build --release --locked --package router-server
	env $(PROVIDER_ENV) SOAK_SECONDS=$(or $(SECONDS),3600) ENDURANCE_ROUTER="$(abspath $(TARGET))/release/smart-ai-router" \
		cargo test --locked --package router-server --test endurance mixed_traffic -- --nocapture

.PHONY: fuzz
fuzz: ## look for inputs that break a parser or translator, 600 s for each of the five targets: make fuzz SECONDS=60
	scripts/fuzz.sh $(or $(SECONDS),600)

.PHONY: bench
bench: ## measure against direct access, nginx and a minimal proxy; writes PERFORMANCE.md (several minutes)
	scripts/setup-test-env.sh nginx
	cargo build --profile dist --locked --package router-server --package router-testkit
	env $(PROVIDER_ENV) $(TARGET)/dist/bench --router $(TARGET)/dist/smart-ai-router --out PERFORMANCE.md

.PHONY: release
release: ## the optimised binary as it is shipped (slow to build)
	cargo build --profile dist --locked --package router-server
	@ls -l $(TARGET)/dist/smart-ai-router

.PHONY: coverage
coverage: ## line coverage of core and wire; fails below 85 %
	@rustup component list --installed 2>/dev/null | grep -q llvm-tools || rustup component add llvm-tools
	@cargo llvm-cov --version >/dev/null 2>&1 || cargo install cargo-llvm-cov --locked
	cargo llvm-cov --locked --package router-core --package router-wire --ignore-filename-regex '(tests|benches)/' \
		--fail-under-lines 85

.PHONY: catalog
catalog: ## rewrite config/presets/models.yaml: make catalog PRICES=file.json SOURCE="litellm 1.2.3" AS_OF=2026-01-31
	python3 scripts/make-catalog.py "$(PRICES)" --source "$(SOURCE)" --as-of "$(AS_OF)" > config/presets/models.yaml.new
	mv config/presets/models.yaml.new config/presets/models.yaml
