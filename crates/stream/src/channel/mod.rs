//! Channels: places where one publishes and many watch.

mod change;
mod create;
mod list;
mod settings;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use veza_core::TenantScope;

pub use self::change::{end_tokens, remove, update};
pub use self::create::{NewChannel, create};
pub use self::list::{get, list};
pub use self::settings::{ChannelChange, ChannelSettings};
use crate::error::Error;
use crate::id::ChannelId;
use crate::schema::channels;

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Channel {
    /// The channel's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: ChannelId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its rules.
    #[serde(flatten)]
    pub settings: ChannelSettings,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Tokens of an earlier epoch hold no more.
    #[serde(skip)]
    pub(crate) token_epoch: i64,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = channels)]
pub(crate) struct Row {
    channel_id: ChannelId,
    name: String,
    description: Option<String>,
    #[diesel(embed)]
    settings: settings::Row,
    token_epoch: i64,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Channel {
    fn from(row: Row) -> Self {
        Self {
            id: row.channel_id,
            name: row.name,
            description: row.description,
            settings: row.settings.into(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            token_epoch: row.token_epoch,
        }
    }
}

/// The epochs of those of some channels that are there.
pub(crate) fn epochs(tx: &mut impl TenantScope, ids: &[ChannelId]) -> Result<HashMap<ChannelId, i64>, Error> {
    let query = channels::table
        .filter(channels::tenant_id.eq(tx.tenant()).and(channels::channel_id.eq_any(ids)))
        .filter(channels::deleted_at.is_null())
        .select((channels::channel_id, channels::token_epoch));
    Ok(tx.load::<(ChannelId, i64), _>(query)?.into_iter().collect())
}

/// A channel that is there.
pub(crate) fn find(tx: &mut impl TenantScope, id: ChannelId) -> Result<Channel, Error> {
    let query = channels::table
        .find((tx.tenant(), id))
        .filter(channels::deleted_at.is_null())
        .select(Row::as_select());
    tx.get_result::<Row, _>(query).map(Channel::from).map_err(Error::absent("channel"))
}
