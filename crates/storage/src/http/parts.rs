//! `/v1/storage/buckets/{bucket}/uploads/{upload_id}/parts`.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, put};
use veza_web::{Authenticated, Deadline, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::receive::receive;
use super::{NoUpload, State, digests, problem, refused, upload as sent};
use crate::id::UploadId;
use crate::upload::{self, NewPart, Part};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(put);
}

/// The parts of an upload that are there.
#[utoipa::path(tag = "uploads",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        PageParams,
    ),
    responses((status = OK, description = "By number.", body = List<Part>)))]
#[get("/v1/storage/buckets/{bucket}/uploads/{upload_id}/parts")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
    query: PageQuery<i32>,
) -> Result<List<Part>, Problem> {
    let (permit, (bucket, id), page) = (caller.permit()?, path.into_inner(), query.page);
    let work = move |tx: &mut veza_core::ReadTx<'_>| upload::parts(tx, &permit, &bucket, id, &page);
    Ok(state.storage.db().read(&caller, work).await?.into())
}

/// Store a part.
///
/// Parts may have any length and come in any order, also at once; one that is sent again replaces the one before. What
/// `Content-Digest`, `Repr-Digest` or `Content-MD5` say of the part must hold.
#[utoipa::path(tag = "uploads",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        ("number" = i32, Path, description = "The part's number, 1 to 10000."),
        ("Content-Digest" = Option<String>, Header, description = "Digests of the part."),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The bytes."),
    responses((status = OK, description = "The part.", body = Part)))]
#[put("/v1/storage/buckets/{bucket}/uploads/{upload_id}/parts/{number}")]
async fn put(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId, String), NoUpload>,
    deadline: Deadline,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    let (bucket, id, number) = path.into_inner();
    state.storage.db().read(&caller, move |tx| upload::find(tx, &bucket, id).map(drop)).await?;
    let number = number.parse().map_err(|_no_number| refused("number", "out_of_range", "1 to 10000"))?;
    let part =
        NewPart { number, len: sent::len(req.headers())?, expected: digests::expected(req.headers())? };
    // As long as bytes come; a body that stands still is given up by who stores it.
    deadline.lift();
    let (storage, caller) = (state.storage.clone(), caller.into_caller());
    let transfer = storage.transfer(caller.tenant());
    let store = move |body| async move { Box::pin(storage.put_part(&caller, &permit, id, part, body)).await };
    let part = receive(payload.into_inner(), transfer, store).await.map_err(problem)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, format!("\"{}\"", part.etag))).json(part))
}
