//! What an embedding program configures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}
