//! Names that users could write.

use veza_storage::backend::{Part, UploadId};
use veza_storage::{Error, body};

use super::stage::Stage;

/// Keys are made of ids alone. The two texts that come back from callers are the id of an upload and the
/// tag of a part, and they lead nowhere that the backend did not choose itself.
pub(crate) async fn what_users_write_reaches_no_path(stage: &Stage) {
    let key = stage.key();
    let own = stage.backend.begin(key).await.unwrap();
    let first = stage.backend.part(key, &own, 1, 5, body::full("first")).await.unwrap();
    for name in
        ["", ".", "..", "../..", "/etc/passwd", "a\0b", "%2e%2e%2f", "é\u{301}\u{202e}\u{fffd}", "x?y&z=1#"]
    {
        let upload = UploadId::new(name);
        let answer = stage.backend.part(key, &upload, 1, 1, body::full("x")).await;
        assert!(matches!(answer, Err(Error::UploadNotFound)), "{name:?}: {answer:?}");
        let answer = stage.backend.complete(key, &upload, std::slice::from_ref(&first)).await;
        assert!(matches!(answer, Err(Error::UploadNotFound)), "{name:?}: {answer:?}");
        stage.backend.abort(key, &upload).await.unwrap();
        let tagged = Part { tag: name.to_owned(), ..first.clone() };
        let answer = stage.backend.complete(key, &own, &[tagged]).await;
        assert!(matches!(answer, Err(Error::Part { .. })), "{name:?}: {answer:?}");
    }
    stage.assert_absent(key).await;
    stage.backend.complete(key, &own, &[first]).await.unwrap();
    assert_eq!(stage.read(key).await, b"first");
}
