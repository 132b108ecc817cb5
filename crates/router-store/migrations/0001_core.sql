-- The first schema: catalogue, client keys, request log, statistics, books, jobs, alerts, audit, configuration.
-- One text for SQLite and PostgreSQL: only BIGINT, DOUBLE PRECISION, TEXT, BOOLEAN. Times are unix milliseconds,
-- money is nano-USD, lists and maps are JSON text, ids are made by the program.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    address TEXT,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE TABLE providers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    base_url TEXT,
    spec TEXT NOT NULL DEFAULT '{}',
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE channels (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    provider_id TEXT NOT NULL REFERENCES providers (id),
    base_url TEXT,
    region TEXT,
    tags TEXT NOT NULL DEFAULT '[]',
    priority BIGINT NOT NULL DEFAULT 1 CHECK (priority >= 0),
    weight DOUBLE PRECISION NOT NULL DEFAULT 1 CHECK (weight >= 0),
    limits TEXT NOT NULL DEFAULT '{}',
    spec TEXT NOT NULL DEFAULT '{}',
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX channels_provider ON channels (provider_id);

CREATE TABLE channel_models (
    id TEXT PRIMARY KEY,
    channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    upstream_name TEXT NOT NULL,
    aliases TEXT NOT NULL DEFAULT '[]',
    price TEXT,
    context_length BIGINT CHECK (context_length > 0),
    max_output_tokens BIGINT CHECK (max_output_tokens > 0),
    capabilities TEXT NOT NULL DEFAULT '[]',
    tags TEXT NOT NULL DEFAULT '[]',
    scores TEXT NOT NULL DEFAULT '{}',
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (channel_id, name)
);

-- ciphertext: sealed by the vault for (provider_keys, ciphertext, id); the clear key is nowhere.
CREATE TABLE provider_keys (
    id TEXT PRIMARY KEY,
    channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    ciphertext TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    last4 TEXT NOT NULL,
    weight DOUBLE PRECISION NOT NULL DEFAULT 1 CHECK (weight >= 0),
    daily_budget_nano BIGINT CHECK (daily_budget_nano >= 0),
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (channel_id, name)
);

CREATE TABLE model_groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT,
    description TEXT,
    strategy TEXT NOT NULL,
    spec TEXT NOT NULL DEFAULT '{}',
    daily_budget_nano BIGINT CHECK (daily_budget_nano >= 0),
    monthly_budget_nano BIGINT CHECK (monthly_budget_nano >= 0),
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- A member names a channel or a provider (neither: any), and a model or a pattern of models.
CREATE TABLE group_members (
    id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL REFERENCES model_groups (id) ON DELETE CASCADE,
    position BIGINT NOT NULL CHECK (position >= 0),
    channel TEXT,
    provider TEXT,
    model TEXT NOT NULL,
    priority BIGINT CHECK (priority >= 0),
    weight DOUBLE PRECISION CHECK (weight >= 0),
    daily_limit BIGINT CHECK (daily_limit >= 0),
    overrides TEXT NOT NULL DEFAULT '{}',
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (group_id, position),
    CHECK (channel IS NULL OR provider IS NULL)
);

CREATE TABLE client_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
    prefix TEXT NOT NULL,
    last4 TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'viewer', 'admin')),
    model_groups TEXT NOT NULL DEFAULT '[]',
    daily_budget_nano BIGINT CHECK (daily_budget_nano >= 0),
    monthly_budget_nano BIGINT CHECK (monthly_budget_nano >= 0),
    requests_per_minute BIGINT CHECK (requests_per_minute >= 0),
    tokens_per_minute BIGINT CHECK (tokens_per_minute >= 0),
    max_in_flight BIGINT CHECK (max_in_flight >= 0),
    ip_allow TEXT NOT NULL DEFAULT '[]',
    expires_at BIGINT,
    revoked_at BIGINT,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- A name is free again once its key is revoked.
CREATE UNIQUE INDEX client_keys_name ON client_keys (name) WHERE revoked_at IS NULL;

CREATE TABLE pricing_policies (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    position BIGINT NOT NULL DEFAULT 0,
    spec TEXT NOT NULL DEFAULT '{}',
    enabled BOOLEAN NOT NULL,
    managed_by TEXT NOT NULL CHECK (managed_by IN ('file', 'api')),
    source TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE config_versions (
    number BIGINT PRIMARY KEY CHECK (number > 0),
    hash TEXT NOT NULL,
    content TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- One terminal row per request. No reference to the catalogue: rows outlive what they name.
CREATE TABLE request_logs (
    id TEXT PRIMARY KEY,
    client_request_id TEXT,
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    dialect TEXT NOT NULL,
    model TEXT NOT NULL,
    model_group TEXT,
    channel TEXT,
    provider TEXT,
    upstream_model TEXT,
    strategy TEXT,
    status TEXT NOT NULL CHECK (status IN ('completed', 'error', 'client_closed', 'timeout', 'shutdown', 'interrupted')),
    error_code TEXT,
    error_class TEXT,
    stream BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    -- Every call upstream in order, as JSON: read with its row, never searched (sums: attempt_statistics).
    attempt_details TEXT NOT NULL,
    tokens_input BIGINT NOT NULL,
    tokens_cached_input BIGINT NOT NULL,
    tokens_cache_write BIGINT NOT NULL,
    tokens_output BIGINT NOT NULL,
    tokens_reasoning BIGINT NOT NULL,
    tokens_source TEXT NOT NULL CHECK (tokens_source IN ('reported', 'counted', 'estimated')),
    -- A million USD for one request is a defect, not a cost.
    cost_nano BIGINT NOT NULL CHECK (cost_nano BETWEEN 0 AND 1000000000000000),
    reserved_nano BIGINT NOT NULL,
    price_version TEXT,
    latency_ms BIGINT NOT NULL,
    ttft_ms BIGINT,
    throughput_tps DOUBLE PRECISION,
    overhead_us BIGINT NOT NULL,
    config_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    user_agent TEXT,
    client_address TEXT,
    flags TEXT NOT NULL DEFAULT '[]',
    decision TEXT
);
-- Pages run by (created_at, id) downwards, alone or behind one equal filter.
CREATE INDEX request_logs_time ON request_logs (created_at, id);
CREATE INDEX request_logs_key ON request_logs (key_id, created_at, id);
CREATE INDEX request_logs_model ON request_logs (model, created_at, id);
CREATE INDEX request_logs_channel ON request_logs (channel, created_at, id);
CREATE INDEX request_logs_status ON request_logs (status, created_at, id) WHERE status <> 'completed';
CREATE INDEX request_logs_client_id ON request_logs (client_request_id) WHERE client_request_id IS NOT NULL;

-- Hourly roll-up of the request log. Histograms: count of values up to the bound of the bucket (bounds: rollup.rs).
CREATE TABLE channel_statistics (
    hour BIGINT NOT NULL,
    channel TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    model_group TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    tokens_input BIGINT NOT NULL,
    tokens_cached_input BIGINT NOT NULL,
    tokens_cache_write BIGINT NOT NULL,
    tokens_output BIGINT NOT NULL,
    tokens_reasoning BIGINT NOT NULL,
    cost_nano BIGINT NOT NULL,
    latency_count BIGINT NOT NULL,
    latency_sum BIGINT NOT NULL,
    ttft_count BIGINT NOT NULL,
    ttft_sum BIGINT NOT NULL,
    overhead_sum_us BIGINT NOT NULL,
    latency_00 BIGINT NOT NULL, latency_01 BIGINT NOT NULL, latency_02 BIGINT NOT NULL, latency_03 BIGINT NOT NULL,
    latency_04 BIGINT NOT NULL, latency_05 BIGINT NOT NULL, latency_06 BIGINT NOT NULL, latency_07 BIGINT NOT NULL,
    latency_08 BIGINT NOT NULL, latency_09 BIGINT NOT NULL, latency_10 BIGINT NOT NULL, latency_11 BIGINT NOT NULL,
    latency_12 BIGINT NOT NULL, latency_13 BIGINT NOT NULL, latency_14 BIGINT NOT NULL, latency_15 BIGINT NOT NULL,
    ttft_00 BIGINT NOT NULL, ttft_01 BIGINT NOT NULL, ttft_02 BIGINT NOT NULL, ttft_03 BIGINT NOT NULL,
    ttft_04 BIGINT NOT NULL, ttft_05 BIGINT NOT NULL, ttft_06 BIGINT NOT NULL, ttft_07 BIGINT NOT NULL,
    ttft_08 BIGINT NOT NULL, ttft_09 BIGINT NOT NULL, ttft_10 BIGINT NOT NULL, ttft_11 BIGINT NOT NULL,
    ttft_12 BIGINT NOT NULL, ttft_13 BIGINT NOT NULL, ttft_14 BIGINT NOT NULL, ttft_15 BIGINT NOT NULL,
    PRIMARY KEY (hour, channel, provider, model, model_group, key_id)
);

-- Hourly roll-up of the attempts: what a channel did, also where another one answered in the end.
CREATE TABLE attempt_statistics (
    hour BIGINT NOT NULL,
    channel TEXT NOT NULL,
    provider TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    cost_nano BIGINT NOT NULL,
    duration_sum BIGINT NOT NULL,
    PRIMARY KEY (hour, channel, provider, upstream_model, outcome)
);

-- The books: immutable entries. What is reserved by requests that run stands in the spool; what has ended stands here.
-- Reserve and void entries belong to slices that several instances draw from one budget; correct is a later correction.
CREATE TABLE budget_ledger (
    request_id TEXT NOT NULL,
    scope_kind TEXT NOT NULL CHECK (scope_kind IN ('key', 'group', 'channel', 'provider_key', 'router')),
    scope_id TEXT NOT NULL,
    period TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('reserve', 'post', 'void', 'correct')),
    amount_nano BIGINT NOT NULL,
    booked_at BIGINT NOT NULL,
    PRIMARY KEY (request_id, scope_kind, scope_id, period, kind)
);
CREATE INDEX budget_ledger_scope ON budget_ledger (scope_kind, scope_id, period);

-- The sums of the ledger, kept in the same transaction.
CREATE TABLE budget_counters (
    scope_kind TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    period TEXT NOT NULL,
    -- The bound keeps SQLite from turning an overflowing sum into a float: both engines refuse it.
    posted_nano BIGINT NOT NULL CHECK (posted_nano BETWEEN -9000000000000000000 AND 9000000000000000000),
    reserved_nano BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (scope_kind, scope_id, period)
);

-- How far each spool has been taken over; written in the transaction that takes it over.
CREATE TABLE spool_positions (
    spool_id TEXT PRIMARY KEY,
    segment BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    cron TEXT NOT NULL,
    timeout_ms BIGINT NOT NULL CHECK (timeout_ms > 0),
    retries BIGINT NOT NULL CHECK (retries >= 0),
    enabled BOOLEAN NOT NULL,
    next_run_at BIGINT,
    locked_by TEXT,
    locked_until BIGINT,
    updated_at BIGINT NOT NULL
);

CREATE TABLE job_runs (
    id TEXT PRIMARY KEY,
    job_name TEXT NOT NULL REFERENCES jobs (name) ON DELETE CASCADE,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT NOT NULL CHECK (outcome IN ('running', 'ok', 'failed', 'timeout', 'lost')),
    attempt BIGINT NOT NULL,
    triggered_by TEXT NOT NULL,
    instance_id TEXT,
    detail TEXT
);
CREATE INDEX job_runs_job ON job_runs (job_name, started_at);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    scope_kind TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}',
    raised_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    acknowledged_by TEXT,
    resolved_at BIGINT
);
CREATE INDEX alerts_time ON alerts (raised_at, id);
-- One open alert per cause.
CREATE UNIQUE INDEX alerts_open ON alerts (kind, scope_kind, scope_id) WHERE resolved_at IS NULL;

-- Append-only, chained by MAC.
CREATE TABLE audit_log (
    sequence BIGINT PRIMARY KEY CHECK (sequence > 0),
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    result TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    mac TEXT NOT NULL
);
CREATE INDEX audit_log_time ON audit_log (at_ms, sequence);
