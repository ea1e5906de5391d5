//! `/v1/tenant/api-keys`.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post};
use veza_core::idempotency::once;
use veza_web::{Authenticated, Create, Created, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoKey, State};
use crate::api_key::{self, ApiKey, CreatedApiKey, NewApiKey};
use crate::error::Error;
use crate::id::ApiKeyId;
use crate::revocation::Subject;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(remove);
}

/// Make an API key. Its secret is in this answer and nowhere else.
///
/// The answer to a repeated `Idempotency-Key` has no secret: when the first answer was lost, revoke
/// the key and make another.
#[utoipa::path(tag = "api keys", request_body = NewApiKey, responses(
    (status = CREATED, description = "The key and its secret.", body = CreatedApiKey)
))]
#[post("/v1/tenant/api-keys")]
async fn create(state: Data<State>, request: Create<NewApiKey>) -> Result<Created<CreatedApiKey>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    // Beside the answer that is kept, because a secret must not be.
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    let make = move |tx: &mut veza_core::TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| {
            let (key, secret) = api_key::create(tx, &permit, &body)?;
            *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
            Ok(key)
        })
    };
    let created = state.tenants.db().tenant(&caller, make).await?;
    let secret = told.lock().unwrap_or_else(PoisonError::into_inner).take().filter(|_| !created.replayed);
    let location = format!("/v1/tenant/api-keys/{}", created.value.id);
    let value = CreatedApiKey { key: created.value, secret };
    Ok(Created { value, location, version: None, replayed: created.replayed })
}

/// The API keys of the caller's organisation.
#[utoipa::path(tag = "api keys", params(PageParams), responses(
    (status = OK, description = "Keys, oldest first, revoked ones included.", body = List<ApiKey>)
))]
#[get("/v1/tenant/api-keys")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<ApiKeyId>,
) -> Result<List<ApiKey>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.tenants.db().read(&caller, move |tx| api_key::list(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One API key.
#[utoipa::path(tag = "api keys", params(("key_id" = uuid::Uuid, Path, description = "The key.")), responses(
    (status = OK, description = "The key, without its secret.", body = ApiKey)
))]
#[get("/v1/tenant/api-keys/{key_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ApiKeyId, NoKey>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let key = state.tenants.db().read(&caller, move |tx| api_key::get(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(key))
}

/// Revoke an API key, everywhere within a second.
#[utoipa::path(tag = "api keys", params(("key_id" = uuid::Uuid, Path, description = "The key.")), responses(
    (status = NO_CONTENT, description = "It works no more.")
))]
#[delete("/v1/tenant/api-keys/{key_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<ApiKeyId, NoKey>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    state.tenants.db().tenant(&caller, move |tx| api_key::revoke(tx, &permit, id)).await?;
    state.tenants.revoked(caller.tenant(), Subject::ApiKey(id.as_uuid()));
    Ok(HttpResponse::NoContent().finish())
}
