//! Listing, for audits.

use veza_storage::BlobKey;

use super::bodies::pattern;
use super::stage::Stage;

async fn stored(stage: &Stage, count: usize) -> Vec<BlobKey> {
    let mut keys: Vec<_> = (0..count).map(|_| stage.key()).collect();
    // Not in their order.
    keys.reverse();
    for (size, key) in keys.iter().enumerate() {
        stage.put(*key, &pattern(size, 8)).await;
    }
    keys.reverse();
    keys
}

pub(crate) async fn blobs_are_listed_in_order(stage: &Stage) {
    assert_eq!(stage.backend.list(Some(stage.tenant), None, 10).await.unwrap(), []);
    let keys = stored(stage, 9).await;
    let listed = stage.backend.list(Some(stage.tenant), None, 1_000).await.unwrap();
    assert_eq!(listed.iter().map(|listed| listed.key).collect::<Vec<_>>(), keys);
    assert_eq!(listed.iter().map(|listed| listed.len).collect::<Vec<_>>(), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
}

pub(crate) async fn a_listing_goes_on_behind_a_key(stage: &Stage) {
    let keys = stored(stage, 7).await;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = stage.backend.list(Some(stage.tenant), after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        found.extend(page.iter().map(|listed| listed.key));
    }
    assert_eq!(found, keys);
    assert_eq!(stage.backend.list(Some(stage.tenant), None, 0).await.unwrap(), []);
    // Behind a key that is not there.
    stage.backend.delete_many(&keys[2..4]).await.unwrap();
    let page = stage.backend.list(Some(stage.tenant), Some(keys[2]), 2).await.unwrap();
    assert_eq!(page.iter().map(|listed| listed.key).collect::<Vec<_>>(), keys[4..6]);
}

pub(crate) async fn tenants_are_listed_apart(stage: &Stage) {
    let keys = stored(stage, 3).await;
    let theirs = BlobKey::new(stage.other_tenant(), keys[1].blob());
    stage.put(theirs, b"theirs").await;
    let of = async |tenant, after| {
        let listed = stage.backend.list(Some(tenant), after, 1_000).await.unwrap();
        listed.iter().map(|listed| listed.key).collect::<Vec<_>>()
    };
    assert_eq!(of(stage.tenant, None).await, keys);
    assert_eq!(of(theirs.tenant(), None).await, [theirs]);
    // A bound in another tenant's keys: all of them are before it, or none.
    assert_eq!(of(stage.tenant, Some(theirs)).await, []);
    assert_eq!(of(theirs.tenant(), Some(keys[2])).await, [theirs]);
    // Over all tenants: others may be there as well.
    let all = stage.backend.list(None, Some(keys[1]), 1_000).await.unwrap();
    let all: Vec<_> = all.iter().map(|listed| listed.key).collect();
    assert!(all.is_sorted());
    assert_eq!(all.iter().filter(|key| key.tenant() == stage.tenant).collect::<Vec<_>>(), [&keys[2]]);
    assert!(all.contains(&theirs) || all.len() == 1_000);
    stage.backend.delete_many(&[theirs]).await.unwrap();
}
