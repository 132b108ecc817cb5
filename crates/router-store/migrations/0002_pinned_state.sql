-- What one provider account keeps under an id that it made: whose it is, and the channel and key that lead back to it.
CREATE TABLE pinned_state (
    key_id TEXT NOT NULL,
    state_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    provider_key_id TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, state_id)
);
CREATE INDEX pinned_state_time ON pinned_state (made_at);
