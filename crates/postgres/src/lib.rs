#![doc = include_str!("../README.md")]
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
