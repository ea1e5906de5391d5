//! Bodies that do not arrive whole.

use veza_storage::backend::Stored;
use veza_storage::digest::{Algorithm, Expected, check};
use veza_storage::{Error, body};

use super::bodies::{breaking, hanging, pattern};
use super::stage::Stage;

pub(crate) async fn a_body_that_breaks_off_leaves_nothing(stage: &Stage) {
    for size in [0, 1, stage.border, 3 * stage.border] {
        for len in [None, Some(4 * u64::try_from(stage.border).unwrap())] {
            let key = stage.key();
            let answer = stage.backend.put(key, len, breaking(&pattern(size, 11))).await;
            assert!(matches!(answer, Err(Error::Body(_))), "{size}: {answer:?}");
            stage.assert_nothing(key).await;
        }
    }
}

pub(crate) async fn a_body_of_another_length_leaves_nothing(stage: &Stage) {
    let lengths = |announced: usize, comes: usize| (u64::try_from(announced).unwrap(), pattern(comes, 12));
    let border = stage.border;
    let all = [
        lengths(0, 1),
        lengths(1, 0),
        lengths(9, 10),
        lengths(border, border + 1),
        lengths(border, border - 1),
    ];
    for (announced, bytes) in
        all.into_iter().chain([lengths(3 * border, 2 * border), lengths(2 * border, 3 * border)])
    {
        let key = stage.key();
        let answer = stage.backend.put(key, Some(announced), body::full(bytes)).await;
        assert!(matches!(answer, Err(Error::Length { expected, .. }) if expected == announced), "{answer:?}");
        stage.assert_nothing(key).await;
    }
}

pub(crate) async fn a_body_of_another_digest_leaves_nothing(stage: &Stage) {
    for size in [0, 10, 3 * stage.border] {
        let key = stage.key();
        let wrong = Expected { crc64nvme: Some(7), ..Expected::default() };
        let (body, receipt) = check(body::full(pattern(size, 18)), wrong, false);
        let answer = stage.backend.put(key, None, body).await;
        assert!(matches!(answer, Err(Error::DigestMismatch(Algorithm::Crc64Nvme))), "{answer:?}");
        assert_eq!(receipt.sums(), None);
        stage.assert_nothing(key).await;
    }
}

pub(crate) async fn a_dropped_put_leaves_nothing(stage: &Stage) {
    for size in [0, 1, stage.border, 3 * stage.border] {
        let key = stage.key();
        let (body, taken) = hanging(&pattern(size, 13));
        let put = stage.backend.put(key, None, body);
        let answer: Option<Result<Stored, Error>> = tokio::select! {
            answer = put => Some(answer),
            () = taken.notified() => None,
        };
        assert!(answer.is_none(), "{answer:?}");
        stage.assert_nothing(key).await;
        stage.put(key, b"a second attempt").await;
    }
}
