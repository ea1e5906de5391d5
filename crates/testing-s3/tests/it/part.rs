//! Parts that do not fit into memory.

use veza_storage::backend::s3::S3Config;
use veza_storage::{Error, body};
use veza_testing_s3::S3Server;

use crate::conformance::bodies::{chunked, pattern};
use crate::stage::{loopback, server, stage, tls_server};

#[tokio::test]
async fn a_large_part_is_sent_as_it_comes() {
    // With checksums the body is sent in another encoding.
    for (checksums, tls) in [(false, false), (true, false), (false, true), (true, true)] {
        let server = if tls { tls_server().await } else { server().await };
        let stage = stage(S3Config { checksums: Some(checksums), ..server.config() }, server).await;
        let (key, bytes) = (stage.key(), pattern(10 * stage.border + 3, 55));
        let upload = stage.backend.begin(key).await.unwrap();
        let len = u64::try_from(bytes.len()).unwrap();
        let part = stage.backend.part(key, &upload, 1, len, chunked(&bytes, 9_999)).await.unwrap();
        stage.backend.complete(key, &upload, &[part]).await.unwrap();
        assert!(stage.read(key).await == bytes);
        // And in one request, in several, and none.
        for size in [0, 10, 3 * stage.border] {
            let (key, bytes) = (stage.key(), pattern(size, 56));
            stage.put(key, &bytes).await;
            assert!(stage.read(key).await == bytes);
        }
        assert_eq!(stage.keep::<S3Server>().faults().checksums() > 0, checksums);
    }
}

#[tokio::test]
async fn a_part_of_another_length_is_no_part() {
    let stage = loopback().await;
    let key = stage.key();
    let upload = stage.backend.begin(key).await.unwrap();
    let large = 5 * u64::try_from(stage.border).unwrap();
    for (announced, comes) in [(10, 9), (10, 11), (large, large - 1), (large, large + 1)] {
        let bytes = pattern(comes.try_into().unwrap(), 57);
        let answer = stage.backend.part(key, &upload, 1, announced, body::full(bytes)).await;
        assert!(matches!(answer, Err(Error::Length { expected, .. }) if expected == announced), "{answer:?}");
    }
    let answer = stage.backend.part(key, &upload, 1, 6 << 30, body::empty()).await;
    assert!(matches!(answer, Err(Error::TooLarge { .. })), "{answer:?}");
    stage.backend.abort(key, &upload).await.unwrap();
    stage.assert_nothing(key).await;
}
