//! Parts of blobs.

use veza_storage::Error;
use veza_storage::backend::ByteRange;

use super::bodies::pattern;
use super::stage::Stage;

pub(crate) async fn every_kind_of_range_comes_back(stage: &Stage) {
    let (key, border) = (stage.key(), stage.border);
    let bytes = pattern(2 * border + 100, 6);
    stage.put(key, &bytes).await;
    let size = bytes.len();
    let ranges = [
        (0, 1),
        (0, size),
        (1, size - 1),
        (border - 1, border + 1),
        (border, 2 * border),
        (border + 1, 2 * border + 1),
        (size - 1, size),
        (5, size + 1_000),
    ];
    for (start, end) in ranges {
        let range = ByteRange { start: start.try_into().unwrap(), end: Some(end.try_into().unwrap()) };
        let download = stage.backend.get(key, Some(range)).await.unwrap();
        assert_eq!(download.len, u64::try_from(size).unwrap());
        let read = stage.read_range(key, Some(range)).await;
        assert!(read == bytes[start..end.min(size)], "{start}..{end}");
    }
    let to_the_end = ByteRange { start: 7, end: None };
    assert!(stage.read_range(key, Some(to_the_end)).await == bytes[7..]);
}

pub(crate) async fn ranges_outside_are_refused(stage: &Stage) {
    let key = stage.small().await;
    for (start, end) in [(10, None), (10, Some(11)), (11, None), (u64::MAX, None), (4, Some(4)), (4, Some(3))]
    {
        let answer = stage.backend.get(key, Some(ByteRange { start, end })).await;
        assert!(matches!(answer, Err(Error::RangeUnsatisfiable { len: 10 })), "{start}..{end:?}: {answer:?}");
    }
    let answer = stage.backend.get(stage.key(), Some(ByteRange { start: 4, end: Some(4) })).await;
    assert!(matches!(answer, Err(Error::NotFound)), "{answer:?}");
}

pub(crate) async fn an_empty_blob_has_no_range(stage: &Stage) {
    let key = stage.key();
    stage.put(key, b"").await;
    assert_eq!(stage.read(key).await, b"");
    let answer = stage.backend.get(key, Some(ByteRange { start: 0, end: None })).await;
    assert!(matches!(answer, Err(Error::RangeUnsatisfiable { len: 0 })), "{answer:?}");
}
