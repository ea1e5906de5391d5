-- What is due is looked for tenant by tenant, the oldest first: without these a tenant's reaper reads what is due of all.
CREATE INDEX contents_due_of_tenant ON storage.contents (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX blobs_due_of_tenant ON storage.blobs (tenant_id, due_at) WHERE due_at IS NOT NULL;

-- A version that nobody can restore any more goes, also when others show the same bytes.
CREATE INDEX versions_deleted ON storage.versions (deleted_at, tenant_id) WHERE deleted_at IS NOT NULL;
SELECT core.allow_system('storage.versions', 'SELECT (tenant_id, deleted_at)');
