//! Publishing begins.

use std::sync::Arc;

use veza_core::{Caller, Permit, TenantTx};

use super::{Started, Streams};
use crate::channel::{self, Channel};
use crate::error::Error;
use crate::id::{ChannelId, SessionId};
use crate::live::{Live, NewLive, Side};
use crate::permission::PublishChannels;
use crate::plane::EndReason;
use crate::sdp::{Local, Offer, Publishing};
use crate::session::{self, Opening, SessionKind};
use crate::token::Grant;

impl Streams {
    /// Begins to publish what `offer` describes, as WHIP does. `grant` is the token of the channel that it was asked for
    /// with, if it was one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Malformed`] and [`Error::Unsupported`] for the offer, [`Error::Busy`],
    /// [`Error::LimitReached`], [`Error::TooManyWaiting`], [`Error::Full`], [`Error::Draining`], [`Error::NoMedia`]. Nothing was begun then.
    pub async fn publish(
        &self,
        permit: &Permit<PublishChannels>,
        grant: Option<&Grant>,
        id: ChannelId,
        offer: &str,
    ) -> Result<Started, Error> {
        let caller = permit.caller();
        let channel = self.db().read(caller, move |tx| channel::find(tx, id)).await?;
        let publishing = Offer::read(offer)?.publish(&channel.settings.allowed_codecs())?;
        let local = self.local()?;
        let max_kbps = channel.settings.max_kbps.unwrap_or(u32::MAX).min(self.config().max_kbps);
        let answer = publishing.answer(&local, Some(max_kbps));
        let side = Side::Publisher { max_kbps, records: channel.settings.recording };
        let live = self.publisher(caller, grant, id, side, &publishing, &local);
        // Media first: what has no place there begins nothing.
        let max = self.config().max_waiting;
        self.registry().add_publisher(&live, max).map_err(|_crowded| Error::TooManyWaiting { max })?;
        let agreed = publishing.agreed(local.credentials);
        if let Err(error) = self.plane()?.publish(live.id, agreed) {
            self.registry().remove(live.id);
            return Err(error.into());
        }
        let take_over = channel.settings.take_over || grant.is_some_and(|grant| grant.take_over);
        let replaced = match self.open_publisher(caller, &channel, &live, take_over).await {
            Ok(replaced) => replaced,
            Err(error) => {
                self.abandon(&live);
                return Err(error);
            }
        };
        self.registry().go_live(&live, replaced);
        if let Some(replaced) = replaced {
            self.plane()?.take_over(replaced, live.id);
        }
        self.catch_up(&live).await?;
        Ok(Started::new(&live, answer))
    }

    fn publisher(
        &self,
        caller: &Caller,
        grant: Option<&Grant>,
        channel: ChannelId,
        side: Side,
        publishing: &Publishing,
        local: &Local,
    ) -> Arc<Live> {
        let new = NewLive {
            tenant: caller.tenant(),
            channel,
            side,
            epoch: grant.map(|grant| grant.epoch),
            tracks: publishing.tracks.clone(),
            local: local.credentials.clone(),
            remote: publishing.agreed(local.credentials.clone()).remote,
        };
        Arc::new(Live::new(self.new_id(), self.resource(), new))
    }

    /// Writes the session down. Answers whose place it takes.
    async fn open_publisher(
        &self,
        caller: &Caller,
        channel: &Channel,
        live: &Live,
        take_over: bool,
    ) -> Result<Option<SessionId>, Error> {
        let opening = Opening {
            id: live.id,
            channel: channel.id,
            kind: SessionKind::Publisher,
            node: self.inner.node,
            by: caller.principal().to_string(),
            take_over,
        };
        let config = self.config().clone();
        self.db().tenant(caller, move |tx: &mut TenantTx<'_>| session::open(tx, &config, &opening)).await
    }

    /// Ends media of a session that was not written down.
    pub(super) fn abandon(&self, live: &Live) {
        self.registry().remove(live.id);
        if let Ok(plane) = self.plane() {
            plane.end(live.id, EndReason::Ended);
        }
    }
}
