-- An operator who changes the root key must know whose keys an older one wrapped.
SELECT core.allow_system('storage.tenant_keys', 'SELECT (tenant_id, root_id, dropped_at)');
CREATE INDEX tenant_keys_by_root ON storage.tenant_keys (root_id, tenant_id) WHERE dropped_at IS NULL;
