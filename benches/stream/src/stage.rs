//! A private PostgreSQL, a directory of files and one of logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use veza_core::config::Secret;
use veza_core::db::{DatabaseConfig, Migrator, bootstrap};
use veza_core::{Db, SystemRandom, Tasks};
use veza_postgres::{Binaries, Cluster, SUPERUSER, Settings};
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::crypt::LocalRootKey;
use veza_storage::{Storage, StorageConfig};
use veza_stream::record::{RecordConfig, Recorder, Shelf};

use crate::Outcome;

const VEZA: &str = "veza";

pub struct Stage {
    pub recorder: Recorder,
    pub tasks: Tasks,
    dir: PathBuf,
    _cluster: Cluster,
}

impl Stage {
    pub async fn build(parent: &Path) -> Outcome<Self> {
        let dir = parent.join(format!("veza-bench-{}", std::process::id()));
        fs::create_dir(&dir)?;
        // The database runs as another user when root starts it.
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let cluster = Cluster::start(&Binaries::find(None)?, Settings::new(dir.join("postgres")))?;
        bootstrap(&cluster.url(SUPERUSER, SUPERUSER), VEZA)?;
        Migrator::veza().run(&cluster.url("veza_owner", VEZA), |_| {})?;
        let url = Some(Secret::new(cluster.url("veza_app", VEZA)));
        let db = Db::open(&DatabaseConfig { url, ..DatabaseConfig::default() })?;
        let random = Arc::new(SystemRandom);
        let backend = FsBackend::open(FsConfig::new(dir.join("files")), random.clone()).await?;
        LocalRootKey::create(&dir.join("root"), "first", &SystemRandom)?;
        let root = LocalRootKey::open(&dir.join("root"), random)?;
        let storage =
            Storage::new(db, StorageConfig::default(), "fs", Arc::new(backend), Some(Arc::new(root)))?;
        let (config, tasks) = (RecordConfig { directory: dir.join("logs"), ..RecordConfig::default() }, Tasks::new());
        let recorder = Recorder::new(Shelf::new(storage), config, tasks.clone());
        Ok(Self { recorder, tasks, dir, _cluster: cluster })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left of it is in a directory for things of a time.
        let _left = fs::remove_dir_all(&self.dir);
    }
}
