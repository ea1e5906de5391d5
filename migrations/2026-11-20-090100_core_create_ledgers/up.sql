CREATE TABLE core.usage_events (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]+(\.[a-z_]+)+$'),
    quantity bigint NOT NULL CHECK (quantity > 0),
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
);
COMMENT ON TABLE core.usage_events IS
    'What a tenant used, written in the transaction that used it. An event id counts once, so a retry does not bill twice.';
CREATE INDEX usage_events_by_time ON core.usage_events (tenant_id, occurred_at);
SELECT core.protect_tenant_table('core.usage_events', 'SELECT, INSERT');
SELECT core.allow_system('core.usage_events', 'SELECT, DELETE');

CREATE TABLE core.idempotency_keys (
    tenant_id uuid NOT NULL,
    principal text NOT NULL,
    key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,
    response jsonb,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, key)
);
COMMENT ON TABLE core.idempotency_keys IS
    'Answers to creating requests by their Idempotency-Key, written in the transaction that created; kept for 24 hours.';
CREATE INDEX idempotency_keys_by_age ON core.idempotency_keys (created_at);
SELECT core.protect_tenant_table('core.idempotency_keys', 'SELECT, INSERT, UPDATE (response)');
SELECT core.allow_system('core.idempotency_keys', 'SELECT, INSERT, UPDATE, DELETE');
