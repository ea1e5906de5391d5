//! The end of service, announced.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the process is about to stop. While it is, `/ready` answers 503 and every answer closes
/// its connection, so that clients and balancers move on before the listener goes.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<watch::Sender<bool>>);

impl Drain {
    /// Begins to drain; there is no way back.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when draining begins, at once when it has: what waits for long gives up then.
    pub async fn begun(&self) {
        let mut changes = self.0.subscribe();
        // The sender is ours, so it cannot be gone.
        let _draining = changes.wait_for(|draining| *draining).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_the_end_is_told() {
        let drain = Drain::default();
        let mut waiting = Box::pin(drain.begun());
        assert!(waiting.as_mut().now_or_never().is_none());
        drain.clone().begin();
        waiting.await;
        drain.begun().await;
        assert!(drain.is_draining());
    }
}
