//! A session that this process holds.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use veza_core::{TenantId, Timestamp};

use super::{Pace, Place};
use crate::id::{ChannelId, SessionId};
use crate::plane::EndReason;
use crate::session::{Reading, SessionKind};
use crate::{Credentials, Track};

/// What it is for.
#[derive(Debug, Clone)]
pub(crate) enum Side {
    /// It sends, so much at most, in kbit/s; and whether that is recorded.
    Publisher { max_kbps: u32, records: bool },
    /// It receives what is published to its channel.
    Viewer,
}

impl Side {
    pub(crate) fn kind(&self) -> SessionKind {
        match self {
            Self::Publisher { .. } => SessionKind::Publisher,
            Self::Viewer => SessionKind::Viewer,
        }
    }
}

/// What makes one.
#[derive(Debug, Clone)]
pub(crate) struct NewLive {
    pub(crate) tenant: TenantId,
    pub(crate) channel: ChannelId,
    pub(crate) side: Side,
    /// The epoch of the token that it began with, if it was one of the channel's.
    pub(crate) epoch: Option<i64>,
    /// The tracks that were agreed.
    pub(crate) tracks: Vec<Track>,
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) id: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) channel: ChannelId,
    pub(crate) side: Side,
    pub(crate) tracks: Vec<Track>,
    /// The part of its URL that nobody can guess.
    pub(crate) resource: String,
    /// Cancelled when it is over.
    pub(crate) done: CancellationToken,
    /// Cancelled when other credentials take the place of those that are watched.
    watched: Mutex<CancellationToken>,
    state: Mutex<State>,
}

/// What changes of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
    /// Which ICE session it is; the ETag.
    pub(crate) version: i64,
    /// The epoch of the token that it goes on with, if it is one of the channel's.
    pub(crate) epoch: Option<i64>,
    pub(crate) connected_at: Option<Timestamp>,
    /// What it has done so far.
    pub(crate) reading: Reading,
    /// How fast it sends, once its peer is there.
    pub(crate) pace: Option<Pace>,
    /// Another publisher has taken its place; it is about to end.
    pub(crate) replaced: bool,
    /// Why it ended, when it did.
    pub(crate) ended: Option<EndReason>,
}

impl Live {
    pub(crate) fn new(id: SessionId, resource: String, new: NewLive) -> Self {
        let NewLive { tenant, channel, side, epoch, tracks, local, remote } = new;
        let state = State {
            local,
            remote,
            version: 1,
            epoch,
            connected_at: None,
            reading: Reading::default(),
            pace: None,
            replaced: false,
            ended: None,
        };
        let done = CancellationToken::new();
        let watched = Mutex::new(done.child_token());
        Self { id, tenant, channel, side, tracks, resource, done, watched, state: Mutex::new(state) }
    }

    pub(crate) fn place(&self) -> Place {
        (self.tenant, self.channel)
    }

    /// Other credentials are watched from now on. The token is cancelled when that ends, or the session.
    pub(crate) fn watch_anew(&self) -> CancellationToken {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *watched, self.done.child_token()).cancel();
        watched.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of its ICE session.
    pub(crate) fn version(&self) -> i64 {
        self.state().version
    }
}
