//! Work that waits for a disk.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::temporary::Temporary;
use crate::Error;

/// The threads on which one store waits for its disk: some of the runtime's blocking pool.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Semaphore>);

impl Pool {
    pub(super) fn new(threads: usize) -> Result<Self, Error> {
        if (1..=Semaphore::MAX_PERMITS).contains(&threads) {
            Ok(Self(Arc::new(Semaphore::new(threads))))
        } else {
            Err(Error::Setup("a directory needs at least one thread".to_owned()))
        }
    }

    /// Runs `work` on a thread, when one is free. When the future is dropped, work that has begun still runs
    /// to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        const WHAT: &str = "work on the file system";
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let permit = permit.map_err(|error| Error::Failed { what: WHAT, source: error.into() })?;
        let work = move || {
            let result = work();
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::Failed { what: WHAT, source: error.into() })?
    }
}

/// A temporary file between two steps. When nobody takes the next one it is closed on a thread that may
/// wait, for freeing a large file takes its time.
#[derive(Default)]
pub(super) struct Idle(Option<Temporary>);

impl Idle {
    pub(super) fn keep(&mut self, temporary: Temporary) {
        self.0 = Some(temporary);
    }

    pub(super) fn take(&mut self) -> Option<Temporary> {
        self.0.take()
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(temporary) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(temporary));
        }
    }
}
