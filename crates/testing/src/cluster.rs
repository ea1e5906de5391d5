//! The throw-away cluster that all test programs of one target directory share.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use veza_postgres::{Binaries, Durability, SUPERUSER, SharedCluster};

use crate::database::TestDatabase;
use crate::superuser::Superuser;

static CLUSTER: OnceLock<SharedCluster> = OnceLock::new();

/// The cluster, started by the first test that asks; held until this process ends.
fn cluster() -> &'static SharedCluster {
    CLUSTER.get_or_init(|| {
        let binaries = binaries();
        let dir = home();
        let cluster = SharedCluster::acquire(&binaries, &dir).unwrap_or_else(|error| {
            panic!("cannot start the test cluster in {}: {error}", dir.display());
        });
        assert_settings(&mut Superuser::connect(&cluster.url(SUPERUSER, "postgres")));
        cluster
    })
}

/// The installed PostgreSQL.
pub(crate) fn binaries() -> Binaries {
    Binaries::find(None).unwrap_or_else(|error| panic!("{error}"))
}

/// One database of the shared cluster; it need not exist yet.
pub(crate) fn database(name: &str) -> TestDatabase {
    TestDatabase::new(name, &cluster().url(SUPERUSER, name))
}

/// The directory that this test program was built into, so that two checkouts never meet.
fn home() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file());
    target.map_or_else(env::temp_dir, Path::to_path_buf).join("veza-testing")
}

/// A durable cluster would make every test ten times slower on a busy disk, and nobody would see why.
fn assert_settings(superuser: &mut Superuser) {
    for (name, expected) in Durability::Throwaway.settings() {
        let found = superuser.text(&format!("current_setting('{name}')"));
        assert_eq!(found.as_deref(), Some(*expected), "the test cluster has another {name}");
    }
}
