//! `[database]` in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Period, Secret, read_secret};

/// How to reach PostgreSQL and how much of it to use.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// URL for the role `veza_app`, e.g. `postgresql://veza_app:…@db.example/veza?sslmode=verify-full`.
    /// Unset, `veza up` runs a PostgreSQL of its own and every other command refuses to start.
    pub url: Option<Secret>,
    /// Instead of `url`: a file that holds it, such as a systemd credential.
    pub url_file: Option<std::path::PathBuf>,
    /// URL for the role `veza_system` (sign-in, operators). Default: `url` with that user name.
    pub system_url: Option<Secret>,
    /// Instead of `system_url`: a file that holds it.
    pub system_url_file: Option<std::path::PathBuf>,
    /// URL for the role `veza_jobs` (queues). Default: `url` with that user name.
    pub jobs_url: Option<Secret>,
    /// Instead of `jobs_url`: a file that holds it.
    pub jobs_url_file: Option<std::path::PathBuf>,
    /// URL for the role `veza_owner` (`veza migrate`). Default: `url` with that user name.
    pub owner_url: Option<Secret>,
    /// Instead of `owner_url`: a file that holds it.
    pub owner_url_file: Option<std::path::PathBuf>,
    /// URL of a replica for reads, for the role `veza_app`. Reads that cannot be served there go to the primary.
    pub replica_url: Option<Secret>,
    /// Instead of `replica_url`: a file that holds it.
    pub replica_url_file: Option<std::path::PathBuf>,
    /// How long after a tenant's last write its reads stay on the primary, so that it sees what it wrote.
    pub replica_lag: Period,
    /// Where PostgreSQL's programs are, for `veza up`. Default: searched for.
    pub pg_bindir: Option<std::path::PathBuf>,
    /// Connections, time-outs and queues.
    pub pool: PoolConfig,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            system_url: None,
            system_url_file: None,
            jobs_url: None,
            jobs_url_file: None,
            owner_url: None,
            owner_url_file: None,
            replica_url: None,
            replica_url_file: None,
            replica_lag: Period::from_secs(2),
            pg_bindir: None,
            pool: PoolConfig::default(),
        }
    }
}

/// Connections, time-outs and queues of one process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// Connections as `veza_app`, each with a thread of its own. About twice the cores of the database.
    pub connections: u32,
    /// Connections as `veza_system`.
    pub system_connections: u32,
    /// Connections as `veza_jobs`, which hand jobs out and take them back, whatever the number of workers.
    pub jobs_connections: u32,
    /// Connections as `veza_jobs` that write batches of several tenants' messages. Made when they are needed.
    pub batch_connections: u32,
    /// Transactions that may wait for a connection before new ones are refused with 503.
    pub queue: usize,
    /// Of these, how many may be of one tenant.
    pub queue_per_tenant: usize,
    /// How long a transaction may take in all, waiting included. No statement begins later.
    pub deadline: Period,
    /// How long one statement may take.
    pub statement_timeout: Period,
    /// How long one statement may wait for a lock.
    pub lock_timeout: Period,
    /// How long to try to connect.
    pub connect_timeout: Period,
    /// Whether to keep prepared statements. Turn off behind a pooler older than `PgBouncer` 1.21 in transaction mode.
    pub prepared_statements: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connections: 8,
            system_connections: 4,
            jobs_connections: 3,
            batch_connections: 2,
            queue: 2_000,
            queue_per_tenant: 500,
            deadline: Period::from_secs(10),
            statement_timeout: Period::from_secs(5),
            lock_timeout: Period::from_secs(2),
            connect_timeout: Period::from_secs(1),
            prepared_statements: true,
        }
    }
}

impl DatabaseConfig {
    /// Reads the secrets that are in files.
    pub fn read_files(&mut self) -> Result<(), ConfigError> {
        read_secret("database.url", &mut self.url, self.url_file.as_deref())?;
        read_secret("database.system_url", &mut self.system_url, self.system_url_file.as_deref())?;
        read_secret("database.jobs_url", &mut self.jobs_url, self.jobs_url_file.as_deref())?;
        read_secret("database.owner_url", &mut self.owner_url, self.owner_url_file.as_deref())?;
        read_secret("database.replica_url", &mut self.replica_url, self.replica_url_file.as_deref())
    }

    /// The URL for `role`: the one configured for it, or `url` with the role as its user.
    pub fn url_for(&self, role: Role) -> Option<Secret> {
        let own = match role {
            Role::App => return self.url.clone(),
            Role::System => &self.system_url,
            Role::Jobs => &self.jobs_url,
            Role::Owner => &self.owner_url,
        };
        own.clone().or_else(|| Some(Secret::new(with_user(self.url.as_ref()?.expose(), role.name()))))
    }
}

/// The database roles that a program connects as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves tenants, under row-level security.
    App,
    /// Cross-tenant work that explicit policies allow.
    System,
    /// Hands out the jobs of all tenants.
    Jobs,
    /// Owns the tables and migrates; never used while serving.
    Owner,
}

impl Role {
    /// The role's name in PostgreSQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "veza_app",
            Self::System => "veza_system",
            Self::Jobs => "veza_jobs",
            Self::Owner => "veza_owner",
        }
    }
}

/// The same URL with another user name; a password stays.
fn with_user(url: &str, user: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // Key-value form: the last `user` counts.
        return format!("{url} user={user}");
    };
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let (credentials, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let password = credentials.split_once(':').map(|(_, password)| format!(":{password}"));
    format!("{scheme}://{user}{}@{host}{tail}", password.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_get_another_user() {
        for (url, expected) in [
            ("postgresql://a@/veza?host=%2Frun", "postgresql://veza_system@/veza?host=%2Frun"),
            ("postgresql://a:p%40w@db:5432/veza", "postgresql://veza_system:p%40w@db:5432/veza"),
            ("postgres://db/veza", "postgres://veza_system@db/veza"),
            ("host=/run dbname=veza", "host=/run dbname=veza user=veza_system"),
        ] {
            assert_eq!(with_user(url, "veza_system"), expected);
        }
    }
}
