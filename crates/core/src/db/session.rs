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
    /// `setup` is what connections begin with, besides what all do.
    pub(crate) fn new(url: &str, pool: &PoolConfig, setup: &str) -> Self {
        let setup = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET client_min_messages = warning; \
             SET TimeZone = 'UTC'; {setup}",
            pool.statement_timeout.as_duration().as_millis(),
            pool.lock_timeout.as_duration().as_millis(),
            // A closure that computes for longer than its deadline must not hold locks.
            pool.deadline.as_duration().as_millis().saturating_mul(2),
        );
        let url = with_defaults(url, pool.connect_timeout.as_duration().as_secs().max(2));
        Self { url, setup, cache_statements: pool.prepared_statements }
    }

    pub(crate) fn connect(&self) -> Result<Session, ConnectionError> {
        let mut connection = establish(&self.url)?;
        if !self.cache_statements {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        connection.batch_execute(&self.setup).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Session { connection, broken: false })
    }
}

/// How long a connection outside the pool may take to be made, in seconds. Without a limit, a host that
/// swallows packets holds us for minutes.
const PATIENCE: u64 = 10;

/// Makes a connection outside the pool.
pub(crate) fn connect_once(url: &str) -> Result<PgConnection, ConnectionError> {
    establish(&with_defaults(url, PATIENCE))
}

#[allow(clippy::disallowed_methods, reason = "the one place that connects")]
fn establish(url: &str) -> Result<PgConnection, ConnectionError> {
    PgConnection::establish(url).map_err(|error| match error {
        ConnectionError::BadConnection(text) if !is_safe(&text) => ConnectionError::BadConnection(
            "the URL is malformed (it is not shown, because it may hold a password); \
             write special characters in the password as %40, %2F and so on"
                .to_owned(),
        ),
        other => other,
    })
}

/// Whether what libpq says holds no part of a password. It repeats of a URL what it cannot read, and
/// takes the rest of a password with an `@` in it for a host name.
fn is_safe(text: &str) -> bool {
    let from_server = ["connection to server ", "could not connect to server", "FATAL:"];
    let looked_up = text.starts_with("could not translate host name ") && !text.contains('@');
    looked_up || from_server.iter().any(|beginning| text.starts_with(beginning))
}

/// Adds what the URL does not say itself: libpq's `connect_timeout` (whole seconds, two at least), and
/// no encryption by Kerberos, whose library does not bear a process that ends while it looks for a
/// ticket. TLS is the encryption that we know.
fn with_defaults(url: &str, seconds: u64) -> String {
    let url = with_parameter(url, "connect_timeout", &seconds.to_string());
    with_parameter(&url, "gssencmode", "disable")
}

fn with_parameter(url: &str, name: &str, value: &str) -> String {
    if url.contains(&format!("{name}=")) {
        return url.to_owned();
    }
    let separator = match (url.contains("://"), url.contains('?')) {
        (false, _) => ' ',
        (true, false) => '?',
        (true, true) => '&',
    };
    format!("{url}{separator}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_hold_no_part_of_a_password() {
        for url in [
            "postgres//u:geheim@127.0.0.1/d",
            "postgresql://u:1@geheim@127.0.0.1:1/d",
            "postgresql://u:geheim%zz@127.0.0.1:1/d",
            "postgresql://u:geheim/1@127.0.0.1:1/d",
            "postgresql://u:a?geheim@127.0.0.1:1/d",
            "postgresql://u:geheim@127.0.0.1:port/d",
            "postgresql://u:geheim@127.0.0.1:1/d",
            "host=127.0.0.1 port=1 password=geheim",
            "host=127.0.0.1 port=1 password='geheim",
            "host=127.0.0.1 port=1 password=a geheim",
        ] {
            let error = connect_once(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!error.is_empty() && !error.contains("geheim"), "{url}: {error}");
        }
    }
}
