-- Rules by which objects of a bucket go by themselves, and where their bytes lie meanwhile.
CREATE TABLE storage.lifecycles (
    tenant_id uuid NOT NULL,
    bucket_id uuid NOT NULL,
    rules jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
    version bigint NOT NULL DEFAULT 1,
    run_at timestamptz NOT NULL,
    ran_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, bucket_id),
    CONSTRAINT lifecycles_bucket_exists FOREIGN KEY (tenant_id, bucket_id) REFERENCES storage.buckets
);
COMMENT ON TABLE storage.lifecycles IS
    'The lifecycle rules of a bucket. run_at is when they are looked at next, ran_at when that was done last.';
CREATE INDEX lifecycles_due ON storage.lifecycles (run_at, tenant_id);
SELECT core.protect_tenant_table('storage.lifecycles',
    'SELECT, INSERT, DELETE, UPDATE (rules, version, run_at, ran_at, updated_at)');
SELECT core.allow_system('storage.lifecycles', 'SELECT (tenant_id, run_at)');

-- What rules look for, in the order of time: a look goes on where the last one ended, and passes nothing twice.
CREATE INDEX versions_current ON storage.versions (tenant_id, bucket_id, created_at, version_id) WHERE ended_at IS NULL;
CREATE INDEX versions_ended ON storage.versions (tenant_id, bucket_id, ended_at, version_id)
    WHERE ended_at IS NOT NULL AND deleted_at IS NULL;

ALTER TABLE storage.contents ADD COLUMN tier text COLLATE "C" NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'cold'));
COMMENT ON COLUMN storage.contents.tier IS 'cold: its bytes were moved to where keeping is cheap and reading is not.';
CREATE INDEX contents_hot ON storage.contents (tenant_id, created_at, content_id) WHERE state = 'live' AND tier = 'hot';
GRANT UPDATE (tier) ON storage.contents TO veza_app;
