//! The way back: versions and deleted objects.

use chrono::TimeDelta;
use veza_core::page::PageRequest;
use veza_storage::bucket::BucketChange;
use veza_storage::id::VersionId;
use veza_storage::object::{self, Condition, Object};
use veza_storage::{Error, ObjectKey};
use veza_testing::{TenantTest, tenant_test};

use super::{House, agree, files, object, run};

const WINDOW: TimeDelta = TimeDelta::hours(1);

async fn delete(t: &TenantTest, key: &'static str, version: Option<VersionId>) -> Result<(), Error> {
    let permit = t.alice.caller.permit().unwrap();
    run(&t.db, &t.alice.caller, move |tx| {
        let key = ObjectKey::new(key)?;
        match version {
            None => object::delete(tx, &permit, "files", &key, &Condition::default(), WINDOW),
            Some(version) => object::delete_version(tx, &permit, "files", &key, version, WINDOW),
        }
    })
    .await
}

async fn versions(t: &TenantTest, key: &'static str, deleted: bool) -> Vec<Object> {
    let permit = t.alice.caller.permit().unwrap();
    let page = run(&t.db, &t.alice.caller, move |tx| {
        object::versions(
            tx,
            &permit,
            "files",
            &ObjectKey::new(key)?,
            deleted,
            &PageRequest { limit: 50, after: None },
        )
    });
    page.await.unwrap().items
}

async fn restore(
    t: &TenantTest,
    house: &House,
    key: &'static str,
    version: VersionId,
) -> Result<Object, Error> {
    let (permit, limit) = (t.alice.caller.permit().unwrap(), house.storage.config().quota_bytes);
    run(&t.db, &t.alice.caller, move |tx| {
        object::restore(tx, &permit, "files", &ObjectKey::new(key)?, version, limit, WINDOW)
    })
    .await
}

#[tenant_test]
async fn without_versioning_what_was_can_be_restored_for_a_while(t: TenantTest) {
    let (house, alice) = (House::with(&t.db, |config| config.quota_bytes = Some(8)).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let first = house.put(alice, object("x"), b"first").await.unwrap();
    house.put(alice, object("x"), b"two").await.unwrap();
    assert_eq!(versions(&t, "x", false).await.len(), 1);
    assert_eq!(versions(&t, "x", true).await.len(), 2);
    assert_eq!(house.usage(alice).await, (3, 0));
    let restored = restore(&t, &house, "x", first.version_id).await.unwrap();
    assert_ne!(restored.version_id, first.version_id);
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"first");
    assert_eq!(house.usage(alice).await, (5, 0));
    delete(&t, "x", None).await.unwrap();
    assert!(matches!(delete(&t, "x", None).await, Err(Error::Absent("object"))));
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((0, 0), 2));
    house.put(alice, object("y"), b"1234").await.unwrap();
    let over = restore(&t, &house, "x", first.version_id).await;
    assert!(matches!(over, Err(Error::QuotaExceeded)), "four and five are more than eight: {over:?}");
    delete(&t, "y", None).await.unwrap();
    restore(&t, &house, "x", first.version_id).await.unwrap();
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"first");
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn with_versioning_everything_is_kept_until_its_version_is_deleted(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange { versioning: Some(true), ..BucketChange::default() }).await;
    let first = house.put(alice, object("x"), b"first").await.unwrap();
    let second = house.put(alice, object("x"), b"second").await.unwrap();
    delete(&t, "x", None).await.unwrap();
    assert!(matches!(house.bytes(alice, "x").await, Err(Error::Absent("object"))));
    let kept: Vec<VersionId> =
        versions(&t, "x", false).await.iter().map(|version| version.version_id).collect();
    assert_eq!(kept, [second.version_id, first.version_id]);
    assert_eq!(house.usage(alice).await, (11, 0));
    delete(&t, "x", Some(first.version_id)).await.unwrap();
    assert_eq!(house.usage(alice).await, (6, 0));
    let third = restore(&t, &house, "x", second.version_id).await.unwrap();
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"second");
    assert_eq!(house.usage(alice).await, (6, 0), "it shares the bytes");
    delete(&t, "x", Some(third.version_id)).await.unwrap();
    assert!(matches!(house.bytes(alice, "x").await, Err(Error::Absent("object"))));
    assert_eq!(house.usage(alice).await, (6, 0), "the second version still shows them");
    agree(&t.db, alice).await;
}

/// As a client does that changes metadata by copying an object onto itself, for years.
#[tenant_test(clock = "manual")]
async fn versions_that_nobody_can_restore_go_although_others_show_their_bytes(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    house.put(alice, object("x"), b"bytes").await.unwrap();
    for _ in 0..3 {
        let (read, write) = (alice.permit().unwrap(), alice.permit().unwrap());
        let onto_itself = move |tx: &mut veza_core::TenantTx<'_>| {
            let copy = object::Copy {
                from_bucket: "files".to_owned(),
                from_key: ObjectKey::new("x")?,
                from_version: None,
                bucket: "files".to_owned(),
                key: ObjectKey::new("x")?,
                attributes: None,
                condition: Condition::default(),
            };
            object::copy(tx, &read, &write, &copy, WINDOW)
        };
        run(&t.db, alice, onto_itself).await.unwrap();
    }
    assert_eq!(versions(&t, "x", true).await.len(), 4);
    house.storage.reap(t.alice.tenant).await.unwrap();
    assert_eq!(versions(&t, "x", true).await.len(), 4, "they can be restored for a while");
    t.clock.advance(WINDOW);
    house.storage.reap(t.alice.tenant).await.unwrap();
    assert_eq!(versions(&t, "x", true).await.len(), 1);
    assert_eq!(house.bytes(alice, "x").await.unwrap(), b"bytes");
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((5, 0), 1));
    agree(&t.db, alice).await;
}
