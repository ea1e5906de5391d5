-- Files of tenants. A blob is bytes that never change: one object of the backend, named tenant/blob. A content is
-- one or more blobs, one behind the other. A version is what an object was for a time, and shows a content. An
-- object is a key and its current version.
--
-- What names bytes is committed before the bytes are written and goes after they are removed, so no bytes are
-- without a row; what shows bytes is committed after they are written and goes before they are removed, so no
-- version is without bytes. Whatever is on its way has a due_at, at which somebody looks whether it arrived.
CREATE SCHEMA storage;
GRANT USAGE ON SCHEMA storage TO veza_app, veza_system;

CREATE TABLE storage.buckets (
    tenant_id uuid NOT NULL,
    bucket_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$'),
    access text NOT NULL CHECK (access IN ('private', 'public_read')),
    versioning boolean NOT NULL,
    encryption boolean NOT NULL,
    max_object_bytes bigint CHECK (max_object_bytes > 0),
    allowed_types text[] NOT NULL,
    cors jsonb NOT NULL CHECK (jsonb_typeof(cors) = 'array'),
    retention_mode text CHECK (retention_mode IN ('governance', 'compliance')),
    retention_days integer CHECK (retention_days > 0),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, bucket_id),
    CHECK ((retention_mode IS NULL) = (retention_days IS NULL)),
    CHECK (retention_mode IS NULL OR versioning)
);
COMMENT ON TABLE storage.buckets IS
    'Where a tenant keeps objects, and the rules for them. No allowed_types allow all. A deleted bucket is empty but for what can be restored.';
CREATE UNIQUE INDEX buckets_name_unique ON storage.buckets (tenant_id, name) WHERE deleted_at IS NULL;
SELECT core.protect_tenant_table('storage.buckets',
    'SELECT, INSERT, DELETE, UPDATE (access, versioning, encryption, max_object_bytes, allowed_types, cors, '
    'retention_mode, retention_days, version, updated_at, deleted_at)');

CREATE TABLE storage.tenant_keys (
    tenant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    root_id text NOT NULL,
    wrapped bytea,
    current boolean NOT NULL,
    created_at timestamptz NOT NULL,
    dropped_at timestamptz,
    PRIMARY KEY (tenant_id, key_id),
    CHECK ((wrapped IS NULL) = (dropped_at IS NOT NULL)),
    CHECK (NOT (current AND wrapped IS NULL))
);
COMMENT ON TABLE storage.tenant_keys IS
    'What wraps the keys of a tenant''s contents, itself wrapped by the root key root_id. Once dropped, what it wrapped cannot be read any more.';
CREATE UNIQUE INDEX tenant_keys_current ON storage.tenant_keys (tenant_id) WHERE current;
SELECT core.protect_tenant_table('storage.tenant_keys', 'SELECT, INSERT, UPDATE (root_id, wrapped, current, dropped_at)');

CREATE TABLE storage.contents (
    tenant_id uuid NOT NULL,
    content_id uuid NOT NULL,
    backend text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'live', 'condemned', 'collecting')),
    size bigint NOT NULL CHECK (size >= 0),
    etag text,
    sha256 bytea CHECK (octet_length(sha256) = 32),
    crc32c integer,
    crc64nvme bigint,
    key_id uuid,
    wrapped_key bytea,
    due_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, content_id),
    CONSTRAINT contents_key_exists FOREIGN KEY (tenant_id, key_id) REFERENCES storage.tenant_keys,
    CHECK ((key_id IS NULL) = (wrapped_key IS NULL)),
    CHECK ((state = 'live') = (due_at IS NULL)),
    CHECK (state IN ('pending', 'collecting') OR etag IS NOT NULL)
);
COMMENT ON TABLE storage.contents IS
    'What versions show. pending: it is being written, size is what is reserved for it, and due_at is when it is given up. '
    'live: versions show it. condemned: none does any more; it can be restored until due_at. collecting: its bytes are being removed.';
CREATE INDEX contents_due ON storage.contents (due_at, tenant_id) WHERE due_at IS NOT NULL;
CREATE INDEX contents_by_key ON storage.contents (tenant_id, key_id, content_id) WHERE key_id IS NOT NULL;
SELECT core.protect_tenant_table('storage.contents',
    'SELECT, INSERT, DELETE, UPDATE (backend, state, size, etag, sha256, crc32c, crc64nvme, key_id, wrapped_key, due_at)');
SELECT core.allow_system('storage.contents', 'SELECT (tenant_id, due_at)');

CREATE TABLE storage.blobs (
    tenant_id uuid NOT NULL,
    blob_id uuid NOT NULL,
    content_id uuid NOT NULL,
    number integer NOT NULL CHECK (number BETWEEN 1 AND 100000),
    state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'live', 'abandoned')),
    size bigint NOT NULL CHECK (size >= 0),
    header bytea,
    sha256 bytea CHECK (octet_length(sha256) = 32),
    crc32c integer,
    crc64nvme bigint,
    due_at timestamptz,
    removed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, blob_id),
    CONSTRAINT blobs_content_exists FOREIGN KEY (tenant_id, content_id) REFERENCES storage.contents,
    CHECK ((state = 'live') = (due_at IS NULL))
);
COMMENT ON TABLE storage.blobs IS
    'Bytes in the backend, and the parts of a content by number: a plain upload has one, an upload in parts several. '
    'header is what begins them when they are encrypted, and size what they are when they are not. abandoned: to be removed at due_at; removed: it was, and is once more, in case its writer was only slow.';
CREATE UNIQUE INDEX blobs_by_content ON storage.blobs (tenant_id, content_id, number) WHERE state = 'live';
CREATE INDEX blobs_of_content ON storage.blobs (tenant_id, content_id);
CREATE INDEX blobs_due ON storage.blobs (due_at, tenant_id) WHERE due_at IS NOT NULL;
SELECT core.protect_tenant_table('storage.blobs',
    'SELECT, INSERT, DELETE, UPDATE (content_id, number, state, size, header, sha256, crc32c, crc64nvme, due_at, removed)');
SELECT core.allow_system('storage.blobs', 'SELECT (tenant_id, due_at)');

CREATE TABLE storage.versions (
    tenant_id uuid NOT NULL,
    version_id uuid NOT NULL,
    bucket_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 1024),
    content_id uuid NOT NULL,
    content_type text NOT NULL,
    headers jsonb NOT NULL CHECK (jsonb_typeof(headers) = 'object'),
    metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
    tags jsonb NOT NULL CHECK (jsonb_typeof(tags) = 'object'),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    deleted_at timestamptz,
    retention_mode text CHECK (retention_mode IN ('governance', 'compliance')),
    retain_until timestamptz,
    legal_hold boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, version_id),
    CONSTRAINT versions_bucket_exists FOREIGN KEY (tenant_id, bucket_id) REFERENCES storage.buckets,
    CONSTRAINT versions_content_exists FOREIGN KEY (tenant_id, content_id) REFERENCES storage.contents,
    CHECK ((retention_mode IS NULL) = (retain_until IS NULL)),
    CHECK (deleted_at IS NULL OR ended_at IS NOT NULL)
);
COMMENT ON TABLE storage.versions IS
    'What an object was from created_at to ended_at. Copies share a content. '
    'Once deleted_at is set it is only there to be restored.';
CREATE INDEX versions_by_key ON storage.versions (tenant_id, bucket_id, key, version_id);
CREATE INDEX versions_by_content ON storage.versions (tenant_id, content_id);
SELECT core.protect_tenant_table('storage.versions',
    'SELECT, INSERT, DELETE, UPDATE (content_type, headers, metadata, tags, ended_at, deleted_at, retention_mode, retain_until, legal_hold)');

CREATE TABLE storage.objects (
    tenant_id uuid NOT NULL,
    bucket_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    version_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, bucket_id, key),
    CONSTRAINT objects_version_exists FOREIGN KEY (tenant_id, version_id) REFERENCES storage.versions
);
COMMENT ON TABLE storage.objects IS 'The current version of each key that has one.';
CREATE INDEX objects_by_version ON storage.objects (tenant_id, version_id);
SELECT core.protect_tenant_table('storage.objects', 'SELECT, INSERT, DELETE, UPDATE (version_id)');

CREATE TABLE storage.usage (
    tenant_id uuid PRIMARY KEY,
    used_bytes bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
    reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
    limit_bytes bigint CHECK (limit_bytes >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE storage.usage IS
    'used_bytes is the sum of the sizes of live contents, reserved_bytes that of pending ones, exactly. Without a limit that of the deployment holds.';
SELECT core.protect_tenant_table('storage.usage', 'SELECT, INSERT, UPDATE (used_bytes, reserved_bytes)');
SELECT core.allow_system('storage.usage', 'SELECT, INSERT, UPDATE (limit_bytes)');

CREATE TABLE storage.uploads (
    tenant_id uuid NOT NULL,
    upload_id uuid NOT NULL,
    bucket_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 1024),
    content_id uuid NOT NULL,
    protocol text COLLATE "C" NOT NULL CHECK (protocol IN ('multipart', 'tus')),
    length bigint CHECK (length >= 0),
    received bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    fence bigint NOT NULL DEFAULT 0,
    partial boolean NOT NULL DEFAULT false,
    options jsonb NOT NULL CHECK (jsonb_typeof(options) = 'object'),
    version_id uuid,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, upload_id),
    CONSTRAINT uploads_content_exists FOREIGN KEY (tenant_id, content_id) REFERENCES storage.contents,
    CONSTRAINT uploads_bucket_exists FOREIGN KEY (tenant_id, bucket_id) REFERENCES storage.buckets
);
COMMENT ON TABLE storage.uploads IS
    'An upload in parts that any node continues. Who writes takes the next fence; with an older one nothing can be added. '
    'Completed, it names the version that it made, so that completing it again answers the same.';
CREATE INDEX uploads_by_bucket ON storage.uploads (tenant_id, bucket_id, key, upload_id);
CREATE INDEX uploads_by_content ON storage.uploads (tenant_id, content_id);
CREATE INDEX uploads_expired ON storage.uploads (expires_at, tenant_id);
SELECT core.protect_tenant_table('storage.uploads', 'SELECT, INSERT, DELETE, UPDATE (length, received, fence, version_id, expires_at)');
SELECT core.allow_system('storage.uploads', 'SELECT (tenant_id, expires_at)');

CREATE FUNCTION storage.behind_prefix(prefix text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept CONSTANT text := rtrim(prefix, chr(1114111));
    next integer;
BEGIN
    IF kept = '' THEN
        RETURN NULL;
    END IF;
    next := ascii(right(kept, 1)) + 1;
    -- Surrogates are no characters.
    RETURN left(kept, -1) || chr(CASE next WHEN 55296 THEN 57344 ELSE next END);
END
$$;
COMMENT ON FUNCTION storage.behind_prefix IS
    'The first text in byte order behind all that begin with the prefix; NULL when there is none.';

CREATE FUNCTION storage.list_keys(tenant uuid, bucket uuid, prefix text, delimiter text, behind text, most integer)
RETURNS TABLE (entry text, version_id uuid)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- The primary key has the order. Without statistics the planner might sort the bucket for each entry.
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    place text COLLATE "C" := prefix;
    finish CONSTANT text COLLATE "C" := storage.behind_prefix(prefix);
    hit record;
    cut integer;
BEGIN
    IF behind COLLATE "C" >= prefix COLLATE "C" THEN
        place := CASE WHEN delimiter <> '' AND length(behind) > length(prefix)
                           AND right(behind, length(delimiter)) = delimiter
                      THEN storage.behind_prefix(behind) ELSE behind || chr(1) END;
    END IF;
    WHILE most > 0 AND place IS NOT NULL LOOP
        SELECT o.key, o.version_id INTO hit FROM storage.objects AS o
        WHERE o.tenant_id = tenant AND o.bucket_id = bucket AND o.key >= place
        ORDER BY o.key LIMIT 1;
        EXIT WHEN NOT FOUND OR hit.key >= finish;
        cut := CASE WHEN delimiter = '' THEN 0 ELSE strpos(substr(hit.key, length(prefix) + 1), delimiter) END;
        IF cut > 0 THEN
            entry := left(hit.key, length(prefix) + cut - 1 + length(delimiter));
            version_id := NULL;
            place := storage.behind_prefix(entry);
        ELSE
            entry := hit.key;
            version_id := hit.version_id;
            -- The next text in byte order; no text holds the character 0.
            place := hit.key || chr(1);
        END IF;
        RETURN NEXT;
        most := most - 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION storage.list_keys IS
    'The keys of a bucket in byte order from behind the last entry of the page before, and what lies below a common prefix as one entry '
    'without a version. It jumps over what lies below, so it costs what its answer is long.';
REVOKE ALL ON FUNCTION storage.behind_prefix, storage.list_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION storage.behind_prefix, storage.list_keys TO veza_app;
