//! What a test is given.

use std::future::Future;
use std::sync::Arc;

use veza_core::db::Role;
use veza_core::{Db, Random, SystemRandom};

use crate::clock::TestClock;
use crate::database::TestDatabase;
use crate::options::Options;
use crate::template;
use crate::tenant::TestTenant;

macro_rules! fixture {
    ($(#[$doc:meta])* $name:ident, $database:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct $name {
            /// The database as the program has it: under row-level security, two connections.
            pub db: Db,
            /// The clock of `db`.
            pub clock: TestClock,
            /// The randomness of `db`.
            pub random: Arc<dyn Random>,
            /// The tenant whose data it is.
            pub alice: TestTenant,
            /// The tenant who tries to get at it.
            pub mallory: TestTenant,
            /// The database from outside the program.
            pub database: TestDatabase,
        }

        impl $name {
            /// The URL of the database for one of Veza's roles.
            pub fn url(&self, role: Role) -> String {
                self.database.url(role)
            }

            /// Runs a test; the attribute calls it.
            ///
            /// # Panics
            /// When the test does, and when there is no PostgreSQL to test with.
            pub fn run<F, Fut>(options: Options, test: F) -> Fut::Output
            where
                F: FnOnce(Self) -> Fut,
                Fut: Future,
            {
                let database: TestDatabase = $database(&options);
                let (clock, random): (_, Arc<dyn Random>) = (options.clock(), Arc::new(SystemRandom));
                let db = database.open_with(
                    TestDatabase::small_pool(), Arc::new(clock.clone()), Arc::clone(&random),
                );
                let (alice, mallory) = (TestTenant::new(&clock, &*random), TestTenant::new(&clock, &*random));
                let fixture = Self { db, clock, random, alice, mallory, database };
                runtime().block_on(test(fixture))
            }
        }
    };
}

fixture!(
    /// Two fresh tenants in a database that all tests share, so that every test also tests the
    /// boundary: `#[tenant_test]`.
    TenantTest,
    |options: &Options| template::prepare(&options.migrations()).shared()
);
fixture!(
    /// A database of its own, for migrations, roles, faults and work across tenants: `#[db_test]`.
    DbTest,
    |options: &Options| template::prepare(&options.migrations()).clone_database()
);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
}
