//! Migrated databases: one that tests share and one that they clone.

use std::collections::HashMap;
use std::fmt::Write;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use veza_core::db::{Migrator, Role, bootstrap};

use crate::cluster;
use crate::database::TestDatabase;
use crate::superuser::Superuser;
use crate::sweep::{CLONE, sweep};

/// The databases of one history of migrations.
pub(crate) struct Prepared {
    /// `veza_<hash>`, the beginning of all names.
    name: String,
    /// Keeps other programs from dropping the databases.
    _hold: Mutex<Superuser>,
}

static PREPARED: Mutex<Option<HashMap<String, Arc<Prepared>>>> = Mutex::new(None);
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Any number, the same in every test program: `b"test"` as a big-endian integer.
const LOCK: i64 = 0x7465_7374;

/// Migrates, unless a test before did.
pub(crate) fn prepare(migrator: &Migrator) -> Arc<Prepared> {
    let name = name(migrator);
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    let prepared = prepared.get_or_insert_default();
    Arc::clone(prepared.entry(name.clone()).or_insert_with(|| Arc::new(Prepared::new(name, migrator))))
}

/// A name for this very history: a changed migration is another database.
fn name(migrator: &Migrator) -> String {
    let mut hash = Sha256::new();
    for migration in migrator.migrations() {
        for part in [migration.name, migration.sql] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
    }
    let digits = hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("veza_{digits}")
}

fn administrator() -> Superuser {
    cluster::database("postgres").superuser()
}

impl Prepared {
    fn new(name: String, migrator: &Migrator) -> Self {
        let mut administrator = administrator();
        // Given back when the connection ends, whatever happens.
        administrator.execute(&format!("SELECT pg_advisory_lock({LOCK})"));
        sweep(&mut administrator, &name);
        if !exists(&mut administrator, &format!("{name}_template")) {
            make_template(&mut administrator, &name, migrator);
        }
        if !exists(&mut administrator, &name) {
            clone(&mut administrator, &name, &name);
        }
        let hold = Mutex::new(cluster::database(&name).superuser());
        Self { name, _hold: hold }
    }

    /// The database that all tests share.
    pub(crate) fn shared(&self) -> TestDatabase {
        cluster::database(&self.name)
    }

    /// A new database.
    pub(crate) fn clone_database(&self) -> TestDatabase {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{CLONE}{}_{number}", process::id());
        let mut administrator = administrator();
        // Left by a program that had our process id.
        administrator.execute(&format!("DROP DATABASE IF EXISTS {name}"));
        clone(&mut administrator, &self.name, &name);
        cluster::database(&name)
    }
}

fn exists(administrator: &mut Superuser, name: &str) -> bool {
    administrator.count(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")) > 0
}

/// Migrates aside and renames when complete: an interrupted setup leaves no half-made template.
fn make_template(administrator: &mut Superuser, name: &str, migrator: &Migrator) {
    let new = cluster::database(&format!("{name}_new"));
    administrator.execute(&format!("DROP DATABASE IF EXISTS {}", new.name()));
    permit(new.name());
    migrator.run(&new.url(Role::Owner), |_| {}).unwrap_or_else(|error| panic!("{error}"));
    administrator.execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", new.name()));
    administrator.execute(&format!("ALTER DATABASE {} RENAME TO {name}_template", new.name()));
    administrator.execute(&format!("ALTER DATABASE {name}_template IS_TEMPLATE true"));
}

fn clone(administrator: &mut Superuser, name: &str, clone: &str) {
    // Copying files beats logging every page by a third, where PostgreSQL leaves the choice.
    let strategy = match administrator.count("current_setting('server_version_num')") {
        150_000.. => " STRATEGY file_copy",
        _ => "",
    };
    administrator
        .execute(&format!("CREATE DATABASE {clone} OWNER veza_owner TEMPLATE {name}_template{strategy}"));
    permit(clone);
}

/// Creates the database if need be, and the roles and their rights, which a clone does not inherit.
fn permit(name: &str) {
    let postgres = cluster::database("postgres").superuser_url();
    bootstrap(&postgres, name).unwrap_or_else(|error| panic!("{error}"));
}
