//! `/v1/storage/public/{organization}/{bucket}/…`: what everybody may read.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, head, options};
use uuid::Uuid;
use veza_core::{Caller, Kind, Permission, Principal, Scopes};
use veza_web::{Problem, Query, Routes, Visitor};

use super::downloads::{self, Audience, Wanted, Which};
use super::place::Place;
use super::{State, cors};
use crate::Error;
use crate::bucket::{self, PublicBucket};
use crate::permission::ReadObjects;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(read).service(about);
    routes.service(preflight_public).service(preflight_signed).service(preflight_objects);
}

/// Read an object of a bucket whose `access` is `public_read`, without credentials.
///
/// The URL stays the same. With `version` its bytes do too, and may be kept for a year by everybody; without, caches
/// ask again. Ranges and conditions work as with credentials. What is not public is answered like what is not there.
#[utoipa::path(tag = "public", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Which,
    ),
    responses(
        (status = OK, description = "All bytes.", body = String, content_type = "application/octet-stream"),
        (status = PARTIAL_CONTENT, description = "The ranges.", body = String, content_type = "application/octet-stream"),
        (status = NOT_MODIFIED, description = "The client has it."),
    ))]
#[get("/v1/storage/public/{organization}/{bucket}/{key:.*}")]
async fn read(
    visitor: Visitor,
    state: Data<State>,
    which: Query<Which>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (found, wanted) = entered(&visitor, &state, &req, &which.0).await?;
    let answer = cors::varied(&found, downloads::read(&state, &req, &wanted).await);
    cors::told(&state, wanted.permit.caller(), &req, &wanted.place.bucket, answer).await
}

/// What a `GET` says of the object, without its bytes.
#[utoipa::path(tag = "public", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Which,
    ),
    responses((status = OK, description = "The headers that a GET has.")))]
#[head("/v1/storage/public/{organization}/{bucket}/{key:.*}")]
async fn about(
    visitor: Visitor,
    state: Data<State>,
    which: Query<Which>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (found, wanted) = entered(&visitor, &state, &req, &which.0).await?;
    let answer = cors::varied(&found, downloads::about(&state, &req, &wanted).await);
    cors::told(&state, wanted.permit.caller(), &req, &wanted.place.bucket, answer).await
}

/// Finds the public bucket and lets the visitor into its tenant, with the one right to read.
async fn entered(
    visitor: &Visitor,
    state: &State,
    req: &HttpRequest,
    which: &Which,
) -> Result<(PublicBucket, Wanted), Problem> {
    let found = named(visitor, state, req, |found| found.public).await?;
    let place = Place::of(req)?;
    // As for what does not exist.
    let found = found.ok_or(Error::Absent("bucket"))?;
    // A stranger is not told that the organisation is suspended.
    let hidden = |problem: Problem| match problem.kind() {
        Kind::Forbidden => Error::Absent("bucket").into(),
        _ => problem,
    };
    visitor.enter(found.tenant).await.map_err(hidden)?;
    let caller = Caller::verified(found.tenant, Principal::System, Scopes::new([ReadObjects::NAME]));
    let permit = caller.permit()?;
    Ok((found, Wanted { permit, place, version: which.version, audience: Audience::All }))
}

/// The bucket of the organisation that stands in the path, if it is `shown`. What is not counts as what is not there.
async fn named(
    visitor: &Visitor,
    state: &State,
    req: &HttpRequest,
    shown: impl FnOnce(&PublicBucket) -> bool,
) -> Result<Option<PublicBucket>, Problem> {
    visitor.look()?;
    let part = |name| req.match_info().get(name).unwrap_or_default();
    let Ok(organization) = Uuid::try_parse(part("organization")) else { return Ok(None) };
    let found = bucket::find_of_anybody(state.storage.db(), organization, part("bucket")).await?;
    let found = found.filter(shown);
    if found.is_none() {
        visitor.missed()?;
    }
    Ok(found)
}

/// Ask, as a browser does, whether a page of another origin may read. The bucket's `cors` says so.
#[utoipa::path(tag = "public", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
    ),
    responses((status = NO_CONTENT, description = "It may, as the headers say.")))]
#[options("/v1/storage/public/{organization}/{bucket}/{key:.*}")]
async fn preflight_public(
    visitor: Visitor,
    state: Data<State>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let found = named(&visitor, &state, &req, |found| found.public && cors::lets(&req, found)).await?;
    Ok(cors::preflight(&req, found.as_ref())?)
}

/// Ask, as a browser does, whether a page of another origin may use a signed URL. The bucket's `cors` says so.
#[utoipa::path(tag = "signed", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
    ),
    responses((status = NO_CONTENT, description = "It may, as the headers say.")))]
#[options("/v1/storage/signed/{organization}/{bucket}/{key:.*}")]
async fn preflight_signed(
    visitor: Visitor,
    state: Data<State>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let found = named(&visitor, &state, &req, |found| cors::lets(&req, found)).await?;
    Ok(cors::preflight(&req, found.as_ref())?)
}

/// Ask, as a browser does, whether a page of another origin may use an object with a token. Browsers send no token
/// along, so only where the host name says the organisation do the bucket's `cors` rules say so.
#[utoipa::path(tag = "objects", security(()),
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
    ),
    responses((status = NO_CONTENT, description = "It may, as the headers say.")))]
#[options("/v1/storage/buckets/{bucket}/objects/{key:.*}")]
async fn preflight_objects(
    visitor: Visitor,
    state: Data<State>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    cors::preflight_with_token(&visitor, &state, &req).await
}
