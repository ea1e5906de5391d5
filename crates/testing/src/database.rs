//! One database, and the ways into it.

use std::sync::Arc;

use diesel::prelude::*;
use veza_core::config::Secret;
use veza_core::db::{DatabaseConfig, PoolConfig, Role};
use veza_core::{Clock, Db, Random, SystemClock, SystemRandom};
use veza_postgres::SUPERUSER;

use crate::superuser::Superuser;

/// A database of the test cluster. Cheap to clone; dropping it removes nothing.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    name: Arc<str>,
    /// What follows the `@` in every URL.
    place: Arc<str>,
}

impl TestDatabase {
    pub(crate) fn new(name: &str, superuser_url: &str) -> Self {
        let place = superuser_url.split_once('@').expect("a URL with a user").1;
        Self { name: name.into(), place: place.into() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The libpq URL for one of Veza's roles.
    pub fn url(&self, role: Role) -> String {
        self.url_as(role.name())
    }

    /// The libpq URL for the superuser, whom no policy binds.
    pub fn superuser_url(&self) -> String {
        self.url_as(SUPERUSER)
    }

    fn url_as(&self, role: &str) -> String {
        format!("postgresql://{role}@{}", self.place)
    }

    /// The configuration of a `Db` on this database.
    pub fn config(&self, pool: PoolConfig) -> DatabaseConfig {
        DatabaseConfig { url: Some(Secret::new(self.url(Role::App))), pool, ..DatabaseConfig::default() }
    }

    /// A small pool, enough for one test: two connections as `veza_app`, one as `veza_system`.
    pub fn small_pool() -> PoolConfig {
        PoolConfig { connections: 2, system_connections: 1, jobs_connections: 1, ..PoolConfig::default() }
    }

    /// Opens a `Db` of its own on this database.
    pub fn open(&self, pool: PoolConfig) -> Db {
        self.open_with(pool, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// The same with another clock and randomness.
    pub fn open_with(&self, pool: PoolConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Db {
        Db::open_with(&self.config(pool), clock, random).expect("the threads of a Db start")
    }

    /// A bare connection as one of Veza's roles, for tests of what PostgreSQL itself refuses.
    pub fn connect(&self, role: Role) -> PgConnection {
        PgConnection::establish(&self.url(role)).expect("the database can be reached")
    }

    /// A connection that may do everything.
    pub fn superuser(&self) -> Superuser {
        Superuser::connect(&self.superuser_url())
    }
}
