//! What an embedding program configures.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veza_core::config::{ConfigError, load};

/// One section per noun. Nest it in your own configuration, or use it as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// PostgreSQL.
    pub database: veza_core::db::DatabaseConfig,
    /// The HTTP side.
    #[cfg(feature = "http")]
    pub web: veza_web::WebConfig,
    /// Organisations, people and access.
    pub tenant: veza_tenant::TenantConfig,
    /// Queues and workers.
    pub jobs: veza_jobs::JobsConfig,
    /// Rooms and messages.
    #[cfg(feature = "chat")]
    pub chat: veza_chat::ChatConfig,
    /// Live sound and pictures.
    #[cfg(feature = "stream")]
    pub stream: veza_stream::StreamConfig,
    /// Files of organisations.
    #[cfg(feature = "storage")]
    pub storage: veza_storage::StorageConfig,
}

impl Config {
    /// Reads all layers: defaults, the file, variables such as `VEZA_DATABASE__URL`, secrets in files.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config: Self = load(file)?;
        config.database.read_files()?;
        config.tenant.read_files()?;
        config.jobs.read_files()?;
        #[cfg(feature = "chat")]
        config.chat.read_files()?;
        #[cfg(feature = "storage")]
        config.storage.read_files()?;
        #[cfg(feature = "stream")]
        config.stream.read_files()?;
        Ok(config)
    }
}
