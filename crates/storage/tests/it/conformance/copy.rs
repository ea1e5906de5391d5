//! Copies.

use veza_storage::{BlobKey, Error};

use super::bodies::pattern;
use super::stage::Stage;

pub(crate) async fn a_copy_has_the_bytes(stage: &Stage) {
    for size in [0, 10, 2 * stage.border + 1] {
        let bytes = pattern(size, 17);
        let (from, to) = (stage.key(), stage.key());
        stage.put(from, &bytes).await;
        assert_eq!(stage.backend.copy(from, to).await.unwrap().len, u64::try_from(size).unwrap());
        // Each lives on without the other.
        stage.backend.delete_many(&[from]).await.unwrap();
        assert!(stage.read(to).await == bytes);
        stage.assert_absent(from).await;
    }
}

pub(crate) async fn a_copy_needs_its_source(stage: &Stage) {
    let (from, to) = (stage.key(), stage.key());
    let answer = stage.backend.copy(from, to).await;
    assert!(matches!(answer, Err(Error::NotFound)), "{answer:?}");
    stage.assert_nothing(to).await;
    // One of that id, but of another tenant.
    let theirs = BlobKey::new(stage.other_tenant(), stage.small().await.blob());
    assert!(matches!(stage.backend.copy(theirs, to).await, Err(Error::NotFound)));
}

pub(crate) async fn a_copy_replaces_nothing(stage: &Stage) {
    let (from, to) = (stage.small().await, stage.key());
    stage.put(to, b"there").await;
    let answer = stage.backend.copy(from, to).await;
    if stage.backend.caps().exclusive_put {
        assert!(matches!(answer, Err(Error::Exists)), "{answer:?}");
        assert_eq!(stage.read(to).await, b"there");
    }
}
