//! `/v1/storage/keys`.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_web::{Authenticated, Json, Problem, Routes};

use super::State;
use crate::crypt::TenantKeyId;
use crate::keys::{self, Key, Shredded};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(rotate).service(shred);
}

/// The keys of an organisation.
#[derive(Debug, Serialize, ToSchema)]
struct Keys {
    /// The latest first.
    items: Vec<Key>,
}

/// What a new key is told by.
#[derive(Debug, Serialize, ToSchema)]
struct Rotated {
    /// The key that encrypts what is stored from now on.
    #[schema(value_type = uuid::Uuid)]
    id: TenantKeyId,
}

/// What destroys keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Shredding {
    /// The id of the organisation, to show that it is meant.
    confirm: String,
}

/// The keys that encrypt the organisation's files.
#[utoipa::path(tag = "keys", responses((status = OK, description = "The latest first.", body = Keys)))]
#[get("/v1/storage/keys")]
async fn list(caller: Authenticated, state: Data<State>) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    let items = state.storage.db().read(&caller, move |tx| keys::list(tx, &permit)).await?;
    Ok(HttpResponse::Ok().json(Keys { items }))
}

/// Change the organisation's key.
///
/// What is stored from now on is encrypted with the new one. What is there is changed in the background, and then the
/// old key is destroyed; no stored byte is written again.
#[utoipa::path(tag = "keys", responses((status = ACCEPTED, description = "The new key.", body = Rotated)))]
#[post("/v1/storage/keys/rotate")]
async fn rotate(caller: Authenticated, state: Data<State>) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    let id = state.storage.rotate_key(&caller, &permit).await?;
    Ok(HttpResponse::Accepted().json(Rotated { id }))
}

/// Destroy all encrypted files of the organisation by destroying its keys.
///
/// There is no way back, and none by backups either. Reading what was stored is 404 `storage.object.shredded` from then on.
/// It is refused while a version is retained or under legal hold.
#[utoipa::path(tag = "keys", request_body = Shredding,
    responses((status = OK, description = "What was destroyed.", body = Shredded)))]
#[post("/v1/storage/keys/shred")]
async fn shred(
    caller: Authenticated,
    state: Data<State>,
    body: Json<Shredding>,
) -> Result<HttpResponse, Problem> {
    let (permit, confirm) = (caller.permit()?, body.into_inner().confirm);
    let work = move |tx: &mut TenantTx<'_>| keys::shred(tx, &permit, &confirm);
    Ok(HttpResponse::Ok().json(state.storage.db().tenant(&caller, work).await?))
}
