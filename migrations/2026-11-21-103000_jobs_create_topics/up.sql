-- Topics: an event is published to an exchange, and each binding that it matches gets a job in its queue.
CREATE TABLE jobs.exchanges (
    tenant_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('topic', 'fanout', 'direct')),
    keep_days smallint NOT NULL CHECK (keep_days BETWEEN 0 AND 90),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
COMMENT ON TABLE jobs.exchanges IS
    'Where a tenant''s events are published, and how they are told apart. Its events are kept for keep_days days, to be replayed.';
SELECT jobs.share('jobs.exchanges', 'SELECT, INSERT, DELETE, UPDATE (keep_days, version)', 'SELECT');

CREATE TABLE jobs.bindings (
    tenant_id uuid NOT NULL,
    binding_id uuid NOT NULL,
    exchange text COLLATE "C" NOT NULL,
    pattern text COLLATE "C" NOT NULL CHECK (octet_length(pattern) BETWEEN 1 AND 255),
    filter json,
    filter_scope text NOT NULL CHECK (filter_scope IN ('attributes', 'body')),
    queue text COLLATE "C" NOT NULL,
    paused boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, binding_id),
    FOREIGN KEY (tenant_id, exchange) REFERENCES jobs.exchanges ON DELETE CASCADE
);
COMMENT ON TABLE jobs.bindings IS
    'Sends the events of an exchange whose routing key matches the pattern, and that pass the filter, to a queue of the tenant.';
CREATE INDEX bindings_by_exchange ON jobs.bindings (tenant_id, exchange, binding_id);
SELECT jobs.share('jobs.bindings', 'SELECT, INSERT, DELETE, UPDATE (paused)', 'SELECT');

CREATE TABLE jobs.subscriptions (
    name text COLLATE "C" PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 63),
    exchange text COLLATE "C" NOT NULL,
    pattern text COLLATE "C" NOT NULL CHECK (octet_length(pattern) BETWEEN 1 AND 255),
    queue text COLLATE "C" NOT NULL,
    max_attempts smallint NOT NULL CHECK (max_attempts > 0),
    timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
    declared_at timestamptz NOT NULL
);
COMMENT ON TABLE jobs.subscriptions IS
    'A binding that a program declares in its code, for every tenant. It belongs to the deployment and holds no tenant''s data.';
CREATE INDEX subscriptions_by_exchange ON jobs.subscriptions (exchange, name);
GRANT SELECT ON jobs.subscriptions TO veza_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.subscriptions TO veza_jobs;

CREATE TABLE jobs.events (
    tenant_id uuid NOT NULL,
    exchange text COLLATE "C" NOT NULL,
    published_at timestamptz NOT NULL,
    event_id uuid NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    hops smallint NOT NULL,
    attributes json NOT NULL,
    body json NOT NULL,
    delivered uuid[] NOT NULL,
    PRIMARY KEY (tenant_id, exchange, published_at, event_id)
) PARTITION BY RANGE (published_at);
COMMENT ON TABLE jobs.events IS
    'An event that is kept to be replayed. delivered names the bindings that got it when it was published. A partition is a '
    'day, and is dropped whole.';
SELECT jobs.share('jobs.events', 'SELECT, INSERT', 'SELECT');
CREATE TABLE jobs.events_default PARTITION OF jobs.events DEFAULT;
COMMENT ON TABLE jobs.events_default IS 'Events of a day without a partition of its own.';
SELECT core.protect_tenant_table('jobs.events_default', '');

CREATE TABLE jobs.replays (
    tenant_id uuid NOT NULL,
    replay_id uuid NOT NULL,
    binding_id uuid NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    only_missed boolean NOT NULL,
    position_at timestamptz NOT NULL,
    position_id uuid NOT NULL,
    replayed bigint NOT NULL DEFAULT 0,
    worked_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, replay_id),
    FOREIGN KEY (tenant_id, binding_id) REFERENCES jobs.bindings ON DELETE CASCADE,
    CHECK (from_at <= to_at)
) WITH (fillfactor = 50);
COMMENT ON TABLE jobs.replays IS
    'Kept events on their way to a binding once more. The position moves in the transaction that enqueues, so that each event '
    'comes once per replay.';
CREATE INDEX replays_by_binding ON jobs.replays (tenant_id, binding_id, replay_id);
CREATE INDEX replays_open ON jobs.replays (worked_at) WHERE finished_at IS NULL;
SELECT jobs.share('jobs.replays', 'SELECT, INSERT, DELETE',
                  'SELECT, DELETE, UPDATE (position_at, position_id, replayed, worked_at, finished_at)');
