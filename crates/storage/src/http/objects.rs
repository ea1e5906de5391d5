//! `/v1/storage/buckets/{bucket}/objects`: listing, attributes, deleting.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch};
use serde::Deserialize;
use utoipa::IntoParams;
use veza_core::{Caller, TenantTx};
use veza_web::{Authenticated, Json, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::place::Place;
use super::{NoBucket, State, conditions, cors, problem, served};
use crate::object::{self, Entry, ListRequest, ObjectChange, StoredObject};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(update).service(remove);
}

/// Which objects are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only keys that begin so.
    #[serde(default)]
    #[param(required = false)]
    prefix: String,
    /// Keys that have this behind the prefix are listed as one common prefix; `/` makes folders.
    delimiter: Option<String>,
}

/// The objects of a bucket, and the common prefixes of their keys.
#[utoipa::path(tag = "objects",
    params(("bucket" = String, Path, description = "The bucket's name."), PageParams, Filter),
    responses((status = OK, description = "By key, in the order of its bytes.", body = List<Entry>)))]
#[get("/v1/storage/buckets/{bucket}/objects")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    bucket: PathOf<String, NoBucket>,
    query: PageQuery<String, Filter>,
) -> Result<List<Entry>, Problem> {
    let (permit, bucket) = (caller.permit()?, bucket.into_inner());
    let PageQuery { page, filter: Filter { prefix, delimiter } } = query;
    let request = ListRequest { prefix, delimiter };
    let work = move |tx: &mut veza_core::ReadTx<'_>| object::list(tx, &permit, &bucket, &request, &page);
    Ok(state.storage.db().read(&caller, work).await?.into())
}

/// Change how an object is served, and what goes with it; what is absent stays.
///
/// Its bytes, its ETag and its version stay the same.
#[utoipa::path(tag = "objects", request_body = ObjectChange,
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
    ),
    responses((status = OK, description = "As it is now.", body = StoredObject)))]
#[patch("/v1/storage/buckets/{bucket}/objects/{key:.*}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    req: HttpRequest,
    body: Json<ObjectChange>,
) -> Result<HttpResponse, Problem> {
    let place = Place::of(&req)?;
    let bucket = place.bucket.clone();
    let answer = changed(&state, &caller, place, &req, body.into_inner()).await;
    cors::told(&state, &caller, &req, &bucket, answer).await
}

async fn changed(
    state: &State,
    caller: &Caller,
    Place { bucket, key }: Place,
    req: &HttpRequest,
    change: ObjectChange,
) -> Result<HttpResponse, Problem> {
    let (permit, condition) = (caller.permit()?, conditions::of_write(req.headers())?);
    let work = move |tx: &mut TenantTx<'_>| object::change(tx, &permit, &bucket, &key, &change, &condition);
    let object = state.storage.db().tenant(caller, work).await.map_err(problem)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, served::etag(&object))).json(object))
}

/// Delete what a key shows.
///
/// With versioning it stays as a version; without, it can be restored for a while.
#[utoipa::path(tag = "objects",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        ("If-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
    ),
    responses((status = NO_CONTENT, description = "Deleted.")))]
#[delete("/v1/storage/buckets/{bucket}/objects/{key:.*}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let place = Place::of(&req)?;
    let bucket = place.bucket.clone();
    let answer = removed(&state, &caller, place, &req).await;
    cors::told(&state, &caller, &req, &bucket, answer).await
}

async fn removed(
    state: &State,
    caller: &Caller,
    Place { bucket, key }: Place,
    req: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    let (condition, window) = (conditions::of_write(req.headers())?, state.storage.config().window());
    let work = move |tx: &mut TenantTx<'_>| object::delete(tx, &permit, &bucket, &key, &condition, window);
    state.storage.db().tenant(caller, work).await?;
    Ok(HttpResponse::NoContent().finish())
}
