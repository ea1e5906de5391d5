//! What WHIP and WHEP have in common: their sessions as resources.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use veza_web::{IfMatch, Problem, etag};

use super::description::{ACCEPT_PATCH, FRAGMENT, require, text};
use super::entry::Holder;
use super::{State, problem};
use crate::config::StreamConfig;
use crate::error::Error;
use crate::live::Live;
use crate::service::{Condition, Patched, Started};
use crate::session::SessionKind;

/// The answer to an offer.
pub(super) fn created(state: &State, location: String, started: &Started) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response
        .content_type("application/sdp")
        .insert_header((header::LOCATION, location))
        .insert_header((header::ETAG, etag(started.version)))
        .insert_header((ACCEPT_PATCH, FRAGMENT));
    links(&mut response, state.streams.config());
    response.body(started.answer.clone())
}

/// The STUN and TURN servers that a client may use (RFC 9725 section 4.6).
pub(super) fn links(response: &mut HttpResponseBuilder, config: &StreamConfig) {
    let known = config.turn_username.as_ref().zip(config.turn_password.as_ref());
    for url in &config.ice_servers {
        let link = match known.filter(|_| url.starts_with("turn")) {
            Some((user, password)) => format!(
                "<{url}>; rel=\"ice-server\"; username=\"{user}\"; credential=\"{}\"; credential-type=\"password\"",
                password.expose(),
            ),
            None => format!("<{url}>; rel=\"ice-server\""),
        };
        response.append_header((header::LINK, link));
    }
}

/// The end of a session's URL.
pub(super) fn name(req: &HttpRequest) -> &str {
    req.match_info().get("resource").unwrap_or_default()
}

/// The session of a URL, of one kind.
pub(super) fn find(
    state: &State,
    holder: &Holder,
    resource: &str,
    kind: SessionKind,
) -> Result<Arc<Live>, Problem> {
    let live = state.streams.of_resource(&holder.caller, holder.channel, resource);
    let live = live.filter(|live| live.side.kind() == kind);
    live.ok_or_else(|| Error::NotFound("session").into())
}

/// Takes candidates, or restarts ICE.
pub(super) async fn patch(
    state: &State,
    live: &Live,
    req: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    require(req, FRAGMENT, &ACCEPT_PATCH)?;
    let condition = match IfMatch::extract(req).await? {
        IfMatch::Absent => return Err(problem(Error::ConditionNeeded)),
        IfMatch::Any => Condition::Any,
        IfMatch::Versions(versions) => Condition::Versions(versions),
    };
    let fragment = text(req, payload).await?;
    match state.streams.patch(live, &condition, &fragment).map_err(problem)? {
        Patched::Trickled => Ok(HttpResponse::NoContent().finish()),
        Patched::Restarted { fragment, version } => Ok(HttpResponse::Ok()
            .content_type(HeaderValue::from_static(FRAGMENT))
            .insert_header((header::ETAG, etag(version)))
            .body(fragment)),
    }
}

/// Ends a session.
pub(super) async fn end(state: &State, live: &Live) -> Result<HttpResponse, Problem> {
    state.streams.finish(live).await?;
    Ok(HttpResponse::Ok().finish())
}
