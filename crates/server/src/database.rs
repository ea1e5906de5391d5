//! The database of commands that are not `up`: the configured one, or that of a running `up`.

use std::path::Path;

use veza_core::Db;
use veza_core::config::Secret;
use veza_core::db::{Migrator, Role};
use veza_tenant::Tenants;

use crate::cli::DataArgs;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::Error;

/// The configuration of a command: that of the `up` in the data directory, pointed at its database,
/// unless a configuration names another.
pub(crate) fn configure(file: Option<&Path>, args: &DataArgs) -> Result<Config, Error> {
    let data = DataDir::locate(args);
    let own = data.as_ref().ok().and_then(DataDir::config_file);
    let mut config = Config::read(file.or(own.as_deref()))?;
    if config.database.url.is_none() {
        let data = data?;
        config.database.url = data.database_url()?;
        if config.tenant.root_secret.is_none() {
            config.tenant.root_secret = data.root_secret()?;
        }
        if !config.storage.has_place() {
            config.storage.directory = Some(data.storage()).filter(|directory| directory.is_dir());
        }
        if !config.storage.has_root_key() {
            config.storage.root_key_file = Some(data.storage_key()).filter(|file| file.is_file());
        }
    }
    Ok(config)
}

/// The URL for a role.
pub(crate) fn url_for(config: &Config, role: Role) -> Result<Secret, Error> {
    config.database.url_for(role).ok_or(Error::DbOpen(veza_core::db::DbOpenError::NoUrl))
}

/// The service behind `veza tenant …`.
pub(crate) fn tenants(config: &Config) -> Result<Tenants, Error> {
    // Says why, where the pool would only say that it cannot.
    Migrator::veza().check(url_for(config, Role::System)?.expose())?;
    let mut database = config.database.clone();
    database.pool.connections = 1;
    database.pool.system_connections = 1;
    database.pool.jobs_connections = 1;
    let db = Db::open(&database)?;
    Ok(Tenants::new(db, config.tenant.clone(), &config.web.public_url, None)?)
}
