//! What a cluster is started with.

use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// The superuser that `initdb` creates.
pub const SUPERUSER: &str = "postgres";

/// The roles that Veza itself uses, see the tenant boundary in ARCHITECTURE.md.
const ROLES: [&str; 5] = [SUPERUSER, "veza_owner", "veza_app", "veza_jobs", "veza_system"];

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing that was committed: fsync, full page writes and data checksums.
    #[default]
    Full,
    /// Everything, in exchange for speed: for tests.
    Throwaway,
}

impl Durability {
    /// The server settings behind it, as `SHOW` prints them; a test harness asserts them.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Full => &[("fsync", "on"), ("full_page_writes", "on")],
            Self::Throwaway => &[
                ("fsync", "off"),
                ("full_page_writes", "off"),
                ("synchronous_commit", "off"),
                ("autovacuum", "off"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
            ],
        }
    }
}

/// How to start a cluster.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The data directory. It is created when missing, and renamed into place when complete: it
    /// cannot be a mount point, its parent can.
    pub data_dir: PathBuf,
    /// Where the socket goes. `None`: beside the data directory when that path is fit for a socket
    /// (107 bytes, no comma), else a private directory under `$XDG_RUNTIME_DIR` or `/tmp`.
    pub socket_dir: Option<PathBuf>,
    /// What a power cut may cost.
    pub durability: Durability,
    /// The most client connections.
    pub max_connections: u32,
    /// Roles that the current user may become, beside `postgres`, `veza_owner`, `veza_app`,
    /// `veza_jobs` and `veza_system`. They need not exist yet.
    pub roles: Vec<String>,
    /// How long a start may take; replaying the log after a crash is part of it.
    pub start_timeout: Duration,
}

impl Settings {
    /// A durable cluster of 100 connections in `data_dir`, given 30 s to start.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            socket_dir: None,
            durability: Durability::Full,
            max_connections: 100,
            roles: Vec::new(),
            start_timeout: Duration::from_secs(30),
        }
    }

    /// Every role that may log in; refuses a name that could break out of the map file.
    pub(crate) fn all_roles(&self) -> Result<Vec<&str>, Error> {
        let roles = ROLES.into_iter().chain(self.roles.iter().map(String::as_str));
        roles
            .map(|role| if is_role(role) { Ok(role) } else { Err(Error::RoleName(role.to_owned())) })
            .collect()
    }
}

fn is_role(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_roles_are_added_and_checked() {
        let mut settings = Settings::new("/nowhere");
        settings.roles = vec!["reporting".to_owned()];
        assert_eq!(settings.all_roles().unwrap().last(), Some(&"reporting"));
        settings.roles = vec!["a\"\nveza root".to_owned()];
        assert!(matches!(settings.all_roles(), Err(Error::RoleName(_))));
    }
}
