-- Channels, where one publishes and many watch, and the sessions of those who do.
CREATE SCHEMA stream;
GRANT USAGE ON SCHEMA stream TO veza_app, veza_system;

CREATE TABLE stream.channels (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description text CHECK (char_length(description) <= 1000),
    recording boolean NOT NULL,
    take_over boolean NOT NULL,
    codecs text[] NOT NULL,
    max_viewers integer CHECK (max_viewers > 0),
    max_kbps integer CHECK (max_kbps > 0),
    token_epoch bigint NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 1,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, channel_id)
);
COMMENT ON TABLE stream.channels IS
    'A place where one publishes and many watch. Tokens of an epoch before token_epoch hold no more. An empty list of '
    'codecs allows all. A deleted one is kept for the sake of its sessions.';
SELECT core.protect_tenant_table('stream.channels',
    'SELECT, INSERT, UPDATE (name, description, recording, take_over, codecs, max_viewers, max_kbps, token_epoch, '
    'version, updated_at, deleted_at)');

CREATE TABLE stream.sessions (
    tenant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('publisher', 'viewer')),
    node_id uuid NOT NULL,
    started_by text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    connected_at timestamptz,
    ended_at timestamptz,
    end_reason text COLLATE "C",
    seconds bigint NOT NULL DEFAULT 0 CHECK (seconds >= 0),
    received_bytes bigint NOT NULL DEFAULT 0 CHECK (received_bytes >= 0),
    sent_bytes bigint NOT NULL DEFAULT 0 CHECK (sent_bytes >= 0),
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES stream.channels (tenant_id, channel_id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE stream.sessions IS
    'One publisher''s or viewer''s connection, held by the process node_id. That writes seen_at while it lives; one that '
    'was not seen for long is lost. seconds count from when media could flow, bytes are those of datagrams.';
CREATE UNIQUE INDEX sessions_one_publisher ON stream.sessions (tenant_id, channel_id)
    WHERE kind = 'publisher' AND ended_at IS NULL;
CREATE INDEX sessions_of_channel ON stream.sessions (tenant_id, channel_id, session_id);
CREATE INDEX sessions_open ON stream.sessions (node_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON stream.sessions (ended_at) WHERE ended_at IS NOT NULL;
SELECT core.protect_tenant_table('stream.sessions',
    'SELECT, INSERT, UPDATE (seen_at, connected_at, ended_at, end_reason, seconds, received_bytes, sent_bytes)');
-- Who finds what a process left behind knows no tenant; neither who removes what is old.
SELECT core.allow_system('stream.sessions', 'SELECT, DELETE');

CREATE TABLE stream.months (
    tenant_id uuid NOT NULL,
    month date NOT NULL,
    published_seconds bigint NOT NULL,
    watched_seconds bigint NOT NULL,
    PRIMARY KEY (tenant_id, month)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream.months IS 'For how long a tenant published and watched in a month (UTC), for its limits.';
SELECT core.protect_tenant_table('stream.months', 'SELECT, INSERT, UPDATE (published_seconds, watched_seconds)');
