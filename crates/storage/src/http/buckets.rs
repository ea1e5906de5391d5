//! `/v1/storage/buckets`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, post};
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
    Versioned,
};

use super::{NoBucket, State};
use crate::Error;
use crate::bucket::{self, Bucket, BucketChange, NewBucket};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(update).service(remove);
}

/// Make a bucket.
#[utoipa::path(tag = "buckets", request_body = NewBucket, responses(
    (status = CREATED, description = "The bucket.", body = Bucket)
))]
#[post("/v1/storage/buckets")]
async fn create(state: Data<State>, request: Create<NewBucket>) -> Result<Created<Bucket>, Problem> {
    let Create { caller, body, key } = request;
    let (permit, can_encrypt) = (caller.permit()?, state.storage.can_encrypt());
    let make = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| bucket::create(tx, &permit, &body, can_encrypt))
    };
    let made = state.storage.db().tenant(&caller, make).await?;
    let location = format!("/v1/storage/buckets/{}", made.value.name);
    let version = Some(made.value.version);
    Ok(Created { value: made.value, location, version, replayed: made.replayed })
}

/// The buckets of the caller's organisation.
#[utoipa::path(tag = "buckets", params(PageParams), responses(
    (status = OK, description = "Buckets, by name.", body = List<Bucket>)
))]
#[get("/v1/storage/buckets")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<String>,
) -> Result<List<Bucket>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.storage.db().read(&caller, move |tx| bucket::list(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One bucket.
#[utoipa::path(tag = "buckets", params(("bucket" = String, Path, description = "The bucket's name.")), responses(
    (status = OK, description = "The bucket.", body = Bucket)
))]
#[get("/v1/storage/buckets/{bucket}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoBucket>,
) -> Result<Versioned<Bucket>, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let bucket = state.storage.db().read(&caller, move |tx| bucket::get(tx, &permit, &name)).await?;
    let version = bucket.version;
    Ok(Versioned::new(bucket, version))
}

/// Change a bucket's rules; what is absent stays.
///
/// They hold for what is stored from then on.
#[utoipa::path(tag = "buckets", params(("bucket" = String, Path, description = "The bucket's name.")), responses(
    (status = OK, description = "As it is now.", body = Bucket)
))]
#[patch("/v1/storage/buckets/{bucket}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoBucket>,
    condition: IfMatch,
    body: Json<BucketChange>,
) -> Result<Versioned<Bucket>, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let (change, versions) = (body.into_inner(), condition.into_versions());
    let can_encrypt = state.storage.can_encrypt();
    let work = move |tx: &mut TenantTx<'_>| {
        bucket::update(tx, &permit, &name, &change, versions.as_deref(), can_encrypt)
    };
    let bucket = state.storage.db().tenant(&caller, work).await?;
    let version = bucket.version;
    Ok(Versioned::new(bucket, version))
}

/// Delete an empty bucket.
///
/// What was deleted from it can be restored no more.
#[utoipa::path(tag = "buckets", params(("bucket" = String, Path, description = "The bucket's name.")),
    responses((status = NO_CONTENT, description = "Deleted.")))]
#[delete("/v1/storage/buckets/{bucket}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoBucket>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, name, versions) = (caller.permit()?, name.into_inner(), condition.into_versions());
    let work = move |tx: &mut TenantTx<'_>| bucket::delete(tx, &permit, &name, versions.as_deref());
    state.storage.db().tenant(&caller, work).await?;
    Ok(HttpResponse::NoContent().finish())
}
