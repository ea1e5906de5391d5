//! Signals, and what the service manager is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use veza_core::Tasks;

use crate::error::Error;

/// Waits for SIGINT or SIGTERM. A second one ends the process at once.
pub(crate) async fn stop_requested() -> Result<(), Error> {
    let failed = || Error::io("cannot wait for signals");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Tells systemd that we serve, and from then on that we live.
pub(crate) fn ready(tasks: &Tasks) {
    notify(&[NotifyState::Ready]);
    if let Some(period) = sd_notify::watchdog_enabled() {
        let half = (period / 2).max(Duration::from_millis(100));
        tasks.every("server.watchdog", half, || async { notify(&[NotifyState::Watchdog]) });
    }
}

/// Tells systemd that we are about to stop.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
