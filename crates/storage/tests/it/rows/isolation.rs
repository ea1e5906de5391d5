//! No name, id or key lets a tenant see another's files.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use veza_core::Query;
use veza_storage::bucket::BucketChange;
use veza_storage::object;
use veza_storage::{Error, ObjectKey};
use veza_testing::{TenantTest, tenant_test};

use super::{House, files, object, run};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tenant_test]
async fn the_same_names_are_others_for_another_tenant(t: TenantTest) {
    let (house, alice, mallory) = (House::new(&t.db).await, &t.alice.caller, &t.mallory.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let secret = house.put(alice, object("secret"), b"secret").await.unwrap();
    assert!(matches!(house.bytes(mallory, "secret").await, Err(Error::Absent("bucket"))));
    files(&t.db, mallory, BucketChange::default()).await;
    assert!(matches!(house.bytes(mallory, "secret").await, Err(Error::Absent("object"))));
    let (permit, key) = (mallory.permit().unwrap(), ObjectKey::new("secret").unwrap());
    let by_version = house.storage.read(mallory, &permit, "files", &key, Some(secret.version_id), None).await;
    assert!(matches!(by_version, Err(Error::Absent("version"))));
    let permit = mallory.permit().unwrap();
    let stolen = run(&t.db, mallory, move |tx| {
        let window = chrono::TimeDelta::hours(1);
        object::restore(tx, &permit, "files", &ObjectKey::new("secret")?, secret.version_id, None, window)
    });
    assert!(matches!(stolen.await, Err(Error::Absent("version"))));
    house.put(mallory, object("secret"), b"mine").await.unwrap();
    assert_eq!(house.bytes(alice, "secret").await.unwrap(), b"secret");
    assert_eq!(house.stored(alice).await, 1);
}

#[tenant_test]
async fn no_statement_reaches_another_tenants_rows(t: TenantTest) {
    let house = House::new(&t.db).await;
    files(&t.db, &t.alice.caller, BucketChange::default()).await;
    house.put(&t.alice.caller, object("secret"), b"secret").await.unwrap();
    let victim = t.alice.tenant;
    for table in [
        "buckets",
        "contents",
        "blobs",
        "versions",
        "objects",
        "usage",
        "tenant_keys",
        "uploads",
        "signing_keys",
    ] {
        let count = run(&t.db, &t.mallory.caller, move |tx| {
            let sql = format!("SELECT count(*) AS count FROM storage.{table} WHERE tenant_id = $1");
            Ok(tx.get_result::<Count, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(victim))?.count)
        });
        assert_eq!(count.await.unwrap(), 0, "{table}");
    }
    let listed = run(&t.db, &t.mallory.caller, move |tx| {
        let sql = "SELECT count(*) AS count FROM storage.buckets AS b, \
                   LATERAL storage.list_keys($1, b.bucket_id, '', '', NULL, 10)";
        Ok(tx.get_result::<Count, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(victim))?.count)
    });
    assert_eq!(listed.await.unwrap(), 0);
}
