//! Who publishes or watches: a member of the organisation, or who shows a token of the channel.

use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, rt};
use futures_util::FutureExt;
use veza_core::{Caller, Clock, Permission, Permit};
use veza_web::{Authenticated, Problem, Site, Visitor, Watch};

use super::State;
use crate::channel;
use crate::error::Error;
use crate::id::ChannelId;
use crate::live::Live;
use crate::service::Started;
use crate::token::{Grant, PREFIX};

/// Somebody who was let in.
pub(super) struct Holder {
    pub(super) caller: Caller,
    /// The channel of the path.
    pub(super) channel: ChannelId,
    /// The token of the channel, if it was one.
    pub(super) grant: Option<Grant>,
    /// Ends when what they showed holds no more.
    lost: Pin<Box<dyn Future<Output = ()>>>,
}

impl Holder {
    /// Lets somebody in to the channel of the path. Strangers do not learn whether the path names one.
    async fn enter(state: &State, site: &Site, req: &HttpRequest) -> Result<Self, Problem> {
        if let Some(token) = shown(req) {
            return Self::by_token(state, req, token).await;
        }
        let caller = Authenticated::extract(req).await?.into_caller();
        let watch = site.watch(req)?;
        let lost = async move { drop(watch.ended().await) };
        Ok(Self { caller, channel: channel_of(req)?, grant: None, lost: lost.boxed_local() })
    }

    /// Lets in who has the permission, to a channel that is there.
    pub(super) async fn admit<P: Permission>(
        state: &State,
        site: &Site,
        req: &HttpRequest,
    ) -> Result<Self, Problem> {
        let holder = Self::enter(state, site, req).await?;
        let id = holder.channel;
        let _permit: Permit<P> = holder.caller.permit()?;
        state.streams.db().read(&holder.caller, move |tx| channel::find(tx, id).map(drop)).await?;
        Ok(holder)
    }

    async fn by_token(state: &State, req: &HttpRequest, token: &str) -> Result<Self, Problem> {
        let visitor = Visitor::extract(req).await?;
        visitor.look()?;
        let checked = state.streams.check_token(token);
        if checked.is_err() {
            visitor.missed()?;
        }
        let grant = checked?;
        let tenant = grant.caller.tenant();
        visitor.enter(tenant).await?;
        // Of another channel it is not told whether it is there.
        if grant.channel != channel_of(req)? {
            return Err(Error::NotFound("channel").into());
        }
        state.streams.check_epoch(&grant).await?;
        let (stay, clock, expires) =
            (visitor.stay(tenant)?, state.streams.db().clock().clone(), grant.expires);
        let lost = async move {
            tokio::select! {
                _why = stay.ended() => {}
                () = until(&*clock, expires) => {}
            }
        };
        let (caller, channel) = (grant.caller.clone(), grant.channel);
        Ok(Self { caller, channel, grant: Some(grant), lost: lost.boxed_local() })
    }

    /// Ends the media of a session when what it began with holds no more.
    pub(super) fn guard(self, state: &State, live: Arc<Live>) {
        let epoch = self.grant.map(|grant| grant.epoch);
        rt::spawn(state.streams.guard(live, epoch, self.lost));
    }

    /// The same for a session that has just begun; it may have ended again.
    pub(super) fn guard_started(self, state: &State, started: &Started) {
        if let Some(live) = state.streams.of_resource(&self.caller, self.channel, &started.resource) {
            self.guard(state, live);
        }
    }
}

/// The channel of the path; one that cannot be is like one that is not there.
fn channel_of(req: &HttpRequest) -> Result<ChannelId, Error> {
    let id = req.match_info().get("channel_id").and_then(|id| id.parse().ok());
    id.ok_or(Error::NotFound("channel"))
}

/// The token of a channel in a request's header.
fn shown(req: &HttpRequest) -> Option<&str> {
    let (scheme, token) = req.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && token.starts_with(PREFIX))
}

/// Until a moment of a clock that may be moved.
async fn until(clock: &dyn Clock, moment: veza_core::Timestamp) {
    while clock.now() < moment {
        tokio::time::sleep(Watch::PERIOD).await;
    }
}
