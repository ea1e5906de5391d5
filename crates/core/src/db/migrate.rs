//! The schema's history: one line of migrations, applied once each, by one process at a time.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use diesel::{PgConnection, sql_query};
use sha2::{Digest, Sha256};

use super::check::{Finding, check_server};
use super::session::connect_once;

/// One step of the history.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `2026-11-21-090000_chat_create_messages`: the order, the noun, what it does.
    pub name: &'static str,
    /// The statements. They run in one transaction, unless the first line is
    /// `-- veza:no-transaction` (for `CREATE INDEX CONCURRENTLY`, alone in its migration).
    pub sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.sql.as_bytes()).to_vec()
    }

    fn in_transaction(&self) -> bool {
        !self.sql.starts_with("-- veza:no-transaction")
    }
}

/// What a migration run tells while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Another process migrates; this one waits for it.
    Waiting,
    /// This migration begins.
    Applying(&'a str),
}

/// Why the schema is not what the program needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The database cannot be reached.
    #[error("cannot connect to the database: {0}")]
    Connect(#[from] ConnectionError),
    /// The server is too old or lacks a role.
    #[error("the database server cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Server(Vec<Finding>),
    /// A migration failed; it left nothing behind.
    #[error("migration {name} failed and was rolled back: {source}")]
    Failed {
        /// Which one.
        name: String,
        /// What PostgreSQL said.
        source: diesel::result::Error,
    },
    /// An applied migration is not the one this program knows.
    #[error("migration {0} was changed after it was applied; migrations are never edited, add a new one")]
    Drift(String),
    /// The database is ahead of the program.
    #[error("the database has migration {0}, which this program does not know; run the newer program")]
    Unknown(String),
    /// The schema lacks migrations.
    #[error(
        "{0} migrations are pending, first {1}; run `veza migrate`, or what applies your program's own migrations"
    )]
    Pending(usize, String),
    /// Bookkeeping failed.
    #[error("cannot read or write the list of migrations: {0}")]
    Bookkeeping(#[from] diesel::result::Error),
}

/// Any number, the same in every program that migrates: `b"veza"` as a big-endian integer.
const LOCK: i64 = 0x7665_7a61;

/// How often a process that waits for the lock asks for it.
const LOCK_POLL: Duration = Duration::from_millis(100);

const LEDGER: &str = "
CREATE SCHEMA IF NOT EXISTS core;
CREATE TABLE IF NOT EXISTS core.migrations (
    name text PRIMARY KEY,
    sha256 bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    program_version text NOT NULL
);
COMMENT ON TABLE core.migrations IS 'Which migrations were applied, with the checksum of their text.';
GRANT USAGE ON SCHEMA core TO veza_app, veza_system, veza_jobs;
GRANT SELECT ON core.migrations TO veza_app, veza_system, veza_jobs;
";

/// Applies and checks migrations.
#[derive(Debug, Clone)]
pub struct Migrator {
    migrations: Vec<Migration>,
}

#[derive(QueryableByName)]
struct AppliedRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Binary)]
    sha256: Vec<u8>,
}

#[derive(QueryableByName)]
struct Flag {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    flag: bool,
}

impl Migrator {
    /// Veza's own history.
    pub fn veza() -> Self {
        Self { migrations: super::embedded::MIGRATIONS.to_vec() }
    }

    /// Veza's history with an embedder's migrations merged in, all ordered by name.
    #[must_use]
    pub fn with(mut self, more: &[Migration]) -> Self {
        self.migrations.extend_from_slice(more);
        self.migrations.sort_by_key(|migration| migration.name);
        self
    }

    /// The history.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// Applies what is missing, as `veza_owner`. A second process that tries meanwhile waits.
    /// Gives the names of what was applied.
    pub fn run(
        &self,
        owner_url: &str,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<Vec<&'static str>, MigrationError> {
        let mut connection = connect_once(owner_url)?;
        let findings = check_server(&mut connection)?;
        if !findings.is_empty() {
            return Err(MigrationError::Server(findings));
        }
        lock(&mut connection, &mut progress)?;
        // The connection's end gives the lock back, whatever happens.
        connection.batch_execute(LEDGER)?;
        let pending = self.pending(&mut connection)?;
        for migration in &pending {
            progress(Progress::Applying(migration.name));
            apply(&mut connection, migration)
                .map_err(|source| MigrationError::Failed { name: migration.name.to_owned(), source })?;
        }
        Ok(pending.iter().map(|migration| migration.name).collect())
    }

    /// Whether the schema is exactly what this program needs. `url` may be any role's.
    pub fn check(&self, url: &str) -> Result<(), MigrationError> {
        let mut connection = connect_once(url)?;
        let ledger = sql_query("SELECT to_regclass('core.migrations') IS NOT NULL AS flag")
            .get_result::<Flag>(&mut connection)?;
        let pending = if ledger.flag { self.pending(&mut connection)? } else { self.migrations.clone() };
        match pending.first() {
            None => Ok(()),
            Some(first) => Err(MigrationError::Pending(pending.len(), first.name.to_owned())),
        }
    }

    fn pending(&self, connection: &mut PgConnection) -> Result<Vec<Migration>, MigrationError> {
        let applied = sql_query("SELECT name, sha256 FROM core.migrations ORDER BY name")
            .load::<AppliedRow>(connection)?;
        for row in &applied {
            let known = self.migrations.iter().find(|migration| migration.name == row.name);
            match known {
                None => return Err(MigrationError::Unknown(row.name.clone())),
                Some(migration) if migration.checksum() != row.sha256 => {
                    return Err(MigrationError::Drift(row.name.clone()));
                }
                Some(_) => {}
            }
        }
        let is_new = |migration: &&Migration| !applied.iter().any(|row| row.name == migration.name);
        Ok(self.migrations.iter().filter(is_new).copied().collect())
    }
}

fn lock(
    connection: &mut PgConnection,
    progress: &mut impl FnMut(Progress<'_>),
) -> Result<(), diesel::result::Error> {
    let mut told = false;
    // Asking again and again: a statement that waits holds a snapshot, and an index that the other
    // process builds concurrently would wait for that, and both for ever.
    while !try_lock(connection)? {
        if !told {
            progress(Progress::Waiting);
            told = true;
        }
        std::thread::sleep(LOCK_POLL);
    }
    Ok(())
}

fn try_lock(connection: &mut PgConnection) -> QueryResult<bool> {
    let locked = sql_query(format!("SELECT pg_try_advisory_lock({LOCK}) AS flag"));
    locked.get_result::<Flag>(connection).map(|row| row.flag)
}

fn apply(connection: &mut PgConnection, migration: &Migration) -> QueryResult<()> {
    let note = |connection: &mut PgConnection| {
        sql_query("INSERT INTO core.migrations (name, sha256, program_version) VALUES ($1, $2, $3)")
            .bind::<Text, _>(migration.name)
            .bind::<Binary, _>(migration.checksum())
            .bind::<Text, _>(env!("CARGO_PKG_VERSION"))
            .execute(connection)
            .map(drop)
    };
    if migration.in_transaction() {
        connection.transaction(|connection| {
            connection.batch_execute(migration.sql)?;
            note(connection)
        })
    } else {
        connection.batch_execute(migration.sql)?;
        note(connection)
    }
}

/// Creates the database roles and the database where they are missing, as an administrator.
/// Roles get no password here: use peer or certificate authentication, or set one afterwards.
pub fn bootstrap(admin_url: &str, database: &str) -> Result<(), MigrationError> {
    let mut connection = connect_once(admin_url)?;
    // Programs that start together would create the same role at once. Given back at the end.
    connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))?;
    for role in ["veza_owner", "veza_app", "veza_jobs", "veza_system"] {
        connection.batch_execute(&format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; \
             EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        ))?;
    }
    let exists = sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS flag")
        .bind::<Text, _>(database)
        .get_result::<Flag>(&mut connection)?;
    let name = database.replace('"', "\"\"");
    if !exists.flag {
        connection.batch_execute(&format!("CREATE DATABASE \"{name}\" OWNER veza_owner"))?;
    }
    // Also for a database that was made by hand, or by a run that was interrupted here.
    connection.batch_execute(&format!(
        "REVOKE CONNECT, TEMPORARY ON DATABASE \"{name}\" FROM PUBLIC; \
         GRANT CONNECT ON DATABASE \"{name}\" TO veza_app, veza_jobs, veza_system"
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_unique_and_well_formed() {
        let migrator = Migrator::veza();
        let names: Vec<_> = migrator.migrations().iter().map(|migration| migration.name).collect();
        assert!(names.windows(2).all(|pair| pair[0].get(..17) < pair[1].get(..17)), "{names:?}");
    }
}
