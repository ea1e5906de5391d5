//! Channels, looked up.

use diesel::prelude::*;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use super::{Channel, Row, find};
use crate::error::Error;
use crate::id::ChannelId;
use crate::permission::ReadChannels;
use crate::schema::channels;

/// One channel.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadChannels>, id: ChannelId) -> Result<Channel, Error> {
    find(tx, id)
}

/// Channels, oldest first.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadChannels>,
    page: &PageRequest<ChannelId>,
) -> Result<Page<Channel>, Error> {
    let mut query = channels::table
        .filter(channels::tenant_id.eq(tx.tenant()).and(channels::deleted_at.is_null()))
        .order(channels::channel_id)
        .limit(page.fetch())
        .select(Row::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(channels::channel_id.gt(after));
    }
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Channel::from).collect(), |channel: &Channel| channel.id))
}
