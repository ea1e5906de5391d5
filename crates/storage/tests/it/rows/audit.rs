//! Rows and bytes are compared.

use chrono::TimeDelta;
use veza_core::{Caller, SystemRandom, TenantId};
use veza_storage::audit::{Audit, Findings};
use veza_storage::bucket::BucketChange;
use veza_storage::{BlobId, BlobKey, body};
use veza_testing::{DbTest, db_test};

use super::{House, files, object};

const ALL: Audit = Audit { since: None, collect: false, at_most: 1_000 };

/// A restore of the database to the moment `t`, as far as one tenant's files are concerned: what was written down
/// later is forgotten.
fn forget_since(t: &DbTest, tenant: TenantId, moment: chrono::DateTime<chrono::Utc>) {
    let mut superuser = t.database.superuser();
    let after = |column: &str| format!("tenant_id = '{}' AND {column} > '{moment}'", tenant.as_uuid());
    superuser.execute("SET session_replication_role = replica");
    for table in ["objects", "versions"] {
        let of = after("created_at");
        let ids = format!("SELECT version_id FROM storage.versions WHERE {of}");
        superuser.execute(&format!("DELETE FROM storage.{table} WHERE version_id IN ({ids})"));
    }
    let of = after("created_at");
    let ids = format!("SELECT content_id FROM storage.contents WHERE {of}");
    superuser.execute(&format!("DELETE FROM storage.blobs WHERE content_id IN ({ids})"));
    superuser.execute(&format!("DELETE FROM storage.contents WHERE {of}"));
}

#[db_test(clock = "manual")]
async fn bytes_that_a_restored_database_forgot_are_found_and_removed(t: DbTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    for caller in [alice, mallory] {
        files(&t.db, caller, BucketChange::default()).await;
        house.put(caller, object("before"), b"before").await.unwrap();
    }
    assert!(house.storage.audit(ALL).await.unwrap().is_clean());
    t.clock.advance(TimeDelta::minutes(1));
    let moment = t.clock.now();
    t.clock.advance(TimeDelta::hours(1));
    for number in 0..3 {
        house.put(alice, object(&format!("after/{number}")), b"after").await.unwrap();
    }
    house.put(mallory, object("after"), b"after").await.unwrap();
    // Of somebody whom the database does not know at all.
    let stranger = TenantId::generate(t.clock.now(), &SystemRandom);
    let key = BlobKey::new(stranger, BlobId::generate(t.clock.now(), &SystemRandom));
    house.backend.put(key, None, body::full("orphan")).await.unwrap();
    forget_since(&t, t.alice.tenant, moment);
    let since = Audit { since: Some(moment), ..ALL };
    let found = house.storage.audit(since).await.unwrap();
    assert_eq!((found.orphans.len(), found.blobs, found.missing.len(), found.removed), (4, 5, 0, 0));
    assert_eq!(house.storage.audit(ALL).await.unwrap().blobs, 7);
    let careful = Audit { collect: true, at_most: 3, ..since };
    assert_eq!(house.storage.audit(careful).await.unwrap().removed, 0, "more than was expected");
    let found = house.storage.audit(Audit { collect: true, ..since }).await.unwrap();
    assert_eq!(found.removed, 4);
    assert!(house.storage.audit(ALL).await.unwrap().is_clean());
    assert_eq!(house.bytes(alice, "before").await.unwrap(), b"before");
    assert_eq!(house.bytes(mallory, "after").await.unwrap(), b"after");
}

#[db_test]
async fn missing_and_damaged_bytes_are_told(t: DbTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    for key in ["whole", "missing", "damaged"] {
        house.put(alice, object(key), key.as_bytes()).await.unwrap();
    }
    let listed = house.backend.list(Some(alice.tenant()), None, 10).await.unwrap();
    house.backend.delete_many(&[listed[1].key]).await.unwrap();
    house.backend.delete_many(&[listed[2].key]).await.unwrap();
    house.backend.put(listed[2].key, None, body::full("short")).await.unwrap();
    let Findings { blobs, rows, orphans, missing, damaged, removed } =
        house.storage.audit(Audit { collect: true, ..ALL }).await.unwrap();
    assert_eq!((blobs, rows, orphans.len(), removed), (2, 3, 0, 0));
    assert_eq!((missing[0].blob, missing.len()), (listed[1].key.blob(), 1));
    assert_eq!((damaged[0].blob, damaged[0].bytes, damaged.len()), (listed[2].key.blob(), 5, 1));
    assert!(house.bytes(alice, "whole").await.is_ok());
    let other: &Caller = &t.mallory.caller;
    assert_eq!(house.stored(other).await, 0);
}
