//! A blob is written once.

use futures_util::future::join_all;
use veza_storage::{Error, body};

use super::bodies::{chunked, pattern};
use super::stage::Stage;

pub(crate) async fn bytes_are_never_replaced(stage: &Stage) {
    for size in [10, stage.border * 2] {
        let (key, bytes) = (stage.key(), pattern(size, 9));
        stage.put(key, &bytes).await;
        let again = stage.backend.put(key, None, body::full("others")).await;
        if stage.backend.caps().exclusive_put {
            assert!(matches!(again, Err(Error::Exists)), "{again:?}");
            let long = stage.backend.put(key, None, body::full(pattern(stage.border * 3, 10))).await;
            assert!(matches!(long, Err(Error::Exists)), "{long:?}");
            assert!(stage.read(key).await == bytes);
        } else {
            again.unwrap();
            assert_eq!(stage.read(key).await, b"others");
        }
        stage.assert_uploads(key, 0).await;
    }
}

pub(crate) async fn one_of_many_writers_wins(stage: &Stage) {
    for size in [1_000, stage.border + 1] {
        let key = stage.key();
        let writers = (0..8).map(|writer| async move {
            let bytes = pattern(size, 100 + writer);
            stage.backend.put(key, None, chunked(&bytes, 500)).await.map(|_| bytes)
        });
        let answers = join_all(writers).await;
        let read = stage.read(key).await;
        let won: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        assert!(won.iter().any(|bytes| **bytes == read), "the bytes of one, whole");
        if stage.backend.caps().exclusive_put {
            assert_eq!(won.len(), 1);
            let lost = answers.iter().filter(|answer| matches!(answer, Err(Error::Exists))).count();
            assert_eq!(lost, 7, "{answers:?}");
        }
        stage.assert_uploads(key, 0).await;
    }
}
