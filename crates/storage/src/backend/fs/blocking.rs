//! Work that waits for a disk.

use crate::Error;

/// Runs `work` on a thread of the blocking pool. When the future is dropped, `work` still runs to its end.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Failed { what: "work on the file system", source: error.into() })?
}
