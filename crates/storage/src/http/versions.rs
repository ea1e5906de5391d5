//! `/v1/storage/buckets/{bucket}/versions`: what keys showed before.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post};
use serde::Deserialize;
use utoipa::IntoParams;
use veza_core::TenantTx;
use veza_web::{Authenticated, List, PageParams, PageQuery, PathOf, Problem, Query, Routes};

use super::place::location;
use super::{NoBucket, NoVersion, State, served};
use crate::id::VersionId;
use crate::object::{self, Object, StoredObject};
use crate::{Error, ObjectKey};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(get).service(remove).service(restore);
}

/// Which versions are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// The object's key.
    key: String,
    /// Those as well that are only there to be restored.
    #[serde(default)]
    #[param(required = false)]
    deleted: bool,
}

/// How a version is deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Bypass {
    /// Also when it is retained in governance mode. It takes the permission `storage.retention.manage`.
    #[serde(default)]
    #[param(required = false)]
    bypass_governance: bool,
}

/// The versions of a key.
#[utoipa::path(tag = "versions",
    params(("bucket" = String, Path, description = "The bucket's name."), PageParams, Filter),
    responses((status = OK, description = "Newest first.", body = List<StoredObject>)))]
#[get("/v1/storage/buckets/{bucket}/versions")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    bucket: PathOf<String, NoBucket>,
    query: PageQuery<VersionId, Filter>,
) -> Result<List<Object>, Problem> {
    let (permit, bucket) = (caller.permit()?, bucket.into_inner());
    let PageQuery { page, filter: Filter { key, deleted } } = query;
    let key = ObjectKey::field("key", key)?;
    let work =
        move |tx: &mut veza_core::ReadTx<'_>| object::versions(tx, &permit, &bucket, &key, deleted, &page);
    Ok(state.storage.db().read(&caller, work).await?.into())
}

/// What is known of one version. Its bytes are at `/objects/{key}?version=…`.
#[utoipa::path(tag = "versions",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."),
    ),
    responses((status = OK, description = "The version.", body = StoredObject)))]
#[get("/v1/storage/buckets/{bucket}/versions/{version_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, VersionId), NoVersion>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version)) = (caller.permit()?, path.into_inner());
    let work = move |tx: &mut veza_core::ReadTx<'_>| {
        let key = object::key_of(tx, &bucket, version)?;
        object::get(tx, &permit, &bucket, &key, Some(version))
    };
    let object = state.storage.db().read(&caller, work).await?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, served::etag(&object))).json(object))
}

/// Delete one version.
///
/// If it is what its key shows, the key shows nothing then. It can be restored for a while.
#[utoipa::path(tag = "versions",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."), Bypass,
    ),
    responses((status = NO_CONTENT, description = "Deleted.")))]
#[delete("/v1/storage/buckets/{bucket}/versions/{version_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, VersionId), NoVersion>,
    query: Query<Bypass>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version)) = (caller.permit()?, path.into_inner());
    let bypass = if query.bypass_governance { Some(caller.permit()?) } else { None };
    let window = state.storage.config().window();
    let work = move |tx: &mut TenantTx<'_>| {
        let key = object::key_of(tx, &bucket, version)?;
        match &bypass {
            None => object::delete_version(tx, &permit, &bucket, &key, version, window),
            Some(bypass) => {
                object::delete_retained_version(tx, &permit, bypass, &bucket, &key, version, window)
            }
        }
    };
    state.storage.db().tenant(&caller, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Make an earlier version, or a deleted one, what its key shows.
///
/// It becomes a new version with the same bytes. What its key shows already stays as it is.
#[utoipa::path(tag = "versions",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("version_id" = uuid::Uuid, Path, description = "The version's id."),
    ),
    responses((status = OK, description = "What the key shows now.", body = StoredObject)))]
#[post("/v1/storage/buckets/{bucket}/versions/{version_id}/restore")]
async fn restore(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, VersionId), NoVersion>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, version)) = (caller.permit()?, path.into_inner());
    let (limit, window) = (state.storage.config().quota_bytes, state.storage.config().window());
    let work = move |tx: &mut TenantTx<'_>| {
        let key = object::key_of(tx, &bucket, version)?;
        object::restore(tx, &permit, &bucket, &key, version, limit, window)
    };
    let object: Object = state.storage.db().tenant::<_, Error, _>(&caller, work).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::LOCATION, location(&object.bucket, &object.key, Some(object.version_id))))
        .insert_header((header::ETAG, served::etag(&object)))
        .json(object))
}
