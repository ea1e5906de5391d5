//! Signals, and what the service manager is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use veza_core::Tasks;

use crate::error::Error;

/// Wrappers pass on what the terminal sent to us already; so soon after the first it is the same.
const ECHO: Duration = Duration::from_millis(500);

/// Listens for SIGINT and SIGTERM from now on, so that none is lost between two waits. The first
/// cancels the token that this gives; a second one ends the process at once.
pub(crate) fn listen() -> Result<CancellationToken, Error> {
    let failed = || Error::io("cannot wait for signals");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed())?;
    let asked = CancellationToken::new();
    let told = asked.clone();
    Tasks::new().spawn("server.signals", move |_| async move {
        either(&mut interrupt, &mut terminate).await;
        told.cancel();
        let pause = tokio::time::sleep(ECHO);
        tokio::pin!(pause);
        while tokio::select! {
            () = &mut pause => false,
            () = either(&mut interrupt, &mut terminate) => true,
        } {}
        either(&mut interrupt, &mut terminate).await;
        tracing::warn!("stopping at once, as asked twice");
        exit();
    });
    Ok(asked)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[allow(clippy::exit, reason = "somebody does not want to wait for the orderly way out")]
fn exit() {
    std::process::exit(1);
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
