CREATE TABLE tenant.sessions (
    tenant_id uuid NOT NULL REFERENCES tenant.organizations,
    session_id uuid NOT NULL,
    person_id uuid NOT NULL,
    user_agent text CHECK (char_length(user_agent) <= 500),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, session_id),
    CONSTRAINT sessions_member_exists
        FOREIGN KEY (tenant_id, person_id) REFERENCES tenant.memberships ON DELETE CASCADE
);
COMMENT ON TABLE tenant.sessions IS 'A person signed in to an organisation on one device.';
CREATE INDEX sessions_by_person ON tenant.sessions (tenant_id, person_id);
CREATE INDEX sessions_by_expiry ON tenant.sessions (expires_at);
SELECT core.protect_tenant_table('tenant.sessions', 'SELECT, UPDATE (revoked_at)');
SELECT core.allow_system('tenant.sessions', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE tenant.refresh_tokens (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES tenant.sessions ON DELETE CASCADE
);
COMMENT ON TABLE tenant.refresh_tokens IS
    'Every refresh token a session ever had, as SHA-256. One that comes back after its use ends the session.';
CREATE INDEX refresh_tokens_by_session ON tenant.refresh_tokens (tenant_id, session_id);
SELECT core.protect_tenant_table('tenant.refresh_tokens', '');
SELECT core.allow_system('tenant.refresh_tokens', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE tenant.api_keys (
    tenant_id uuid NOT NULL REFERENCES tenant.organizations,
    key_id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    hint text NOT NULL,
    secret_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, key_id),
    CONSTRAINT api_keys_secret_unique UNIQUE (tenant_id, secret_hash)
);
COMMENT ON TABLE tenant.api_keys IS
    'A key for programs, as SHA-256; hint is its last characters, to recognise it by. last_used_at is exact to a minute.';
SELECT core.protect_tenant_table('tenant.api_keys', 'SELECT, INSERT, UPDATE (revoked_at)');
SELECT core.allow_system('tenant.api_keys', 'SELECT, UPDATE');

CREATE TABLE tenant.revocations (
    tenant_id uuid NOT NULL,
    revocation_id uuid NOT NULL,
    subject_kind text NOT NULL CHECK (subject_kind IN ('organization', 'person', 'session', 'api_key')),
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, revocation_id)
);
COMMENT ON TABLE tenant.revocations IS
    'Credentials of this subject from before this moment hold no more. Every process reads new rows each second, '
    'by recorded_at, which is the database''s own time; kept for as long as an access token lives.';
CREATE INDEX revocations_by_time ON tenant.revocations (recorded_at);
SELECT core.protect_tenant_table('tenant.revocations', 'INSERT');
SELECT core.allow_system('tenant.revocations', 'SELECT, INSERT, DELETE');

CREATE TABLE tenant.signing_keys (
    key_id text PRIMARY KEY,
    public_key bytea NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL,
    signs_until timestamptz NOT NULL
);
COMMENT ON TABLE tenant.signing_keys IS
    'Ed25519 keys that sign access tokens, sealed with the root key; published from creation until the last token that they signed has expired.';
SELECT core.allow_system('tenant.signing_keys', 'SELECT, INSERT, DELETE');
