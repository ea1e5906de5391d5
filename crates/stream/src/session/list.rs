//! Sessions, looked up.

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, TenantScope};

use super::sweep::SILENCE;
use super::{Row, Session, SessionKind};
use crate::channel;
use crate::error::Error;
use crate::id::{ChannelId, SessionId};
use crate::permission::ReadChannels;
use crate::schema::sessions;

/// Which sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionsOf {
    /// Those that go on.
    Now,
    /// Also those that have ended and are kept.
    Ever,
}

/// One session of a channel.
pub fn get(
    tx: &mut impl TenantScope,
    _: &Permit<ReadChannels>,
    channel: ChannelId,
    id: SessionId,
) -> Result<Session, Error> {
    let query = sessions::table
        .find((tx.tenant(), id))
        .filter(sessions::channel_id.eq(channel))
        .select(Row::as_select());
    tx.get_result::<Row, _>(query).map(Session::from).map_err(Error::absent("session"))
}

/// Refuses a session that is not one of the channel's, or has ended.
pub(crate) fn find_open(tx: &mut impl TenantScope, channel: ChannelId, id: SessionId) -> Result<(), Error> {
    let query = sessions::table
        .find((tx.tenant(), id))
        .filter(sessions::channel_id.eq(channel).and(sessions::ended_at.is_null()))
        .select(sessions::session_id);
    tx.get_result::<SessionId, _>(query).map(drop).map_err(Error::absent("session"))
}

/// Whether somebody publishes to a channel, at whichever process.
pub(crate) fn is_published(tx: &mut impl TenantScope, channel: ChannelId) -> Result<bool, Error> {
    let silent = tx.now() - TimeDelta::seconds(SILENCE);
    let query = sessions::table
        .filter(sessions::tenant_id.eq(tx.tenant()).and(sessions::channel_id.eq(channel)))
        .filter(sessions::kind.eq(SessionKind::Publisher.as_str()).and(sessions::ended_at.is_null()))
        .filter(sessions::seen_at.ge(silent))
        .select(sessions::session_id);
    Ok(tx.find_result::<SessionId, _>(query)?.is_some())
}

/// Sessions of a channel, latest first.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadChannels>,
    channel: ChannelId,
    of: SessionsOf,
    page: &PageRequest<SessionId>,
) -> Result<Page<Session>, Error> {
    channel::find(tx, channel)?;
    let mut query = sessions::table
        .filter(sessions::tenant_id.eq(tx.tenant()).and(sessions::channel_id.eq(channel)))
        .order(sessions::session_id.desc())
        .limit(page.fetch())
        .select(Row::as_select())
        .into_boxed();
    if of == SessionsOf::Now {
        query = query.filter(sessions::ended_at.is_null());
    }
    if let Some(before) = page.after {
        query = query.filter(sessions::session_id.lt(before));
    }
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Session::from).collect(), |session: &Session| session.id))
}
