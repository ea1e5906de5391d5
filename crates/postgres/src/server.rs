//! One server: prepared, started, and waited for until it takes connections.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::pidfile::Postmaster;
use crate::process::Process;
use crate::site::Site;
use crate::socket::PORT;
use crate::{Binaries, Error, Settings, access, initdb, launch, log, socket};

const POLL: Duration = Duration::from_millis(5);

/// Whose end is the server's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It stops with this process, however that ends.
    Tied,
    /// It goes on; somebody else stops it.
    Detached,
}

/// A server that was ready once.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) socket_dir: PathBuf,
}

impl Server {
    /// Creates the cluster if need be, and starts it. The caller holds the lock of the site.
    pub(crate) fn start(
        binaries: &Binaries,
        site: &Site,
        settings: &Settings,
        life: Life,
    ) -> Result<Self, Error> {
        initdb::ensure(binaries, site, settings.durability)?;
        check_major(binaries, site)?;
        wait_for_predecessor(site, settings.start_timeout)?;
        access::write(site, settings)?;
        let socket_dir = socket::prepare(site, settings)?;
        let postgres = binaries.program("postgres");
        let mut command = match life {
            Life::Tied => launch::tied(&site.account, &postgres),
            Life::Detached => launch::detached(&site.account, &postgres),
        };
        command.args(arguments(site, settings, &socket_dir));
        let log = log::open(&site.beside("log"))?;
        let copy = log.try_clone().map_err(Error::io("open", &site.beside("log")))?;
        command.stdout(log).stderr(copy);
        let process = Process::spawn(command).map_err(launch::error(&postgres))?;
        let server = Self { process, socket_dir };
        server.wait_ready(site, settings.start_timeout)?;
        Ok(server)
    }

    fn wait_ready(&self, site: &Site, limit: Duration) -> Result<(), Error> {
        let begin = Instant::now();
        let log = site.beside("log");
        loop {
            let ours = Postmaster::read(&site.data).filter(|found| found.pid == self.process.pid());
            if ours.is_some_and(|found| found.ready) {
                return Ok(());
            }
            if let Some(status) = self.process.exit().status() {
                return Err(Error::Ended { status, tail: log::tail(&log), log });
            }
            if begin.elapsed() > limit {
                self.process.signal(Signal::SIGQUIT);
                self.process.exit().wait_timeout(Duration::from_secs(10));
                return Err(Error::NotReady { waited: limit, tail: log::tail(&log), log });
            }
            sleep(POLL);
        }
    }
}

fn check_major(binaries: &Binaries, site: &Site) -> Result<(), Error> {
    let cluster = site.version()?.unwrap_or_default();
    if cluster == binaries.major_version().to_string() {
        return Ok(());
    }
    Err(Error::OtherMajor { dir: site.data.clone(), cluster, installed: binaries.major_version() })
}

/// The server of a parent that was killed a moment ago may still be shutting down.
fn wait_for_predecessor(site: &Site, limit: Duration) -> Result<(), Error> {
    let begin = Instant::now();
    while let Some(Postmaster { pid, .. }) = Postmaster::running(&site.data) {
        if begin.elapsed() > limit {
            return Err(Error::StillRunning { dir: site.data.clone(), pid });
        }
        sleep(POLL);
    }
    Ok(())
}

/// Everything on the command line: it wins over every file, and nothing is left behind.
fn arguments(site: &Site, settings: &Settings, socket_dir: &Path) -> Vec<OsString> {
    let mut arguments = vec![OsString::from("-D"), site.data.clone().into()];
    let mut set = |name: &str, value: OsString| {
        let mut setting = OsString::from(format!("{name}="));
        setting.push(value);
        arguments.extend([OsString::from("-c"), setting]);
    };
    set("listen_addresses", OsString::new());
    set("port", PORT.into());
    set("unix_socket_directories", socket_dir.into());
    set("unix_socket_permissions", "0700".into());
    set("hba_file", site.beside("hba").into());
    set("ident_file", site.beside("ident").into());
    set("max_connections", settings.max_connections.to_string().into());
    set("logging_collector", "off".into());
    set("log_destination", "stderr".into());
    for (name, value) in settings.durability.settings() {
        set(name, value.into());
    }
    arguments
}
