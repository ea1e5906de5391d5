//! `/v1/stream/channels/{channel_id}/whep`: watching as draft-ietf-wish-whep has it.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, options, patch, post};
use veza_web::{Problem, Routes, Site, etag};

use super::description::{ACCEPT_PATCH, ACCEPT_POST, BOTH, SDP, require, text};
use super::entry::Holder;
use super::{State, cors, problem, resource};
use crate::permission::WatchChannels;
use crate::service::Watched;
use crate::session::SessionKind;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(watch).service(about).service(ask);
    routes.service(change).service(end).service(about_one).service(ask_one);
}

/// Watch, as WHEP has it: an SDP offer comes, the answer goes.
///
/// The token is a member's, an API key, or one of the channel. When what is live is in no form that is offered, 406 brings
/// an offer of ours, which a PATCH of `Location` answers within 30 seconds.
#[utoipa::path(tag = "whep",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    request_body(content = String, content_type = "application/sdp", description = "The offer: `recvonly`."),
    responses(
        (status = CREATED, description = "The answer. `Location` is the session, `ETag` its transport; `Link` are STUN and TURN servers.",
         body = String, content_type = "application/sdp"),
        (status = NOT_ACCEPTABLE, description = "Our own offer.", body = String, content_type = "application/sdp"),
        (status = CONFLICT, description = "Nobody publishes; `Retry-After` says when to try again."),
        (status = UNPROCESSABLE_ENTITY, description = "The offer cannot be served."),
    ))]
#[post("/v1/stream/channels/{channel_id}/whep")]
async fn watch(
    state: Data<State>,
    site: Site,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    cors::told(watched(&state, &site, &req, payload).await)
}

async fn watched(
    state: &State,
    site: &Site,
    req: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let holder = Holder::admit::<WatchChannels>(state, site, req).await?;
    let id = holder.channel;
    require(req, SDP, &ACCEPT_POST)?;
    let offer = text(req, payload).await?;
    let permit = holder.caller.permit()?;
    let location = |resource: &str| format!("/v1/stream/channels/{id}/whep/{resource}");
    match state.streams.watch(&permit, holder.grant.as_ref(), id, &offer).await.map_err(problem)? {
        Watched::Started(started) => {
            holder.guard_started(state, &started);
            Ok(resource::created(state, location(&started.resource), &started))
        }
        Watched::Counter { resource, offer } => {
            let mut response = HttpResponse::NotAcceptable();
            response
                .content_type(SDP)
                .insert_header((header::LOCATION, location(&resource)))
                .insert_header((ACCEPT_PATCH, BOTH));
            resource::links(&mut response, state.streams.config());
            Ok(response.body(offer))
        }
    }
}

/// Takes the answer to a counter-offer.
async fn answered(
    state: &State,
    holder: Holder,
    req: &HttpRequest,
    resource: &str,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (id, answer) = (holder.channel, text(req, payload).await?);
    let permit = holder.caller.permit()?;
    let started = state.streams.answer(&permit, id, resource, &answer).await.map_err(problem)?;
    holder.guard_started(state, &started);
    // The player needs it to tell candidates.
    Ok(HttpResponse::NoContent().insert_header((header::ETAG, etag(started.version))).finish())
}

/// Nothing: the endpoint has no representation.
#[utoipa::path(tag = "whep", params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    responses((status = OK, description = "It is there: `Content-Type` says that it is one of WHEP, and nothing follows.")))]
#[get("/v1/stream/channels/{channel_id}/whep")]
async fn about(state: Data<State>, site: Site, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let admitted = Holder::admit::<WatchChannels>(&state, &site, &req).await;
    cors::told(admitted.map(|_holder| HttpResponse::Ok().content_type(SDP).finish()))
}

/// What is taken here. The same for every channel.
#[utoipa::path(tag = "whep", security(()), params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    responses((status = OK, description = "`Accept-Post`, and what pages of other origins may do, as headers.")))]
#[options("/v1/stream/channels/{channel_id}/whep")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn ask() -> HttpResponse {
    cors::preflight(ACCEPT_POST, HeaderValue::from_static(SDP))
}

/// Tell candidates of a session, restart its ICE, or answer our own offer.
#[utoipa::path(tag = "whep",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL."),
           ("If-Match" = Option<String>, Header, description = "The ETag with candidates, `*` to restart.")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "The fragment; or an answer, as `application/sdp`."),
    responses(
        (status = NO_CONTENT, description = "Candidates were heard of, or the answer was taken."),
        (status = OK, description = "ICE begins anew: our side, and the new `ETag`.",
         body = String, content_type = "application/trickle-ice-sdpfrag"),
        (status = PRECONDITION_REQUIRED, description = "`If-Match` is missing."),
    ))]
#[patch("/v1/stream/channels/{channel_id}/whep/{resource}")]
async fn change(
    state: Data<State>,
    site: Site,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let changed = async {
        let holder = Holder::admit::<WatchChannels>(&state, &site, &req).await?;
        let name = resource::name(&req);
        if state.streams.waits(&holder.caller, holder.channel, name) {
            require(&req, SDP, &ACCEPT_PATCH)?;
            return answered(&state, holder, &req, name, payload).await;
        }
        let live = resource::find(&state, &holder, name, SessionKind::Viewer)?;
        resource::patch(&state, &live, &req, payload).await
    };
    cors::told(changed.await)
}

/// End a session.
#[utoipa::path(tag = "whep",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL.")),
    responses((status = OK, description = "Ended.")))]
#[delete("/v1/stream/channels/{channel_id}/whep/{resource}")]
async fn end(state: Data<State>, site: Site, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let ended = async {
        let holder = Holder::admit::<WatchChannels>(&state, &site, &req).await?;
        let name = resource::name(&req);
        if state.streams.withdraw(&holder.caller, holder.channel, name) {
            return Ok(HttpResponse::Ok().finish());
        }
        let live = resource::find(&state, &holder, name, SessionKind::Viewer)?;
        resource::end(&state, &live).await
    };
    cors::told(ended.await)
}

/// Nothing: a session has no representation.
///
/// It goes on with the credentials of this request: who has a new token shows it so, before the one that the session
/// began with ends.
#[utoipa::path(tag = "whep",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL.")),
    responses((status = NO_CONTENT, description = "It goes on.")))]
#[get("/v1/stream/channels/{channel_id}/whep/{resource}")]
async fn about_one(state: Data<State>, site: Site, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let found = async {
        let holder = Holder::admit::<WatchChannels>(&state, &site, &req).await?;
        let name = resource::name(&req);
        if !state.streams.waits(&holder.caller, holder.channel, name) {
            let live = resource::find(&state, &holder, name, SessionKind::Viewer)?;
            holder.guard(&state, live);
        }
        Ok(HttpResponse::NoContent().finish())
    };
    cors::told(found.await)
}

/// What is taken at a session. The same for every one.
#[utoipa::path(tag = "whep", security(()),
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL.")),
    responses((status = OK, description = "`Accept-Patch`, and what pages of other origins may do, as headers.")))]
#[options("/v1/stream/channels/{channel_id}/whep/{resource}")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn ask_one() -> HttpResponse {
    cors::preflight(ACCEPT_PATCH, HeaderValue::from_static(BOTH))
}
