//! Removing blobs.

use veza_storage::backend::MAX_KEYS;

use super::bodies::pattern;
use super::stage::Stage;

pub(crate) async fn deleting_is_idempotent(stage: &Stage) {
    let key = stage.small().await;
    stage.backend.delete_many(&[]).await.unwrap();
    stage.read(key).await;
    for _ in 0..2 {
        stage.backend.delete_many(&[key]).await.unwrap();
        stage.assert_absent(key).await;
    }
    // The name is free again, as a reaper that runs twice must not harm.
    stage.put(key, &pattern(20, 7)).await;
    assert_eq!(stage.read(key).await, pattern(20, 7));
}

pub(crate) async fn only_the_named_are_deleted(stage: &Stage) {
    let (first, kept, last) = (stage.small().await, stage.small().await, stage.small().await);
    stage.backend.delete_many(&[last, stage.key(), first]).await.unwrap();
    stage.assert_absent(first).await;
    stage.assert_absent(last).await;
    stage.read(kept).await;
}

pub(crate) async fn too_many_keys_are_refused(stage: &Stage) {
    let keys: Vec<_> = (0..=MAX_KEYS).map(|_| stage.key()).collect();
    assert!(stage.backend.delete_many(&keys).await.is_err());
    stage.backend.delete_many(&keys[1..]).await.unwrap();
}
