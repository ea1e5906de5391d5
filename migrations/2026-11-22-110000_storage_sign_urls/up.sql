-- URLs that somebody without credentials may use for a time, because the tenant signed them.
CREATE TABLE storage.signing_keys (
    tenant_id uuid PRIMARY KEY,
    key_id uuid NOT NULL,
    root_id text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE storage.signing_keys IS
    'What signs a tenant''s URLs, itself wrapped by the root key root_id. Without the row, no URL that it signed holds any more.';
SELECT core.protect_tenant_table('storage.signing_keys', 'SELECT, INSERT, DELETE, UPDATE (root_id, wrapped)');
-- Whoever shows a signature has no tenant before it is verified.
SELECT core.allow_system('storage.signing_keys', 'SELECT');
