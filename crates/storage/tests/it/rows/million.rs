//! What rules cost.

use veza_core::{Clock, SystemClock};
use veza_storage::bucket::BucketChange;
use veza_testing::{DbTest, db_test};

use super::lifecycle::{expire, noncurrent, put};
use super::{House, agree, files, object};

/// A million objects, half of which are due: what it takes to find them and to delete them is printed.
#[db_test]
#[ignore = "it takes minutes; it is for docs/benchmarks.md"]
async fn a_million_objects(t: DbTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    house.put(alice, object("first"), b"x").await.unwrap();
    let tenant = alice.tenant().as_uuid();
    let mut superuser = t.database.superuser();
    superuser.execute(&format!(
        "CREATE TEMP TABLE n AS SELECT gen_random_uuid() AS v, gen_random_uuid() AS c, \
           now() - make_interval(secs => i * 10) AS at, 'logs/' || i AS key FROM generate_series(1, 1000000) AS i; \
         INSERT INTO storage.contents (tenant_id, content_id, backend, state, size, etag, crc32c, crc64nvme, created_at) \
           SELECT '{tenant}', c, 'fs', 'live', 1000, 'etag', 0, 0, at FROM n; \
         INSERT INTO storage.versions (tenant_id, version_id, bucket_id, key, content_id, content_type, headers, metadata, \
             tags, created_by, created_at) \
           SELECT '{tenant}', v, b.bucket_id, key, c, 'text/plain', '{{}}', '{{}}', '{{}}', 'nobody', at \
           FROM n, storage.buckets AS b WHERE b.tenant_id = '{tenant}'; \
         INSERT INTO storage.objects (tenant_id, bucket_id, key, version_id) \
           SELECT '{tenant}', b.bucket_id, key, v FROM n, storage.buckets AS b WHERE b.tenant_id = '{tenant}'; \
         UPDATE storage.usage SET used_bytes = used_bytes + 1000000000 WHERE tenant_id = '{tenant}'; \
         ANALYZE storage.contents; ANALYZE storage.versions; ANALYZE storage.objects;"
    ));
    let began = SystemClock.now();
    let due = superuser.count(
        "SELECT count(*) FROM storage.versions AS v JOIN storage.contents AS c USING (tenant_id, content_id) \
         WHERE v.ended_at IS NULL AND v.created_at <= now() - interval '58 days' AND v.key >= 'logs/' AND v.key < 'logs0'",
    );
    println!("counted {due} of 1,000,000 in {}", SystemClock.now() - began);
    put(&house, alice, vec![expire("logs/", 58), noncurrent(Some(1), None)]).await.unwrap();
    let began = SystemClock.now();
    let applied = house.storage.apply_lifecycles(alice.tenant()).await.unwrap();
    println!("deleted {applied:?} in {}", SystemClock.now() - began);
    let began = SystemClock.now();
    put(&house, alice, vec![expire("logs/", 58), noncurrent(Some(1), None)]).await.unwrap();
    let applied = house.storage.apply_lifecycles(alice.tenant()).await.unwrap();
    println!("and found {applied:?} left in {}", SystemClock.now() - began);
    agree(&t.db, alice).await;
}
