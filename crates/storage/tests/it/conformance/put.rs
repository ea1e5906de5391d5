//! What is put comes back.

use veza_storage::body;

use super::bodies::{chunked, pattern};
use super::stage::Stage;

/// Nothing, one byte, and sizes around the borders.
fn sizes(stage: &Stage) -> Vec<usize> {
    let border = stage.border;
    vec![0, 1, 2, border - 1, border, border + 1, 2 * border - 1, 2 * border, 2 * border + 1]
}

pub(crate) async fn whole_bodies_come_back(stage: &Stage) {
    for size in sizes(stage) {
        let (key, bytes) = (stage.key(), pattern(size, 3));
        stage.put(key, &bytes).await;
        assert_eq!(stage.backend.head(key).await.unwrap().len, u64::try_from(size).unwrap());
        assert!(stage.read(key).await == bytes, "{size} bytes");
    }
}

pub(crate) async fn bodies_of_unknown_length_come_back(stage: &Stage) {
    for size in sizes(stage) {
        let (key, bytes) = (stage.key(), pattern(size, 4));
        let stored = stage.backend.put(key, None, body::full(bytes.clone())).await.unwrap();
        assert_eq!(stored.len, u64::try_from(size).unwrap());
        assert!(stage.read(key).await == bytes, "{size} bytes");
        assert_eq!(stage.backend.uploads(key).await.unwrap(), []);
    }
}

pub(crate) async fn many_chunks_are_one_body(stage: &Stage) {
    let bytes = pattern(2 * stage.border + 17, 5);
    for size in [997, stage.border - 1, stage.border, stage.border + 1] {
        let key = stage.key();
        stage.backend.put(key, None, chunked(&bytes, size)).await.unwrap();
        assert!(stage.read(key).await == bytes, "chunks of {size}");
    }
}

pub(crate) async fn absence_is_told(stage: &Stage) {
    stage.assert_absent(stage.key()).await;
    let there = stage.small().await;
    stage.assert_absent(stage.key()).await;
    stage.read(there).await;
}
