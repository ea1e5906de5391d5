//! One connection to PostgreSQL, and how it is made.

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::{Connection, ConnectionError, PgConnection};

use super::config::PoolConfig;
use super::error::DbError;

/// A connection that remembers whether it is still of use.
pub(crate) struct Session {
    pub(crate) connection: PgConnection,
    pub(crate) broken: bool,
}

impl Session {
    /// Runs statements whose results nobody needs, in one round trip.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.connection.batch_execute(sql).map_err(|error| {
            let error = DbError::from(error);
            self.broken |= error.is_disconnect();
            error
        })
    }
}

/// Opens connections as one database role.
#[derive(Clone)]
pub(crate) struct Connector {
    url: String,
    setup: String,
    cache_statements: bool,
}

impl Connector {
    pub(crate) fn new(url: &str, pool: &PoolConfig) -> Self {
        let setup = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET client_min_messages = warning; \
             SET TimeZone = 'UTC'",
            pool.statement_timeout.as_duration().as_millis(),
            pool.lock_timeout.as_duration().as_millis(),
            // A closure that computes for longer than its deadline must not hold locks.
            pool.deadline.as_duration().as_millis().saturating_mul(2),
        );
        let url = with_connect_timeout(url, pool.connect_timeout.as_duration().as_secs().max(2));
        Self { url, setup, cache_statements: pool.prepared_statements }
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that connects")]
    pub(crate) fn connect(&self) -> Result<Session, ConnectionError> {
        let mut connection = PgConnection::establish(&self.url)?;
        if !self.cache_statements {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        connection.batch_execute(&self.setup).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Session { connection, broken: false })
    }
}

/// Adds libpq's `connect_timeout` (whole seconds, two at least) unless the URL has one.
fn with_connect_timeout(url: &str, seconds: u64) -> String {
    if url.contains("connect_timeout=") {
        return url.to_owned();
    }
    let separator = match (url.contains("://"), url.contains('?')) {
        (false, _) => ' ',
        (true, false) => '?',
        (true, true) => '&',
    };
    format!("{url}{separator}connect_timeout={seconds}")
}
