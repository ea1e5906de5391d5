//! SQL beyond the tenant boundary, for setting up and looking behind the scenes.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use veza_core::db::Role;

/// A connection as the superuser, whom no policy binds.
pub struct Superuser {
    connection: PgConnection,
}

impl std::fmt::Debug for Superuser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Superuser").finish_non_exhaustive()
    }
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

impl Superuser {
    pub(crate) fn connect(url: &str) -> Self {
        let connection = PgConnection::establish(url).expect("the database can be reached");
        Self { connection }
    }

    /// Runs statements.
    ///
    /// # Panics
    /// When one fails. So do all methods here.
    pub fn execute(&mut self, sql: &str) {
        self.connection.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The value of an expression or of a query for one, as text.
    pub fn text(&mut self, expression: &str) -> Option<String> {
        let row = diesel::sql_query(format!("SELECT ({expression})::text AS value"))
            .get_result::<Value>(&mut self.connection);
        row.unwrap_or_else(|error| panic!("{expression}: {error}")).value
    }

    /// Runs statements that may fail, and tells whether they did not.
    pub(crate) fn attempt(&mut self, sql: &str) -> bool {
        self.connection.batch_execute(sql).is_ok()
    }

    /// The value of a query that counts.
    pub fn count(&mut self, query: &str) -> i64 {
        self.text(query).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{query}: no number"))
    }

    /// Ends all sessions of `role` in this database, as a failover does; gives their number.
    pub fn terminate(&mut self, role: Role) -> i64 {
        self.count(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE usename = '{}' AND datname = current_database()",
            role.name()
        ))
    }

    /// For schema checks, which want the connection itself.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
