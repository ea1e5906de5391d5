//! Functions that other tests start as processes of their own; alone they do nothing.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use veza_postgres::{Cluster, Durability, Settings, SharedCluster};

use crate::fixture::binaries;

fn directory() -> Option<PathBuf> {
    std::env::var_os("VEZA_POSTGRES_TEST_DIR").map(PathBuf::from)
}

#[test]
#[ignore = "a helper process of other tests"]
fn supervise() {
    let Some(dir) = directory() else { return };
    let mut settings = Settings::new(dir.join("postgres"));
    settings.durability = Durability::Throwaway;
    let _cluster = Cluster::start(&binaries(), settings).unwrap();
    sleep(Duration::from_mins(1));
}

#[test]
#[ignore = "a helper process of other tests"]
fn hold() {
    let Some(dir) = directory() else { return };
    let _shared = SharedCluster::acquire_with(&binaries(), &dir, Duration::from_secs(1)).unwrap();
    sleep(Duration::from_mins(1));
}
