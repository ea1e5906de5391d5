//! A new channel.

use diesel::prelude::*;
use serde::Deserialize;
use veza_core::{FieldError, Permit, Query, TenantScope, TenantTx};

use super::settings::{self, ChannelSettings};
use super::{Channel, Row};
use crate::codec::Codec;
use crate::config::StreamConfig;
use crate::error::Error;
use crate::id::ChannelNoun;
use crate::permission::ManageChannels;
use crate::schema::channels;

/// What makes a channel.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewChannel {
    /// 1 to 100 characters.
    pub name: String,
    /// 1,000 characters at most.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether what is published is recorded.
    #[serde(default)]
    pub recording: bool,
    /// Whether a second publisher takes the place of the first.
    #[serde(default)]
    pub take_over: bool,
    /// The codecs that may be published; all when empty.
    #[serde(default)]
    pub codecs: Vec<Codec>,
    /// Viewers at once; as many as the deployment allows when absent.
    #[serde(default)]
    pub max_viewers: Option<u32>,
    /// The most that may be published, in kbit/s; as much as the deployment allows when absent.
    #[serde(default)]
    pub max_kbps: Option<u32>,
}

/// Makes a channel.
///
/// # Errors
/// [`Error::Invalid`], [`Error::LimitReached`].
pub fn create(
    tx: &mut TenantTx<'_>,
    permit: &Permit<ManageChannels>,
    config: &StreamConfig,
    new: &NewChannel,
) -> Result<Channel, Error> {
    let settings = ChannelSettings {
        recording: new.recording,
        take_over: new.take_over,
        codecs: new.codecs.clone(),
        max_viewers: new.max_viewers,
        max_kbps: new.max_kbps,
    };
    check(Some(&new.name), new.description.as_deref(), &settings)?;
    tx.one_at_a_time("stream.channels")?;
    let all = channels::table.filter(channels::tenant_id.eq(tx.tenant()).and(channels::deleted_at.is_null()));
    if tx.get_result::<i64, _>(all.count())? >= i64::from(config.max_channels) {
        return Err(Error::LimitReached { noun: "channel", max: config.max_channels });
    }
    let row = (
        channels::tenant_id.eq(tx.tenant()),
        channels::channel_id.eq(tx.new_id::<ChannelNoun>()),
        channels::name.eq(&new.name),
        channels::description.eq(new.description.as_deref().filter(|text| !text.is_empty())),
        settings::Row::from(&settings),
        channels::created_by.eq(permit.caller().principal().to_string()),
        channels::created_at.eq(tx.now()),
        channels::updated_at.eq(tx.now()),
    );
    let insert = diesel::insert_into(channels::table).values(row).returning(Row::as_returning());
    Ok(tx.get_result::<Row, _>(insert)?.into())
}

/// Everything that can be wrong with a channel, told at once.
pub(super) fn check(
    name: Option<&str>,
    description: Option<&str>,
    settings: &ChannelSettings,
) -> Result<(), Error> {
    let mut errors = settings.errors();
    let plain = |name: &str| {
        (1..=100).contains(&name.chars().count())
            && name.trim() == name
            && !name.chars().any(char::is_control)
    };
    if !name.is_none_or(plain) {
        let rule = "1 to 100 characters, no control characters, no space at its ends";
        errors.push(FieldError::new("/name", "name", rule));
    }
    if !description.is_none_or(|text| text.chars().count() <= 1_000 && !text.contains('\0')) {
        let rule = "1,000 characters at most, none of them NUL";
        errors.push(FieldError::new("/description", "too_long", rule));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}
