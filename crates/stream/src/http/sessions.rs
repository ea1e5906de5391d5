//! `/v1/stream/channels/{channel_id}/sessions`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, web};
use serde::Deserialize;
use utoipa::IntoParams;
use veza_web::{Authenticated, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoChannel, NoSession, State};
use crate::id::{ChannelId, SessionId};
use crate::service::SessionNow;
use crate::session::{self, Session, SessionsOf};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(get).service(end);
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Whether those that have ended are listed as well.
    #[serde(default)]
    ended: bool,
}

/// The sessions of a channel: who publishes and who watches.
#[utoipa::path(tag = "channels",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."), PageParams, Filter), responses(
    (status = OK, description = "Sessions, latest first.", body = List<Session>)
))]
#[get("/v1/stream/channels/{channel_id}/sessions")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ChannelId, NoChannel>,
    query: PageQuery<SessionId, Filter>,
) -> Result<List<Session>, Problem> {
    let (permit, id, page) = (caller.permit()?, *id, query.page);
    let of = if query.filter.ended { SessionsOf::Ever } else { SessionsOf::Now };
    Ok(state.streams.db().read(&caller, move |tx| session::list(tx, &permit, id, of, &page)).await?.into())
}

/// One session, and how it does at this moment: packets, losses, round-trip time.
#[utoipa::path(tag = "channels",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("stream_session_id" = uuid::Uuid, Path, description = "The session.")), responses(
    (status = OK, description = "The session. `stats` is absent when it has ended or another process holds it.",
     body = SessionNow)
))]
#[get("/v1/stream/channels/{channel_id}/sessions/{stream_session_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(ChannelId, SessionId), NoSession>,
) -> Result<web::Json<SessionNow>, Problem> {
    let (channel, id) = *path;
    Ok(web::Json(state.streams.session(&caller.permit()?, channel, id).await?))
}

/// End a session: its media is cut at once.
#[utoipa::path(tag = "channels",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("stream_session_id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = NO_CONTENT, description = "Ended.")))]
#[delete("/v1/stream/channels/{channel_id}/sessions/{stream_session_id}")]
async fn end(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(ChannelId, SessionId), NoSession>,
) -> Result<HttpResponse, Problem> {
    let (channel, id) = *path;
    state.streams.end_session(&caller.permit()?, channel, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
