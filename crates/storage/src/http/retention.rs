//! `/v1/storage/buckets/{bucket}/versions/{version_id}/retention` and `…/legal-hold`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, put};
use veza_core::TenantTx;
use veza_web::{Authenticated, Json, PathOf, Problem, Routes};

use super::{NoVersion, State};
use crate::Error;
use crate::id::VersionId;
use crate::object::{self, Object, Retention, StoredObject};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(retain).service(release).service(hold).service(unhold);
}

type OfVersion = PathOf<(String, VersionId), NoVersion>;

/// Does something with a version.
async fn with(
    state: &State,
    caller: &Authenticated,
    work: impl FnMut(&mut TenantTx<'_>) -> Result<Object, Error> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let object = state.storage.db().tenant(caller, work).await?;
    Ok(HttpResponse::Ok().json(object))
}

/// Retain a version: until then nobody deletes it.
///
/// In governance mode those with `storage.retention.manage` may delete it all the same, and shorten the time. In
/// compliance mode nobody may, whatever their role; it can be retained for longer only.
#[utoipa::path(tag = "versions", request_body = Retention,
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."),
    ),
    responses((status = OK, description = "The version.", body = StoredObject)))]
#[put("/v1/storage/buckets/{bucket}/versions/{version_id}/retention")]
async fn retain(
    caller: Authenticated,
    state: Data<State>,
    path: OfVersion,
    body: Json<Retention>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version), new) = (caller.permit()?, path.into_inner(), body.into_inner());
    with(&state, &caller, move |tx| object::retain(tx, &permit, &bucket, version, new)).await
}

/// End the retention of a version in governance mode.
#[utoipa::path(tag = "versions",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."),
    ),
    responses((status = OK, description = "The version.", body = StoredObject)))]
#[delete("/v1/storage/buckets/{bucket}/versions/{version_id}/retention")]
async fn release(
    caller: Authenticated,
    state: Data<State>,
    path: OfVersion,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version)) = (caller.permit()?, path.into_inner());
    with(&state, &caller, move |tx| object::release(tx, &permit, &bucket, version)).await
}

/// Put a version under legal hold: nobody deletes it while it lasts.
#[utoipa::path(tag = "versions",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."),
    ),
    responses((status = OK, description = "The version.", body = StoredObject)))]
#[put("/v1/storage/buckets/{bucket}/versions/{version_id}/legal-hold")]
async fn hold(caller: Authenticated, state: Data<State>, path: OfVersion) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version)) = (caller.permit()?, path.into_inner());
    with(&state, &caller, move |tx| object::set_legal_hold(tx, &permit, &bucket, version, true)).await
}

/// End the legal hold of a version.
#[utoipa::path(tag = "versions",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."),
    ),
    responses((status = OK, description = "The version.", body = StoredObject)))]
#[delete("/v1/storage/buckets/{bucket}/versions/{version_id}/legal-hold")]
async fn unhold(caller: Authenticated, state: Data<State>, path: OfVersion) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version)) = (caller.permit()?, path.into_inner());
    with(&state, &caller, move |tx| object::set_legal_hold(tx, &permit, &bucket, version, false)).await
}
