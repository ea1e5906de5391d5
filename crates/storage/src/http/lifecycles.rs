//! `/v1/storage/buckets/{bucket}/lifecycle`.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, put};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use veza_core::{ReadTx, TenantTx};
use veza_web::{Authenticated, IfMatch, Json, PathOf, Problem, Query, Routes, Versioned};

use super::{NoBucket, State};
use crate::lifecycle::{self, Lifecycle, NewLifecycle, Preview};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(get).service(put).service(remove);
}

/// Whether it is done.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Mode {
    /// Say what the rules would do now, and change nothing.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// What putting rules is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum PutLifecycle {
    /// The rules as they are now.
    Set(Lifecycle),
    /// With `dry_run`: what they would do.
    Previewed(Preview),
}

/// The rules by which objects of a bucket go by themselves.
#[utoipa::path(tag = "buckets", params(("bucket" = String, Path, description = "The bucket's name.")), responses(
    (status = OK, description = "The rules.", body = Lifecycle)
))]
#[get("/v1/storage/buckets/{bucket}/lifecycle")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoBucket>,
) -> Result<Versioned<Lifecycle>, Problem> {
    let (permit, name) = (caller.permit()?, name.into_inner());
    let found = state.storage.db().read(&caller, move |tx| lifecycle::get(tx, &permit, &name)).await?;
    let version = found.version;
    Ok(Versioned::new(found, version))
}

/// Give a bucket rules, in place of those that it has.
///
/// They are looked at soon, and then once a day. With `dry_run` the answer says what they would do now.
#[utoipa::path(tag = "buckets", request_body = NewLifecycle,
    params(("bucket" = String, Path, description = "The bucket's name."), Mode),
    responses((status = OK, description = "The rules; with `dry_run`, what they would do.", body = PutLifecycle)))]
#[put("/v1/storage/buckets/{bucket}/lifecycle")]
async fn put(
    caller: Authenticated,
    state: Data<State>,
    request: actix_web::HttpRequest,
    name: PathOf<String, NoBucket>,
    mode: Query<Mode>,
    condition: IfMatch,
    body: Json<NewLifecycle>,
) -> Result<HttpResponse, Problem> {
    let (permit, name, new) = (caller.permit()?, name.into_inner(), body.into_inner());
    let storage = state.storage.clone();
    if mode.dry_run {
        let work = move |tx: &mut ReadTx<'_>| lifecycle::preview(tx, &storage, &permit, &name, &new);
        let preview = state.storage.db().read(&caller, work).await?;
        return Ok(HttpResponse::Ok().json(PutLifecycle::Previewed(preview)));
    }
    let versions = condition.into_versions();
    let work =
        move |tx: &mut TenantTx<'_>| lifecycle::put(tx, &storage, &permit, &name, &new, versions.as_deref());
    let put = state.storage.db().tenant(&caller, work).await?;
    let version = put.version;
    Ok(Versioned::new(PutLifecycle::Set(put), version).respond_to(&request))
}

/// Take a bucket's rules away.
#[utoipa::path(tag = "buckets", params(("bucket" = String, Path, description = "The bucket's name.")),
    responses((status = NO_CONTENT, description = "They are gone.")))]
#[delete("/v1/storage/buckets/{bucket}/lifecycle")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    name: PathOf<String, NoBucket>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, name, versions) = (caller.permit()?, name.into_inner(), condition.into_versions());
    let work = move |tx: &mut TenantTx<'_>| lifecycle::delete(tx, &permit, &name, versions.as_deref());
    state.storage.db().tenant(&caller, work).await?;
    Ok(HttpResponse::NoContent().finish())
}
