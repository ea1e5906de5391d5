//! A small supervisor over real PostgreSQL binaries.
//!
//! It keeps one private cluster: found or created, started, watched and stopped with the program
//! that embeds it. Clients connect over a Unix socket that only this user may open; there is no
//! TCP port and no password. Nothing is ever downloaded.
//!
//! ```no_run
//! use std::time::Duration;
//! use veza_postgres::{Binaries, Cluster, Settings};
//!
//! let binaries = Binaries::find(None)?;
//! let cluster = Cluster::start(&binaries, Settings::new("/var/lib/veza/postgres"))?;
//! println!("{}", cluster.url("postgres", "postgres"));
//! cluster.stop(Duration::from_secs(10))?;
//! # Ok::<(), veza_postgres::Error>(())
//! ```
//!
//! Beside a data directory `postgres` stand `postgres.lock`, `postgres.log`, `postgres.hba`,
//! `postgres.ident` and (unless the path is too long for a socket) `postgres.run`.
//!
//! Tests of many processes share one throw-away cluster: see [`SharedCluster`].
//!
//! Linux only. At run time it needs the PostgreSQL server, `/bin/sh`, and `setpriv` and `flock` of
//! util-linux.
#![allow(
    clippy::disallowed_methods,
    reason = "a supervisor is an edge: it asks PATH, the clock and the thread pool of the system itself"
)]

mod access;
mod account;
mod binaries;
mod cluster;
mod directory;
mod error;
mod exit;
mod guardian;
mod initdb;
mod launch;
mod log;
mod pidfile;
mod process;
mod server;
mod settings;
mod shared;
mod site;
mod socket;
mod url;

pub use account::Account;
pub use binaries::Binaries;
pub use cluster::{Cluster, Stopped};
pub use error::Error;
pub use exit::Exit;
pub use settings::{Durability, SUPERUSER, Settings};
pub use shared::SharedCluster;
