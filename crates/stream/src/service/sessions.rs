//! Sessions that go on, seen and ended.

use std::sync::Arc;

use serde::Serialize;
use veza_core::{Caller, Permit, TenantTx};

use super::Streams;
use crate::error::Error;
use crate::id::{ChannelId, SessionId};
use crate::live::Live;
use crate::permission::{ManageChannels, ReadChannels};
use crate::plane::{EndReason, SessionStats};
use crate::session::{self, Closing, Reading, Session, SessionKind};

/// A session, and how it does at this moment.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct SessionNow {
    /// As the database has it.
    #[serde(flatten)]
    pub session: Session,
    /// As the data plane sees it; absent when it has ended, or another process holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<SessionStats>,
}

pub(super) fn count_end(live: &Live, reason: EndReason) {
    let labels = [("kind", live.side.kind().as_str()), ("reason", reason.as_str())];
    metrics::counter!("veza_stream_sessions_ended_total", &labels).increment(1);
}

impl Streams {
    /// One session of a channel, and how it does.
    pub async fn session(
        &self,
        permit: &Permit<ReadChannels>,
        channel: ChannelId,
        id: SessionId,
    ) -> Result<SessionNow, Error> {
        let (caller, permit) = (permit.caller().clone(), permit.caller().permit()?);
        let session = self.db().read(&caller, move |tx| session::get(tx, &permit, channel, id)).await?;
        let stats = match self.registry().get(id).zip(self.inner.plane.get()) {
            Some((_, plane)) => plane.stats(id).await,
            None => None,
        };
        Ok(SessionNow { session, stats })
    }

    /// Ends a session of a channel. One that another process holds ends there within ten seconds.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when it has ended.
    pub async fn end_session(
        &self,
        permit: &Permit<ManageChannels>,
        channel: ChannelId,
        id: SessionId,
    ) -> Result<(), Error> {
        let caller = permit.caller();
        let closing = Closing { id, reason: EndReason::Ended.as_str(), reading: None };
        let end = move |tx: &mut TenantTx<'_>| {
            session::find_open(tx, channel, id)?;
            session::close(tx, &closing)
        };
        self.db().tenant(caller, end).await?;
        match self.registry().get(id).filter(|live| live.place() == (caller.tenant(), channel)) {
            // What it has done is noted once its media has ended.
            Some(live) => self.finish(&live).await,
            None => Ok(()),
        }
    }

    /// Ends a session of this process, because its peer or its tenant asks for it: first its media, and then it is written
    /// down with all that it has done.
    pub(crate) async fn finish(&self, live: &Live) -> Result<(), Error> {
        // The data plane's word that it has ended finds it gone.
        if self.registry().remove(live.id).is_none() {
            return Ok(());
        }
        let reason = EndReason::Ended;
        live.state().ended = Some(reason);
        count_end(live, reason);
        let stats = match self.inner.plane.get() {
            Some(plane) => plane.finish(live.id, reason).await,
            None => None,
        };
        self.dismiss_viewers(live);
        let reading = self.take_in(live, stats.as_ref());
        self.write_end(live, reason, Some(reading)).await
    }

    pub(super) async fn write_end(
        &self,
        live: &Live,
        reason: EndReason,
        reading: Option<Reading>,
    ) -> Result<(), Error> {
        let closing = Closing { id: live.id, reason: reason.as_str(), reading };
        let close = move |tx: &mut TenantTx<'_>| session::close(tx, &closing);
        self.db().tenant(&Caller::system(live.tenant), close).await
    }

    /// Writes down that a session has ended, when it did so before it was written down at all.
    pub(super) async fn catch_up(&self, live: &Live) -> Result<(), Error> {
        let (ended, reading) = {
            let state = live.state();
            (state.ended, state.reading)
        };
        match ended {
            Some(reason) => self.write_end(live, reason, Some(reading)).await,
            None => Ok(()),
        }
    }

    /// The session of a URL below a channel, when it is one of the caller's tenant.
    pub(crate) fn of_resource(
        &self,
        caller: &Caller,
        channel: ChannelId,
        resource: &str,
    ) -> Option<Arc<Live>> {
        self.registry().of_resource(resource).filter(|live| live.place() == (caller.tenant(), channel))
    }

    /// Ends the media of a session; what follows from it is done when the data plane says that it has ended.
    pub(crate) fn end_live(&self, live: &Live, reason: EndReason) {
        if let Some(plane) = self.inner.plane.get() {
            plane.end(live.id, reason);
        }
    }

    /// Ends viewers of a publisher that has ended, whose own peers have not come: the data plane does not know yet what they
    /// watch. Where another publisher has taken over, they go on.
    pub(super) fn dismiss_viewers(&self, gone: &Live) {
        if gone.side.kind() != SessionKind::Publisher {
            return;
        }
        for viewer in self.registry().orphans(gone.place()) {
            if viewer.state().connected_at.is_none() {
                self.end_live(&viewer, EndReason::SourceEnded);
            }
        }
    }

    /// What a session has done so far.
    pub(super) async fn read_session(&self, live: &Live) -> Reading {
        let stats = match self.inner.plane.get() {
            Some(plane) => plane.stats(live.id).await,
            None => None,
        };
        self.take_in(live, stats.as_ref())
    }

    /// Notes what was counted of a session.
    pub(super) fn take_in(&self, live: &Live, stats: Option<&SessionStats>) -> Reading {
        let now = self.db().clock().now();
        let mut state = live.state();
        if let Some(stats) = stats {
            let count = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
            state.reading.received = count(stats.bytes_received);
            state.reading.sent = count(stats.bytes_sent);
        }
        if let Some(connected_at) = state.connected_at {
            state.reading.seconds = (now - connected_at).num_seconds().max(0);
        }
        state.reading
    }
}
