//! Reading an object.

use actix_web::body::SizedStream;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get, head};
use futures_util::{TryStreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;
use veza_core::{Fault, Permit};
use veza_web::{Authenticated, Problem, Query, Routes};

use super::multipart::{Multipart, content_range};
use super::place::Place;
use super::served::Caching;
use super::{State, accel, conditions, cors, problem, ranges, served};
use crate::id::VersionId;
use crate::input::hex;
use crate::object::{self, Object};
use crate::permission::ReadObjects;
use crate::read::Opened;
use crate::traffic::Transfer;
use crate::{Body, Error};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(get).service(head);
}

/// Which version is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// One version, whose bytes never change; the current one when absent.
    #[param(value_type = Option<uuid::Uuid>)]
    pub(super) version: Option<VersionId>,
}

/// Who may read it, and so keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Those who were let in.
    Few,
    /// Everybody.
    All,
}

/// What is to be read, by somebody who may.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) permit: Permit<ReadObjects>,
    pub(super) place: Place,
    pub(super) version: Option<VersionId>,
    pub(super) audience: Audience,
}

impl Wanted {
    fn caching(&self) -> Caching {
        Caching { immutable: self.version.is_some(), public: self.audience == Audience::All }
    }
}

/// Read an object, or ranges of it.
///
/// `Range` takes one or several ranges of bytes (several come as `multipart/byteranges`); `If-Range`,
/// `If-None-Match`, `If-Modified-Since`, `If-Match` and `If-Unmodified-Since` work as RFC 9110 says. Types that a
/// browser could run, such as HTML, SVG and scripts, are served as attachments.
#[utoipa::path(tag = "objects",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        ("Range" = Option<String>, Header, description = "Such as `bytes=0-99` or `bytes=0-0,-1`."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
        ("If-Range" = Option<String>, Header, description = "An entity tag, or a date."),
        Which,
    ),
    responses(
        (status = OK, description = "All bytes.", body = String, content_type = "application/octet-stream"),
        (status = PARTIAL_CONTENT, description = "The ranges.", body = String, content_type = "application/octet-stream"),
        (status = NOT_MODIFIED, description = "The client has it."),
    ))]
#[get("/v1/storage/buckets/{bucket}/objects/{key:.*}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    which: Query<Which>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted(&caller, &which, &req)?;
    let answer = read(&state, &req, &wanted).await;
    cors::told(&state, &caller, &req, &wanted.place.bucket, answer).await
}

fn wanted(caller: &Authenticated, which: &Which, req: &HttpRequest) -> Result<Wanted, Problem> {
    let (permit, place) = (caller.permit()?, Place::of(req)?);
    Ok(Wanted { permit, place, version: which.version, audience: Audience::Few })
}

/// Answers with the bytes that a request asks for.
pub(super) async fn read(state: &State, req: &HttpRequest, wanted: &Wanted) -> Result<HttpResponse, Problem> {
    let Wanted { permit, place, version, .. } = wanted;
    let transfer = state.storage.transfer(permit.caller().tenant());
    let opened = state.storage.open(permit.caller(), permit, &place.bucket, &place.key, *version).await?;
    if conditions::is_known(req.headers(), &opened.object)? {
        return Ok(not_modified(&opened.object, wanted.caching()));
    }
    answer(state, req, opened, transfer, wanted.caching()).await.map_err(problem)
}

/// What is said of an object, without its bytes.
#[utoipa::path(tag = "objects",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Which,
    ),
    responses(
        (status = OK, description = "The headers that a GET has."),
        (status = NOT_MODIFIED, description = "The client has it."),
    ))]
#[head("/v1/storage/buckets/{bucket}/objects/{key:.*}")]
async fn head(
    caller: Authenticated,
    state: Data<State>,
    which: Query<Which>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted(&caller, &which, &req)?;
    let answer = about(&state, &req, &wanted).await;
    cors::told(&state, &caller, &req, &wanted.place.bucket, answer).await
}

/// Answers with what a reader would be told.
pub(super) async fn about(
    state: &State,
    req: &HttpRequest,
    wanted: &Wanted,
) -> Result<HttpResponse, Problem> {
    let (caller, caching) = (wanted.permit.caller(), wanted.caching());
    let _asked = state.storage.transfer(caller.tenant());
    let (permit, place, version) = (caller.permit()?, wanted.place.clone(), wanted.version);
    let find =
        move |tx: &mut veza_core::ReadTx<'_>| object::get(tx, &permit, &place.bucket, &place.key, version);
    let object = state.storage.db().read(caller, find).await?;
    if conditions::is_known(req.headers(), &object)? {
        return Ok(not_modified(&object, caching));
    }
    let len = object.size.unsigned_abs();
    // The length is told; the protocol keeps the body back.
    Ok(whole(&object, caching).body(SizedStream::new(len, stream::empty::<Result<_, Error>>())))
}

fn not_modified(object: &Object, caching: Caching) -> HttpResponse {
    let mut response = HttpResponse::NotModified();
    served::validators(&mut response, object, caching);
    response.finish()
}

fn whole(object: &Object, caching: Caching) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    served::validators(&mut response, object, caching);
    served::describe(&mut response, object);
    response
}

async fn answer(
    state: &State,
    req: &HttpRequest,
    opened: Opened,
    transfer: Transfer,
    caching: Caching,
) -> Result<HttpResponse, Error> {
    let len = opened.object.size.unsigned_abs();
    let now = state.storage.db().clock().now();
    let wanted = req.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let wanted = wanted.filter(|_| conditions::range_counts(req.headers(), &opened.object, now));
    let mut response = whole(&opened.object, caching);
    let ranges = ranges::read(wanted, len)?;
    if let Some(file) = accel::file(state, req, &opened) {
        transfer.sent_by_another(
            ranges.as_ref().map_or(len, |all| all.iter().map(|one| one.end - one.start).sum()),
        );
        return Ok(response.insert_header((accel::REDIRECT, file)).finish());
    }
    match ranges {
        None => Ok(send(response, len, transfer, opened.bytes(0..len).await?)),
        Some(ranges) => {
            response.status(actix_web::http::StatusCode::PARTIAL_CONTENT);
            if let [range] = ranges.as_slice() {
                response.insert_header((header::CONTENT_RANGE, content_range(range, len)));
                let body = opened.bytes(range.clone()).await?;
                return Ok(send(response, range.end - range.start, transfer, body));
            }
            let boundary = hex(&veza_core::bytes::<16>(&**state.storage.db().random()));
            let multipart = Multipart::new(boundary, ranges, &opened.object.attributes.content_type, len);
            response.insert_header((header::CONTENT_TYPE, multipart.content_type()));
            Ok(send(response, multipart.len(), transfer, multipart.body(opened)))
        }
    }
}

fn send(mut response: HttpResponseBuilder, len: u64, transfer: Transfer, body: Body) -> HttpResponse {
    let body = body.inspect_ok(move |chunk| transfer.sent(chunk));
    // The answer has begun: its reader only sees that it ends too early.
    let body = body.inspect_err(|error| {
        tracing::error!(code = error.code(), %error, "an object breaks off while it is read");
    });
    response.body(SizedStream::new(len, body))
}
