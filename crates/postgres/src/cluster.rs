//! A cluster that lives as long as its owner.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::server::{Life, Server};
use crate::site::Site;
use crate::url::url;
use crate::{Account, Binaries, Error, Exit, Settings};

/// How long a server may take for an immediate shutdown: PostgreSQL kills its children after 5 s.
const IMMEDIATE: Duration = Duration::from_secs(15);

/// How long dropping a cluster waits for a clean shutdown.
const DROP_DEADLINE: Duration = Duration::from_secs(10);

/// A running cluster. Dropping it stops the server, and so does the end of this process, even by
/// SIGKILL.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    site: Site,
    /// Released after the server has ended.
    _lock: File,
}

/// How a server was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// With a checkpoint: the next start has nothing to replay.
    Cleanly,
    /// At once, because the deadline had passed: the next start replays the log, nothing is lost.
    Immediately,
}

impl Cluster {
    /// Creates the cluster if there is none, starts it, and waits until it takes connections.
    ///
    /// Blocks: call it outside an async runtime, or in its blocking pool.
    pub fn start(binaries: &Binaries, settings: Settings) -> Result<Self, Error> {
        let site = Site::prepare(&settings.data_dir)?;
        let lock = site.lock()?;
        let server = Server::start(binaries, &site, &settings, Life::Tied)?;
        Ok(Self { server, site, _lock: lock })
    }

    /// Who the server runs as.
    pub fn account(&self) -> &Account {
        &self.site.account
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> i32 {
        self.server.process.pid()
    }

    /// The directory of the socket, which libpq takes as `host`.
    pub fn socket_dir(&self) -> &Path {
        &self.server.socket_dir
    }

    /// A libpq URL for a role and a database. Takes no password: the kernel says who we are.
    pub fn url(&self, role: &str, database: &str) -> String {
        url(self.socket_dir(), role, database)
    }

    /// A handle that tells when the server has ended, by itself or by [`stop`](Self::stop).
    pub fn exited(&self) -> Exit {
        self.server.process.exit().clone()
    }

    /// Stops the server: open sessions end, a checkpoint is written. After `deadline` it is told
    /// to stop without the checkpoint.
    pub fn stop(self, deadline: Duration) -> Result<Stopped, Error> {
        self.end(deadline)
    }

    fn end(&self, deadline: Duration) -> Result<Stopped, Error> {
        let process = &self.server.process;
        process.signal(Signal::SIGINT);
        if process.exit().wait_timeout(deadline).is_some() {
            return Ok(Stopped::Cleanly);
        }
        process.signal(Signal::SIGQUIT);
        match process.exit().wait_timeout(IMMEDIATE) {
            Some(_) => Ok(Stopped::Immediately),
            None => Err(Error::DoesNotEnd(process.pid())),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nobody to tell; if it goes on, the death signal still waits for the end of this process.
        let _ = self.end(DROP_DEADLINE);
    }
}
