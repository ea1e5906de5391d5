-- What is due is looked for tenant by tenant, the oldest first: without these a tenant's reaper reads what is due of all.
CREATE INDEX contents_due_of_tenant ON storage.contents (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX blobs_due_of_tenant ON storage.blobs (tenant_id, due_at) WHERE due_at IS NOT NULL;
