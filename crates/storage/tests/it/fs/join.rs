//! Completing an upload, again and again.

use veza_storage::Error;
use veza_storage::backend::Part;
use veza_storage::body;

use super::stage::{Directory, STEP, anonymous};
use crate::conformance::bodies::pattern;

/// A completion that was dropped at any point can be made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_completion_is_made_again() {
    let (mut dropped, mut done) = (0, 0);
    for patience in 0..60 {
        let stage = anonymous().await;
        let (key, bytes) = (stage.key(), pattern(7 * STEP, patience));
        let upload = stage.backend.begin(key).await.unwrap();
        let mut parts: Vec<Part> = Vec::new();
        for (number, chunk) in (1..).zip(bytes.chunks(STEP)) {
            let body = body::full(chunk.to_vec());
            parts.push(
                stage
                    .backend
                    .part(key, &upload, number, chunk.len().try_into().unwrap(), body)
                    .await
                    .unwrap(),
            );
        }
        let patience = async {
            for _ in 0..patience * 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answer = stage.backend.complete(key, &upload, &parts) => { answer.unwrap(); done += 1; }
            () = patience => {
                dropped += 1;
                complete_or_be_done(&stage, key, &upload, &parts).await;
            }
        }
        assert!(stage.read(key).await == bytes);
        assert_eq!(stage.keep::<Directory>().files("uploads"), [""; 0]);
    }
    assert!(dropped > 0, "{dropped} dropped, {done} done");
}

async fn complete_or_be_done(
    stage: &crate::conformance::stage::Stage,
    key: veza_storage::BlobKey,
    upload: &veza_storage::backend::UploadId,
    parts: &[Part],
) {
    loop {
        match stage.backend.complete(key, upload, parts).await {
            // Gone: the dropped one took effect a moment later.
            Ok(_) | Err(Error::UploadNotFound) => return,
            // The dropped one still holds the lock, for the step that it is in.
            Err(Error::Unavailable { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}
