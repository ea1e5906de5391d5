//! What can go wrong, each with the way out in its text.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// Why a cluster could not be found, created, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No PostgreSQL server programs on this machine.
    #[error("PostgreSQL is not installed; install it with `apt-get install postgresql`, or set `pg_bindir`")]
    NotInstalled,
    /// The configured directory holds no server programs.
    #[error("{} holds no PostgreSQL server: `initdb` and `postgres` must be there", .0.display())]
    NotBinaries(PathBuf),
    /// The programs are older than Veza supports.
    #[error("PostgreSQL {major} in {} is too old; Veza needs 14 or newer", dir.display())]
    TooOld {
        /// Where the programs are.
        dir: PathBuf,
        /// Their major version.
        major: u32,
    },
    /// PostgreSQL refuses to run as root, and there is nobody to run it as.
    #[error(
        "PostgreSQL cannot run as root, and none of the users veza, postgres and nobody exists; create one with `useradd --system veza`"
    )]
    NoAccount,
    /// `initdb` and peer authentication both need a name for the user.
    #[error("user id {0} has no entry in /etc/passwd; PostgreSQL needs one")]
    UnnamedUser(u32),
    /// A directory on the way is closed to the account of the server.
    #[error("user {account} cannot enter {}; keep the database outside it, for example under /var/lib/veza", dir.display())]
    Unreachable {
        /// The first closed directory.
        dir: PathBuf,
        /// The account that the server runs as.
        account: String,
    },
    /// Something that is not a PostgreSQL cluster is in the way.
    #[error("{} is neither empty nor a PostgreSQL cluster; choose another directory", .0.display())]
    NotACluster(PathBuf),
    /// A directory that must belong to us alone does not.
    #[error("{} must be a directory of user id {uid} that nobody else can write; move it away", dir.display())]
    NotPrivate {
        /// The directory.
        dir: PathBuf,
        /// The owner it should have.
        uid: u32,
    },
    /// The cluster was written by another major version.
    #[error(
        "{} was written by PostgreSQL {cluster}, installed is {installed}; install PostgreSQL {cluster} and set \
         `pg_bindir`, or move the data with pg_upgrade, or with pg_dumpall of the old version", dir.display()
    )]
    OtherMajor {
        /// The data directory.
        dir: PathBuf,
        /// The major version in `PG_VERSION`.
        cluster: String,
        /// The major version of the programs.
        installed: u32,
    },
    /// Another process supervises this directory.
    #[error("another process already runs the cluster in {}; stop it first", .0.display())]
    InUse(PathBuf),
    /// A server that nobody supervises does not end.
    #[error("a PostgreSQL server (process {pid}) still runs in {}; stop it with `pg_ctl stop`", dir.display())]
    StillRunning {
        /// The data directory.
        dir: PathBuf,
        /// The process id of its postmaster.
        pid: i32,
    },
    /// `initdb` failed.
    #[error("initdb failed ({status}):\n{output}")]
    Initdb {
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL ended while starting ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server did not become ready in time.
    #[error("PostgreSQL was not ready after {} s; the end of {}:\n{tail}", waited.as_secs(), log.display())]
    NotReady {
        /// How long we waited.
        waited: Duration,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server did not end, even when told to stop at once.
    #[error("PostgreSQL (process {0}) does not end")]
    DoesNotEnd(i32),
    /// Role names are lower-case letters, digits and underscores.
    #[error("{0:?} is no role name: use lower-case letters, digits and underscores")]
    RoleName(String),
    /// A program of the operating system is missing.
    #[error("`{program}` is missing; install it with `apt-get install {package}`")]
    NoTool {
        /// The program.
        program: &'static str,
        /// The package that holds it.
        package: &'static str,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What we tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: says what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
