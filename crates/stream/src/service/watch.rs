//! Watching begins.

use std::sync::Arc;

use veza_core::{Caller, Permit, TenantTx};

use super::{Started, Streams};
use crate::channel;
use crate::error::Error;
use crate::id::ChannelId;
use crate::live::{Crowded, Limits, Live, MOST_OF_TENANT, NewLive, Pending, Side, TooMany, VALID};
use crate::permission::WatchChannels;
use crate::plane::PlaneError;
use crate::sdp::{CounterOffer, Offer, RefusalKind};
use crate::session::{self, Opening, SessionKind};
use crate::token::Grant;
use crate::{Agreed, Track};

/// What came of an offer to watch.
#[derive(Debug, Clone)]
pub enum Watched {
    /// It was answered.
    Started(Started),
    /// It cannot be served; this one of ours may be answered, within 30 seconds, at the URL of `resource`.
    Counter {
        /// The part of the URL that nobody can guess.
        resource: String,
        /// Our offer.
        offer: String,
    },
}

/// A viewer that is about to begin.
struct Viewer<'a> {
    caller: &'a Caller,
    epoch: Option<i64>,
    channel: ChannelId,
    max_viewers: Option<u32>,
    resource: String,
    source: Arc<Live>,
    tracks: Vec<Track>,
    shows: Vec<usize>,
    agreed: Agreed,
}

impl Streams {
    /// Begins to watch what is live, as WHEP does.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Malformed`] and [`Error::Unsupported`] for the offer, [`Error::NotLive`],
    /// [`Error::LimitReached`], [`Error::TooManyViewers`], [`Error::TooManyWaiting`], [`Error::Full`], [`Error::Draining`], [`Error::NoMedia`]. Nothing was begun then.
    pub async fn watch(
        &self,
        permit: &Permit<WatchChannels>,
        grant: Option<&Grant>,
        id: ChannelId,
        offer: &str,
    ) -> Result<Watched, Error> {
        let caller = permit.caller();
        let channel = self.db().read(caller, move |tx| channel::find(tx, id)).await?;
        let offer = Offer::read(offer)?;
        let local = self.local()?;
        let source = self.source(caller, id).await?;
        let epoch = grant.map(|grant| grant.epoch);
        let watching = match offer.watch(&source.tracks, &**self.db().random()) {
            Err(refusal) if refusal.kind == RefusalKind::Incompatible => {
                return self.counter(caller, epoch, id, &source, &local);
            }
            outcome => outcome?,
        };
        let answer = watching.answer(&local);
        let viewer = Viewer {
            caller,
            epoch,
            channel: id,
            max_viewers: channel.settings.max_viewers,
            resource: self.resource(),
            source,
            tracks: watching.tracks.clone(),
            shows: watching.shows.clone(),
            agreed: watching.agreed(local.credentials),
        };
        let live = self.begin(viewer).await?;
        Ok(Watched::Started(Started::new(&live, answer)))
    }

    /// Takes the answer to a counter-offer.
    ///
    /// # Errors
    /// As [`Streams::watch`]; [`Error::NotFound`] when there is none that waits for an answer.
    pub async fn answer(
        &self,
        permit: &Permit<WatchChannels>,
        id: ChannelId,
        resource: &str,
        answer: &str,
    ) -> Result<Started, Error> {
        let caller = permit.caller();
        let channel = self.db().read(caller, move |tx| channel::find(tx, id)).await?;
        let pending = self.inner.offered.get(resource, self.db().clock().now());
        let pending = pending.filter(|pending| pending.place == (caller.tenant(), id));
        let pending = pending.ok_or(Error::NotFound("session"))?;
        let taken = pending.offer.answered(answer)?;
        let source = self.registry().get(pending.source).ok_or(Error::NotLive)?;
        // Of two answers at once, one is taken.
        if !self.inner.offered.take(resource) {
            return Err(Error::NotFound("session"));
        }
        let viewer = Viewer {
            caller,
            epoch: pending.epoch,
            channel: id,
            max_viewers: channel.settings.max_viewers,
            resource: resource.to_owned(),
            source,
            tracks: taken.tracks.clone(),
            shows: taken.shows.clone(),
            agreed: taken.agreed(pending.local),
        };
        let live = self.begin(viewer).await?;
        Ok(Started::new(&live, String::new()))
    }

    /// Takes back a counter-offer that nobody will answer; answers whether there was one.
    pub fn withdraw(&self, caller: &Caller, id: ChannelId, resource: &str) -> bool {
        self.waits(caller, id, resource) && self.inner.offered.take(resource)
    }

    /// Whether a counter-offer waits for its answer.
    pub fn waits(&self, caller: &Caller, id: ChannelId, resource: &str) -> bool {
        let pending = self.inner.offered.get(resource, self.db().clock().now());
        pending.is_some_and(|pending| pending.place == (caller.tenant(), id))
    }

    /// Who publishes, here.
    async fn source(&self, caller: &Caller, id: ChannelId) -> Result<Arc<Live>, Error> {
        if let Some(source) = self.registry().publisher((caller.tenant(), id)) {
            return Ok(source);
        }
        let elsewhere = self.db().read(caller, move |tx| session::is_published(tx, id)).await?;
        Err(if elsewhere { Error::Elsewhere } else { Error::NotLive })
    }

    fn counter(
        &self,
        caller: &Caller,
        epoch: Option<i64>,
        id: ChannelId,
        source: &Live,
        local: &crate::sdp::Local,
    ) -> Result<Watched, Error> {
        let (resource, now) = (self.resource(), self.db().clock().now());
        let offer = CounterOffer::new(&source.tracks, &**self.db().random());
        let text = offer.text(local);
        let pending = Pending {
            place: (caller.tenant(), id),
            source: source.id,
            offer,
            local: local.credentials.clone(),
            epoch,
            until: now + VALID,
        };
        self.inner.offered.insert(resource.clone(), pending).map_err(|too_many| match too_many {
            TooMany::All => Error::Full,
            TooMany::OfTenant => Error::TooManyWaiting { max: MOST_OF_TENANT },
        })?;
        Ok(Watched::Counter { resource, offer: text })
    }

    async fn begin(&self, viewer: Viewer<'_>) -> Result<Arc<Live>, Error> {
        let new = NewLive {
            tenant: viewer.caller.tenant(),
            channel: viewer.channel,
            side: Side::Viewer,
            epoch: viewer.epoch,
            tracks: viewer.tracks,
            local: viewer.agreed.local.clone(),
            remote: viewer.agreed.remote.clone(),
        };
        let live = Arc::new(Live::new(self.new_id(), viewer.resource, new));
        self.seat(&live, viewer.max_viewers)?;
        if let Err(error) = self.plane()?.watch(live.id, viewer.source.id, viewer.shows, viewer.agreed) {
            self.registry().remove(live.id);
            if matches!(error, PlaneError::Overloaded) {
                metrics::counter!("veza_stream_refused_viewers_total").increment(1);
            }
            return Err(error.into());
        }
        let opening = Opening {
            id: live.id,
            channel: viewer.channel,
            kind: SessionKind::Viewer,
            node: self.inner.node,
            by: viewer.caller.principal().to_string(),
            take_over: false,
        };
        let config = self.config().clone();
        let open = move |tx: &mut TenantTx<'_>| session::open(tx, &config, &opening).map(drop);
        if let Err(error) = self.db().tenant(viewer.caller, open).await {
            self.abandon(&live);
            return Err(error);
        }
        self.catch_up(&live).await?;
        Ok(live)
    }

    /// Takes a place among the viewers.
    fn seat(&self, live: &Arc<Live>, of_channel: Option<u32>) -> Result<(), Error> {
        let config = self.config();
        let per_channel = of_channel.unwrap_or(u32::MAX).min(config.max_viewers_per_channel);
        let count = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
        let limits = Limits {
            waiting: config.max_waiting,
            of_channel: count(per_channel),
            of_tenant: count(config.max_viewers),
        };
        self.registry().add_viewer(live, limits).map_err(|crowded| match crowded {
            Crowded::Channel => Error::TooManyViewers { of: "the channel", max: per_channel },
            Crowded::Tenant => Error::TooManyViewers { of: "the organisation", max: config.max_viewers },
            Crowded::Waiting => Error::TooManyWaiting { max: config.max_waiting },
        })
    }
}
