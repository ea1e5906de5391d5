//! The PostgreSQL that `veza up` brings along.

use std::time::Duration;

use veza_core::config::Secret;
use veza_core::db::{Migrator, Progress, bootstrap};
use veza_postgres::{Binaries, Cluster, SUPERUSER, Settings};
use veza_stream::record::RecordConfig;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::Error;

/// The database of a private cluster.
pub(crate) const DATABASE: &str = "veza";

/// Replaying the log after a crash may take minutes on a slow disk, and a server that is stopped meanwhile
/// begins again at the next start, for ever.
const RECOVERY: Duration = Duration::from_mins(15);

/// Connections beside those of the pools: commands, psql, backups.
const SPARE_CONNECTIONS: u32 = 88;

/// Starts the private cluster of `data`, makes roles and database where they are missing, and brings
/// the schema up to date. `config` then points at it.
pub(crate) fn start(config: &mut Config, data: &DataDir) -> Result<Cluster, Error> {
    let binaries = Binaries::find(config.database.pg_bindir.as_deref())?;
    let mut settings = Settings::new(data.postgres());
    let pool = &config.database.pool;
    settings.max_connections =
        pool.connections + pool.system_connections + pool.jobs_connections + SPARE_CONNECTIONS;
    settings.start_timeout = RECOVERY;
    let cluster = Cluster::start(&binaries, settings)?;
    if config.tenant.root_secret.is_none() {
        config.tenant.root_secret = Some(data.create_root_secret()?);
    }
    if config.storage.directory.is_none() {
        if !config.storage.has_place() {
            config.storage.directory = Some(data.storage());
        }
        if !config.storage.has_root_key() {
            config.storage.root_key_file = Some(data.create_storage_key()?);
        }
    }
    let recorded = &mut config.stream.record.directory;
    if *recorded == RecordConfig::default().directory {
        *recorded = data.recordings();
    }
    bootstrap(&cluster.url(SUPERUSER, SUPERUSER), DATABASE)?;
    migrate(&cluster.url("veza_owner", DATABASE))?;
    let url = cluster.url("veza_app", DATABASE);
    data.write_database_url(&url)?;
    config.database.url = Some(Secret::new(url));
    Ok(cluster)
}

/// Applies what is pending and says so.
pub(crate) fn migrate(owner_url: &str) -> Result<Vec<&'static str>, Error> {
    let applied = Migrator::veza().run(owner_url, |progress| match progress {
        Progress::Waiting => tracing::info!("another process migrates the database; waiting for it"),
        Progress::Applying(name) => tracing::info!(migration = name, "migrating"),
    })?;
    Ok(applied)
}

/// Stops the cluster; the data is on the disk then.
pub(crate) fn stop(cluster: Cluster) {
    match cluster.stop(Duration::from_secs(10)) {
        Ok(_) => tracing::debug!("PostgreSQL has stopped"),
        Err(error) => {
            tracing::warn!(%error, "PostgreSQL did not stop cleanly; it recovers at the next start");
        }
    }
}
