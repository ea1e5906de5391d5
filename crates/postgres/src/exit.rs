//! The end of a process, to wait for from anywhere.

use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells when the server has ended, and how. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Exit(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    status: Mutex<Option<ExitStatus>>,
    ended: Condvar,
}

impl Exit {
    /// Waits until the server has ended. Blocks the thread.
    pub fn wait(&self) -> ExitStatus {
        let mut status = self.lock();
        loop {
            match *status {
                Some(status) => return status,
                None => status = self.0.ended.wait(status).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits at most `limit`; `None` when the server still runs.
    pub fn wait_timeout(&self, limit: Duration) -> Option<ExitStatus> {
        let running = |status: &mut Option<ExitStatus>| status.is_none();
        let waited = self.0.ended.wait_timeout_while(self.lock(), limit, running);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// How the server ended; `None` when it still runs.
    pub fn status(&self) -> Option<ExitStatus> {
        *self.lock()
    }

    /// Held while the process must not be reaped, because its id is in use.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify(&self) {
        self.0.ended.notify_all();
    }
}
