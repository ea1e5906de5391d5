//! `/v1/stream/channels/{channel_id}/whip`: publishing as RFC 9725 has it.

use actix_web::http::header::HeaderValue;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, options, patch, post};
use veza_web::{Problem, Routes, Site};

use super::description::{ACCEPT_PATCH, ACCEPT_POST, FRAGMENT, SDP, require, text};
use super::entry::Holder;
use super::{State, cors, problem, resource};
use crate::permission::PublishChannels;
use crate::session::SessionKind;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(publish).service(about).service(ask);
    routes.service(change).service(end).service(about_one).service(ask_one);
}

/// Publish, as WHIP has it: an SDP offer comes, the answer goes.
///
/// The token is a member's, an API key, or one of the channel.
#[utoipa::path(tag = "whip",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    request_body(content = String, content_type = "application/sdp", description = "The offer: `sendonly`."),
    responses(
        (status = CREATED, description = "The answer. `Location` is the session, `ETag` its transport; `Link` are STUN and TURN servers.",
         body = String, content_type = "application/sdp"),
        (status = CONFLICT, description = "Somebody publishes already."),
        (status = UNPROCESSABLE_ENTITY, description = "The offer cannot be served."),
    ))]
#[post("/v1/stream/channels/{channel_id}/whip")]
async fn publish(
    state: Data<State>,
    site: Site,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    cors::told(published(&state, &site, &req, payload).await)
}

async fn published(
    state: &State,
    site: &Site,
    req: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let holder = Holder::admit::<PublishChannels>(state, site, req).await?;
    let id = holder.channel;
    require(req, SDP, &ACCEPT_POST)?;
    let offer = text(req, payload).await?;
    let permit = holder.caller.permit()?;
    let started = state.streams.publish(&permit, holder.grant.as_ref(), id, &offer).await.map_err(problem)?;
    let location = format!("/v1/stream/channels/{id}/whip/{}", started.resource);
    holder.guard_started(state, &started);
    Ok(resource::created(state, location, &started))
}

/// Nothing: the endpoint has no representation.
#[utoipa::path(tag = "whip", params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    responses((status = NO_CONTENT, description = "It is there.")))]
#[get("/v1/stream/channels/{channel_id}/whip")]
async fn about(state: Data<State>, site: Site, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let admitted = Holder::admit::<PublishChannels>(&state, &site, &req).await;
    cors::told(admitted.map(|_holder| HttpResponse::NoContent().finish()))
}

/// What is taken here. The same for every channel.
#[utoipa::path(tag = "whip", security(()), params(("channel_id" = uuid::Uuid, Path, description = "The channel.")),
    responses((status = OK, description = "`Accept-Post`, and what pages of other origins may do, as headers.")))]
#[options("/v1/stream/channels/{channel_id}/whip")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn ask() -> HttpResponse {
    cors::preflight(ACCEPT_POST, HeaderValue::from_static(SDP))
}

/// Tell candidates of a session, or restart its ICE.
#[utoipa::path(tag = "whip",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL."),
           ("If-Match" = Option<String>, Header, description = "The ETag with candidates, `*` to restart.")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "The fragment."),
    responses(
        (status = NO_CONTENT, description = "Candidates were heard of."),
        (status = OK, description = "ICE begins anew: our side, and the new `ETag`.",
         body = String, content_type = "application/trickle-ice-sdpfrag"),
        (status = PRECONDITION_REQUIRED, description = "`If-Match` is missing."),
    ))]
#[patch("/v1/stream/channels/{channel_id}/whip/{resource}")]
async fn change(
    state: Data<State>,
    site: Site,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let changed = async {
        let holder = Holder::admit::<PublishChannels>(&state, &site, &req).await?;
        let name = resource::name(&req);
        let live = resource::find(&state, &holder, name, SessionKind::Publisher)?;
        resource::patch(&state, &live, &req, payload).await
    };
    cors::told(changed.await)
}

/// End a session.
#[utoipa::path(tag = "whip",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL.")),
    responses((status = OK, description = "Ended.")))]
#[delete("/v1/stream/channels/{channel_id}/whip/{resource}")]
async fn end(state: Data<State>, site: Site, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let ended = async {
        let holder = Holder::admit::<PublishChannels>(&state, &site, &req).await?;
        let name = resource::name(&req);
        let live = resource::find(&state, &holder, name, SessionKind::Publisher)?;
        resource::end(&state, &live).await
    };
    cors::told(ended.await)
}

/// Nothing: a session has no representation.
///
/// It goes on with the credentials of this request: who has a new token shows it so, before the one that the session
/// began with ends.
#[utoipa::path(tag = "whip",
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL.")),
    responses((status = NO_CONTENT, description = "It goes on.")))]
#[get("/v1/stream/channels/{channel_id}/whip/{resource}")]
async fn about_one(state: Data<State>, site: Site, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let found = async {
        let holder = Holder::admit::<PublishChannels>(&state, &site, &req).await?;
        let name = resource::name(&req);
        let live = resource::find(&state, &holder, name, SessionKind::Publisher)?;
        holder.guard(&state, live);
        Ok(HttpResponse::NoContent().finish())
    };
    cors::told(found.await)
}

/// What is taken at a session. The same for every one.
#[utoipa::path(tag = "whip", security(()),
    params(("channel_id" = uuid::Uuid, Path, description = "The channel."),
           ("resource" = String, Path, description = "The end of the session's URL.")),
    responses((status = OK, description = "`Accept-Patch`, and what pages of other origins may do, as headers.")))]
#[options("/v1/stream/channels/{channel_id}/whip/{resource}")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn ask_one() -> HttpResponse {
    cors::preflight(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT))
}
