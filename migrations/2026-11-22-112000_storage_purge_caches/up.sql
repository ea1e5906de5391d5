-- Caches in front of public buckets are told what changed.
ALTER TABLE storage.buckets ADD COLUMN purge_url text CHECK (length(purge_url) <= 2000);
COMMENT ON COLUMN storage.buckets.purge_url IS
    'Where a webhook goes when something public changes: the paths that caches must forget.';
GRANT UPDATE (purge_url) ON storage.buckets TO veza_app;
