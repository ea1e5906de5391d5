//! `/v1/storage/usage`.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use veza_web::{Authenticated, Problem, Routes};

use super::State;
use crate::quota::{self, Usage};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(get);
}

/// How much the caller's organisation stores and may store.
#[utoipa::path(tag = "storage", responses((status = OK, description = "Bytes.", body = Usage)))]
#[get("/v1/storage/usage")]
async fn get(caller: Authenticated, state: Data<State>) -> Result<HttpResponse, Problem> {
    let (permit, limit) = (caller.permit()?, state.storage.config().quota_bytes);
    let usage = state.storage.db().read(&caller, move |tx| quota::usage(tx, &permit, limit)).await?;
    Ok(HttpResponse::Ok().json(usage))
}
