//! The database of commands that are not `up`: the configured one, or that of a running `up`.

use veza_core::Db;
use veza_core::config::Secret;
use veza_core::db::Role;
use veza_tenant::Tenants;

use crate::cli::DataArgs;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::Error;

/// Points `config` at the database of the `up` in the data directory, unless it names one.
pub(crate) fn locate(config: &mut Config, data: &DataArgs) -> Result<(), Error> {
    let data = DataDir::locate(data)?;
    if config.database.url.is_none() {
        config.database.url = data.database_url();
    }
    if config.tenant.root_secret.is_none() {
        config.tenant.root_secret = data.root_secret();
    }
    Ok(())
}

/// The URL for a role.
pub(crate) fn url_for(config: &Config, role: Role) -> Result<Secret, Error> {
    config.database.url_for(role).ok_or(Error::DbOpen(veza_core::db::DbOpenError::NoUrl))
}

/// The service behind `veza tenant …`.
pub(crate) fn tenants(config: &Config) -> Result<Tenants, Error> {
    let mut database = config.database.clone();
    database.pool.connections = 1;
    database.pool.system_connections = 1;
    let db = Db::open(&database)?;
    Ok(Tenants::new(db, config.tenant.clone(), &config.web.public_url, None)?)
}
