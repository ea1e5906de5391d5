-- Who reads what is public, and who asks what a bucket lets browsers do, has no tenant before the bucket is found.
SELECT core.allow_system('storage.buckets', 'SELECT (tenant_id, bucket_id, name, access, cors, deleted_at)');
