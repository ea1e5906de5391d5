//! Channels, changed and removed.

use diesel::prelude::*;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::create::check;
use super::settings;
use super::{Channel, ChannelChange, Row};
use crate::error::Error;
use crate::id::ChannelId;
use crate::permission::ManageChannels;
use crate::schema::channels;

/// Changes a channel; what is absent stays. Sessions that go on keep the rules that they began with, but for limits of
/// viewers.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::VersionMismatch`] when it has none of `versions`.
pub fn update(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageChannels>,
    id: ChannelId,
    versions: Option<&[i64]>,
    change: &ChannelChange,
) -> Result<Channel, Error> {
    let channel = hold(tx, id, versions)?;
    let settings = channel.settings.changed(change);
    check(change.name.as_deref(), change.description.as_deref(), &settings)?;
    let name = change.name.as_ref().unwrap_or(&channel.name);
    let description =
        change.description.as_ref().or(channel.description.as_ref()).filter(|text| !text.is_empty());
    let update = diesel::update(channels::table.find((tx.tenant(), id))).set((
        channels::name.eq(name),
        channels::description.eq(description),
        settings::Row::from(&settings),
        channels::version.eq(channel.version + 1),
        channels::updated_at.eq(tx.now()),
    ));
    Ok(tx.get_result::<Row, _>(update.returning(Row::as_returning()))?.into())
}

/// Removes a channel. Its sessions end within seconds, at every process.
///
/// # Errors
/// [`Error::VersionMismatch`] when it has none of `versions`.
pub fn remove(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageChannels>,
    id: ChannelId,
    versions: Option<&[i64]>,
) -> Result<(), Error> {
    hold(tx, id, versions)?;
    let update = diesel::update(channels::table.find((tx.tenant(), id)))
        .set((channels::deleted_at.eq(tx.now()), channels::updated_at.eq(tx.now())));
    tx.execute(update)?;
    Ok(())
}

/// Ends all tokens that were made for a channel so far, and within seconds the sessions that began with them.
pub fn end_tokens(tx: &mut TenantTx<'_>, _: &Permit<ManageChannels>, id: ChannelId) -> Result<(), Error> {
    let channel = hold(tx, id, None)?;
    let update = diesel::update(channels::table.find((tx.tenant(), id)))
        .set(channels::token_epoch.eq(channel.token_epoch + 1));
    tx.execute(update)?;
    Ok(())
}

/// A channel that nobody else changes before the transaction ends.
fn hold(tx: &mut TenantTx<'_>, id: ChannelId, versions: Option<&[i64]>) -> Result<Channel, Error> {
    let query = channels::table
        .find((tx.tenant(), id))
        .filter(channels::deleted_at.is_null())
        .select(Row::as_select())
        .for_update();
    let channel: Channel = tx.get_result::<Row, _>(query).map_err(Error::absent("channel"))?.into();
    match versions {
        Some(versions) if !versions.contains(&channel.version) => Err(Error::VersionMismatch),
        _ => Ok(channel),
    }
}
