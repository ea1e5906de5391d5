//! Uploads in parts.

use veza_storage::backend::{Part, UploadId};
use veza_storage::{BlobKey, Error, body};

use super::bodies::{chunked, pattern};
use super::stage::Stage;

async fn part(stage: &Stage, key: BlobKey, upload: &UploadId, number: u16, bytes: &[u8]) -> Part {
    let len = u64::try_from(bytes.len()).unwrap();
    let part = stage.backend.part(key, upload, number, len, chunked(bytes, 70_000)).await.unwrap();
    assert_eq!((part.number, part.len), (number, len));
    part
}

pub(crate) async fn parts_become_a_blob(stage: &Stage) {
    let (key, bytes) = (stage.key(), pattern(stage.border * 2 + 5, 15));
    let upload = stage.backend.begin(key).await.unwrap();
    let mut chunks = bytes.chunks(stage.border);
    let [first, second, third] = [(); 3].map(|()| chunks.next().unwrap());
    // In any order, and with a gap in the numbers.
    let third = part(stage, key, &upload, 7, third).await;
    let first = part(stage, key, &upload, 1, first).await;
    let second = part(stage, key, &upload, 2, second).await;
    stage.assert_absent(key).await;
    let stored = stage.backend.complete(key, &upload, &[first, second, third]).await.unwrap();
    assert_eq!(stored.len, u64::try_from(bytes.len()).unwrap());
    assert!(stage.read(key).await == bytes);
}

pub(crate) async fn a_single_part_may_be_empty(stage: &Stage) {
    let key = stage.key();
    let upload = stage.backend.begin(key).await.unwrap();
    let only = part(stage, key, &upload, 1, b"").await;
    stage.backend.complete(key, &upload, &[only]).await.unwrap();
    assert_eq!(stage.read(key).await, b"");
}

pub(crate) async fn a_part_is_replaced(stage: &Stage) {
    let key = stage.key();
    let upload = stage.backend.begin(key).await.unwrap();
    let old = part(stage, key, &upload, 1, b"the old part").await;
    let new = part(stage, key, &upload, 1, b"the new part").await;
    let answer = stage.backend.complete(key, &upload, &[old]).await;
    assert!(matches!(answer, Err(Error::Part { .. })), "{answer:?}");
    stage.assert_absent(key).await;
    stage.backend.complete(key, &upload, &[new]).await.unwrap();
    assert_eq!(stage.read(key).await, b"the new part");
}

pub(crate) async fn wrong_parts_are_refused(stage: &Stage) {
    let key = stage.key();
    let upload = stage.backend.begin(key).await.unwrap();
    let first = part(stage, key, &upload, 1, &pattern(stage.border, 16)).await;
    let second = part(stage, key, &upload, 2, b"second").await;
    let absent = Part { number: 3, ..second.clone() };
    let zero = Part { number: 0, ..second.clone() };
    let high = Part { number: 10_001, ..second.clone() };
    let wrong = [
        vec![],
        vec![first.clone(), absent],
        vec![second.clone(), first.clone()],
        vec![first.clone(), first.clone()],
        vec![zero],
        vec![first.clone(), high],
    ];
    for parts in wrong {
        let answer = stage.backend.complete(key, &upload, &parts).await;
        assert!(matches!(answer, Err(Error::Part { .. })), "{parts:?}: {answer:?}");
        stage.assert_absent(key).await;
    }
    for number in [0, 10_001] {
        let answer = stage.backend.part(key, &upload, number, 1, body::full("x")).await;
        assert!(matches!(answer, Err(Error::Part { .. })), "{answer:?}");
    }
    stage.backend.complete(key, &upload, &[first, second]).await.unwrap();
}

pub(crate) async fn an_aborted_upload_is_gone(stage: &Stage) {
    let key = stage.key();
    let upload = stage.backend.begin(key).await.unwrap();
    let first = part(stage, key, &upload, 1, b"first").await;
    for _ in 0..2 {
        stage.backend.abort(key, &upload).await.unwrap();
        stage.assert_nothing(key).await;
    }
    let answer = stage.backend.complete(key, &upload, &[first]).await;
    assert!(matches!(answer, Err(Error::UploadNotFound)), "{answer:?}");
    let answer = stage.backend.part(key, &upload, 1, 1, body::full("x")).await;
    assert!(matches!(answer, Err(Error::UploadNotFound)), "{answer:?}");
}

pub(crate) async fn a_completed_upload_is_gone(stage: &Stage) {
    let key = stage.key();
    let upload = stage.backend.begin(key).await.unwrap();
    let first = part(stage, key, &upload, 1, b"first").await;
    stage.backend.complete(key, &upload, std::slice::from_ref(&first)).await.unwrap();
    stage.assert_uploads(key, 0).await;
    // Whoever did not hear the answer asks again: either it is told so, or that nothing goes on.
    match stage.backend.complete(key, &upload, &[first]).await {
        Ok(stored) => assert_eq!(stored.len, 5),
        Err(error) => assert!(matches!(error, Error::UploadNotFound), "{error:?}"),
    }
    stage.backend.abort(key, &upload).await.unwrap();
    assert_eq!(stage.read(key).await, b"first");
}

pub(crate) async fn uploads_are_found_by_their_key(stage: &Stage) {
    let (key, other) = (stage.key(), stage.key());
    let one = stage.backend.begin(key).await.unwrap();
    let two = stage.backend.begin(key).await.unwrap();
    let theirs = stage.backend.begin(other).await.unwrap();
    assert_ne!(one, two);
    let found = stage.backend.uploads(key).await.unwrap();
    assert_eq!(found.len(), 2);
    // The ids that are found end the uploads, whatever they look like.
    for upload in found {
        stage.backend.abort(key, &upload).await.unwrap();
    }
    stage.assert_nothing(key).await;
    stage.assert_uploads(other, 1).await;
    stage.backend.abort(other, &theirs).await.unwrap();
    stage.assert_nothing(other).await;
}

pub(crate) async fn an_upload_belongs_to_its_key(stage: &Stage) {
    let (key, other) = (stage.key(), stage.key());
    let upload = stage.backend.begin(key).await.unwrap();
    let first = part(stage, key, &upload, 1, b"first").await;
    let answer = stage.backend.part(other, &upload, 1, 1, body::full("x")).await;
    assert!(matches!(answer, Err(Error::UploadNotFound)), "{answer:?}");
    let answer = stage.backend.complete(other, &upload, std::slice::from_ref(&first)).await;
    assert!(matches!(answer, Err(Error::UploadNotFound)), "{answer:?}");
    stage.assert_absent(other).await;
    stage.backend.abort(other, &upload).await.unwrap();
    stage.backend.complete(key, &upload, &[first]).await.unwrap();
    assert_eq!(stage.read(key).await, b"first");
}
