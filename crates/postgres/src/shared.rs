//! One throw-away cluster for many test processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::{getegid, geteuid};

use crate::pidfile::Postmaster;
use crate::server::{Life, Server};
use crate::site::Site;
use crate::url::url;
use crate::{Account, Binaries, Durability, Error, Settings, directory, guardian};

/// How long the server waits for the next test program.
const GRACE: Duration = Duration::from_secs(5);

/// How long a start by another process may take.
const START: Duration = Duration::from_secs(30);

/// Says that the cluster beside it may be removed, and in which run of the machine it was written.
const MARKER: &str = "throwaway";

/// A hold on the cluster of a directory: the first holder starts it, all share it, and a few
/// seconds after the last one is gone (even by SIGKILL) it stops. Its data stays for the next time.
///
/// It runs with [`Durability::Throwaway`], so a cluster from before a reboot is made anew.
#[derive(Debug)]
pub struct SharedCluster {
    socket_dir: PathBuf,
    _hold: File,
}

impl SharedCluster {
    /// Takes hold of the cluster in `dir`, starting it if need be; 300 connections. Blocks.
    ///
    /// When root's server account cannot enter `dir` (it lies under `/root`, for example), the
    /// cluster goes to `/tmp/veza-test-<digest of dir>` instead.
    pub fn acquire(binaries: &Binaries, dir: &Path) -> Result<Self, Error> {
        Self::acquire_with(binaries, dir, GRACE)
    }

    /// As [`acquire`](Self::acquire), with the time that the server stays after its last holder,
    /// in whole seconds.
    pub fn acquire_with(binaries: &Binaries, dir: &Path, grace: Duration) -> Result<Self, Error> {
        let home = home(dir)?;
        let holders = home.join("holders.lock");
        let hold = directory::open(&holders)?;
        // Waits while a guardian is stopping the server.
        hold.lock_shared().map_err(Error::io("lock", &holders))?;
        let starting = home.join("start.lock");
        let start = directory::open(&starting)?;
        start.lock().map_err(Error::io("lock", &starting))?;

        let site = Site::prepare(&home.join("postgres"))?;
        guardian::ensure(&holders, &home.join("guardian.lock"), &site.data, grace)?;
        let socket_dir = match running(&site) {
            Some(found) => found.socket_dir,
            None => start_or_recreate(binaries, &site)?,
        };
        Ok(Self { socket_dir, _hold: hold })
    }

    /// The directory of the socket, which libpq takes as `host`.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// A libpq URL for a role and a database.
    pub fn url(&self, role: &str, database: &str) -> String {
        url(&self.socket_dir, role, database)
    }
}

/// The directory of locks and data: `dir`, or one that the server's account can enter.
fn home(dir: &Path) -> Result<PathBuf, Error> {
    let dir = std::path::absolute(dir).map_err(Error::io("find", dir))?;
    let account = Account::find(&dir.join("postgres"))?;
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let home = if account.closed_on_the_way(dir.parent().unwrap_or(&dir)).is_none() {
        fs::create_dir_all(dir.parent().unwrap_or(&dir)).map_err(Error::io("create", &dir))?;
        dir
    } else {
        Path::new("/tmp").join(format!("veza-test-{}", directory::digest(&dir)))
    };
    directory::private(&home, uid, gid, if account.is_other() { 0o711 } else { 0o700 })?;
    Ok(home)
}

/// The running server; waits for one whose starter was killed in between.
fn running(site: &Site) -> Option<Postmaster> {
    let begin = Instant::now();
    loop {
        match Postmaster::running(&site.data) {
            Some(found) if !found.ready && begin.elapsed() < START => sleep(Duration::from_millis(5)),
            found => return found.filter(|found| found.ready),
        }
    }
}

fn start_or_recreate(binaries: &Binaries, site: &Site) -> Result<PathBuf, Error> {
    let marker = site.beside(MARKER);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let known = fs::read_to_string(&marker).ok();
    let major = binaries.major_version().to_string();
    let fresh = known.as_deref() == Some(&boot) && site.version()? == Some(major);
    if known.is_some() && !fresh {
        remove(site)?;
    }
    directory::replace(&marker, &boot)?;
    match start(binaries, site) {
        // Whatever a crash did to it: what is lost was of no value.
        Err(Error::Ended { .. } | Error::NotReady { .. }) if fresh => {
            remove(site)?;
            start(binaries, site)
        }
        other => other,
    }
}

fn start(binaries: &Binaries, site: &Site) -> Result<PathBuf, Error> {
    let mut settings = Settings::new(&site.data);
    settings.durability = Durability::Throwaway;
    settings.max_connections = 300;
    Server::start(binaries, site, &settings, Life::Detached).map(|server| server.socket_dir)
}

/// Removes the data; only ever called when the marker says that it is a throw-away cluster.
fn remove(site: &Site) -> Result<(), Error> {
    match fs::remove_dir_all(&site.data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .map_err(Error::io("remove", &site.data))
}
