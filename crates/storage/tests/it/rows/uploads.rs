//! Uploads that grow, exceed, or compete.

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use veza_storage::bucket::BucketChange;
use veza_storage::{Body, Error};
use veza_testing::{TenantTest, tenant_test};

use super::{House, agree, files, object};

/// So many chunks of 64 KiB.
fn chunks(count: usize) -> Body {
    Box::pin(stream::repeat(Bytes::from(vec![7; 65_536])).take(count).map(Ok))
}

#[tenant_test]
async fn a_body_of_unknown_length_stays_within_the_quota_to_the_byte(t: TenantTest) {
    let limit = 20 << 20;
    let (house, alice) =
        (House::with(&t.db, |config| config.quota_bytes = Some(limit)).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let put = async |key: &str, count| {
        let permit = alice.permit().unwrap();
        house.storage.put(alice, &permit, object(key), chunks(count)).await
    };
    assert!(matches!(put("too-much", 321).await, Err(Error::QuotaExceeded)));
    assert_eq!(house.usage(alice).await, (0, 0));
    put("all", 320).await.unwrap();
    assert_eq!(house.usage(alice).await, (limit, 0));
    assert!(matches!(put("more", 1).await, Err(Error::QuotaExceeded)));
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn uploads_at_once_never_store_more_than_is_allowed(t: TenantTest) {
    let (house, alice) =
        (House::with(&t.db, |config| config.quota_bytes = Some(1_000)).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let uploads = (0..12).map(|n| {
        let mut new = object(&format!("key-{n}"));
        new.len = Some(300);
        house.put(alice, new, &[0; 300])
    });
    let outcomes = future::join_all(uploads.collect::<Vec<_>>()).await;
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(
        stored == 3
            && outcomes.iter().filter_map(|o| o.as_ref().err()).all(|e| matches!(e, Error::QuotaExceeded))
    );
    assert_eq!(house.usage(alice).await, (900, 0));
    agree(&t.db, alice).await;
}

#[tenant_test]
async fn a_body_that_breaks_off_leaves_nothing(t: TenantTest) {
    let (house, alice) = (House::new(&t.db).await, &t.alice.caller);
    files(&t.db, alice, BucketChange::default()).await;
    let broken = stream::iter([Ok(Bytes::from_static(b"begin")), Err(Error::Body("gone".into()))]);
    let permit = alice.permit().unwrap();
    let outcome = house.storage.put(alice, &permit, object("x"), Box::pin(broken)).await;
    assert!(matches!(outcome, Err(Error::Body(_))));
    assert!(matches!(house.bytes(alice, "x").await, Err(Error::Absent("object"))));
    assert_eq!((house.usage(alice).await, house.stored(alice).await), ((0, 0), 0));
}
