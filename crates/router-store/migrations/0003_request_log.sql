-- The request log, cheaper to write; it holds what it held. Written for every request: half of that work was in its indexes and
-- in lists of words that SQLite builds anew for each statement. So the usual word is asked for first, and the indexes leave out
-- the id: rows of one millisecond are few, and are put in order when a page is read.
DROP INDEX request_logs_time;
DROP INDEX request_logs_key;
DROP INDEX request_logs_model;
DROP INDEX request_logs_channel;
DROP INDEX request_logs_status;
DROP INDEX request_logs_client_id;
ALTER TABLE request_logs RENAME TO request_logs_before;
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
    status TEXT NOT NULL CHECK (status = 'completed' OR status IN ('error', 'client_closed', 'timeout', 'shutdown', 'interrupted')),
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
    tokens_source TEXT NOT NULL CHECK (tokens_source = 'reported' OR tokens_source = 'counted' OR tokens_source = 'estimated'),
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
INSERT INTO request_logs (
    id, client_request_id, key_id, key_name, endpoint, dialect, model, model_group, channel, provider, upstream_model,
    strategy, status, error_code, error_class, stream, attempts, attempt_details, tokens_input, tokens_cached_input,
    tokens_cache_write, tokens_output, tokens_reasoning, tokens_source, cost_nano, reserved_nano, price_version,
    latency_ms, ttft_ms, throughput_tps, overhead_us, config_version, created_at, bytes_in, bytes_out, user_agent,
    client_address, flags, decision
) SELECT
    id, client_request_id, key_id, key_name, endpoint, dialect, model, model_group, channel, provider, upstream_model,
    strategy, status, error_code, error_class, stream, attempts, attempt_details, tokens_input, tokens_cached_input,
    tokens_cache_write, tokens_output, tokens_reasoning, tokens_source, cost_nano, reserved_nano, price_version,
    latency_ms, ttft_ms, throughput_tps, overhead_us, config_version, created_at, bytes_in, bytes_out, user_agent,
    client_address, flags, decision
FROM request_logs_before;
DROP TABLE request_logs_before;
-- Pages run by (created_at, id) downwards, alone or behind one equal filter.
CREATE INDEX request_logs_time ON request_logs (created_at);
CREATE INDEX request_logs_key ON request_logs (key_id, created_at);
CREATE INDEX request_logs_model ON request_logs (model, created_at);
CREATE INDEX request_logs_channel ON request_logs (channel, created_at);
CREATE INDEX request_logs_status ON request_logs (status, created_at) WHERE status <> 'completed';
CREATE INDEX request_logs_client_id ON request_logs (client_request_id) WHERE client_request_id IS NOT NULL;
