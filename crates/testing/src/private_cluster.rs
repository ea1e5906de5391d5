//! A PostgreSQL that a test may stop, start and crash.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use veza_core::db::{Migrator, Role, bootstrap};
use veza_postgres::{Cluster, Durability, SUPERUSER, Settings};

use crate::cluster::binaries;
use crate::database::TestDatabase;
use crate::directory::TestDirectory;

/// How long a server may take to stop cleanly.
const STOP: Duration = Duration::from_secs(20);

/// A cluster for one test, with one migrated database. Making it takes about a second.
#[derive(Debug)]
pub struct PrivateCluster {
    /// `None` while it is stopped. Dropped before its directory.
    server: Option<Cluster>,
    settings: Settings,
    database: TestDatabase,
    _directory: TestDirectory,
}

impl PrivateCluster {
    /// Creates and starts a cluster, and migrates a database in it.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or a migration fails. So do all methods here.
    pub fn new(migrator: &Migrator) -> Self {
        Self::with_durability(migrator, Durability::Throwaway)
    }

    /// The same with another durability: [`Durability::Full`] keeps what was committed over [`Self::crash`].
    pub fn with_durability(migrator: &Migrator, durability: Durability) -> Self {
        let directory = TestDirectory::new();
        let mut settings = Settings::new(directory.path().join("postgres"));
        settings.durability = durability;
        let server = launch(&settings);
        bootstrap(&server.url(SUPERUSER, "postgres"), "veza").expect("the roles can be made");
        let database = TestDatabase::new("veza", &server.url(SUPERUSER, "veza"));
        migrator.run(&database.url(Role::Owner), |_| {}).expect("the migrations run");
        Self { server: Some(server), settings, database, _directory: directory }
    }

    /// The database; its URLs stay the same over restarts.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Starts it again.
    pub fn start(&mut self) {
        if self.server.is_none() {
            self.server = Some(relaunch(&self.settings));
        }
    }

    /// Stops it as an operator does: open sessions end.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(STOP).expect("the server stops");
        }
    }

    /// Stops and starts it.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Kills it with SIGKILL. The next start recovers what was committed.
    pub fn crash(&mut self) {
        if let Some(server) = self.server.take() {
            let ended = server.exited();
            while ended.status().is_none() {
                let _ = kill(Pid::from_raw(server.pid()), Signal::SIGKILL);
                sleep(Duration::from_millis(5));
            }
        }
    }
}

/// After a crash, sessions need a moment to notice; until then their memory keeps a new server out.
fn relaunch(settings: &Settings) -> Cluster {
    for _ in 0..100 {
        if let Ok(server) = Cluster::start(&binaries(), settings.clone()) {
            return server;
        }
        sleep(Duration::from_millis(100));
    }
    launch(settings)
}

fn launch(settings: &Settings) -> Cluster {
    Cluster::start(&binaries(), settings.clone()).unwrap_or_else(|error| panic!("{error}"))
}
