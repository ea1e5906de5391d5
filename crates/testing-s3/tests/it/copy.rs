//! Copies of what is too large for one request.

use veza_storage::backend::s3::S3Config;

use crate::conformance::bodies::pattern;
use crate::stage::{server, stage};

#[tokio::test]
async fn a_large_copy_is_made_in_parts() {
    let server = server().await;
    let max_copy = 100_000;
    let stage = stage(S3Config { max_copy, ..server.config() }, server).await;
    for size in [99_999, 100_000, 100_001, 250_000] {
        let (from, to, bytes) = (stage.key(), stage.key(), pattern(size, 54));
        stage.put(from, &bytes).await;
        stage.backend.copy(from, to).await.unwrap();
        assert!(stage.read(to).await == bytes);
        stage.assert_uploads(to, 0).await;
    }
}
