//! Bytes for an upload.

use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, patch, post};
use veza_core::Caller;
use veza_web::{Authenticated, Deadline, PathOf, Problem, Routes};

use super::headers::{self, LENGTH, OFFSET, OVERRIDE};
use super::{found, problem, speaks, terminated, told};
use crate::Error;
use crate::http::receive::receive;
use crate::http::{NoUpload, State, cors, refused};
use crate::id::UploadId;
use crate::permission::WriteObjects;
use crate::upload::Chunk;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(append).service(overridden);
}

/// Send the next bytes of an upload.
///
/// What came of a body that breaks off is kept, unless `Upload-Checksum` says what the whole of it must be. Of two who
/// send at once the one who began later goes on.
#[utoipa::path(tag = "tus",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "The version of tus.", example = "1.0.0"),
        ("Upload-Offset" = i64, Header, description = "Bytes that are there.", example = 0),
        ("Upload-Length" = Option<i64>, Header, description = "All bytes, if the upload began without."),
        ("Upload-Checksum" = Option<String>, Header, description = "An algorithm, and the body's digest in base64."),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The bytes."),
    responses((status = NO_CONTENT, description = "How many are there now is in `Upload-Offset`.")))]
#[patch("/v1/storage/buckets/{bucket}/tus/{upload_id}")]
async fn append(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
    deadline: Deadline,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let place = path.into_inner();
    let (bucket, caller) = (place.0.clone(), caller.into_caller());
    let answer = appended(&caller, &state, place, deadline, &req, payload).await;
    cors::told(&state, &caller, &req, &bucket, answer).await
}

/// `PATCH` or `DELETE` for clients that can only `POST`: what `X-HTTP-Method-Override` says.
#[utoipa::path(tag = "tus",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        ("X-HTTP-Method-Override" = String, Header, description = "The method.", example = "PATCH"),
        ("Tus-Resumable" = String, Header, description = "The version of tus.", example = "1.0.0"),
        ("Upload-Offset" = Option<i64>, Header, description = "Bytes that are there."),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The bytes."),
    responses((status = NO_CONTENT, description = "As the method has it.")))]
#[post("/v1/storage/buckets/{bucket}/tus/{upload_id}")]
async fn overridden(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
    deadline: Deadline,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let method = req.headers().get(OVERRIDE).and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let place = path.into_inner();
    let (bucket, caller) = (place.0.clone(), caller.into_caller());
    let answer = match method {
        Some(Method::PATCH) => appended(&caller, &state, place, deadline, &req, payload).await,
        Some(Method::DELETE) => terminated(&state, &caller, &req, place).await,
        _ => Err(problem(refused(OVERRIDE.as_str(), "invalid", "PATCH or DELETE"))),
    };
    cors::told(&state, &caller, &req, &bucket, answer).await
}

async fn appended(
    caller: &Caller,
    state: &State,
    place: (String, UploadId),
    deadline: Deadline,
    req: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit::<WriteObjects>()?;
    speaks(req.headers())?;
    let upload = found(&state.storage, caller, place).await.map_err(problem)?;
    if !headers::brings_bytes(req.headers()) {
        let error = refused(header::CONTENT_TYPE.as_str(), "content_type", "application/offset+octet-stream");
        return Err(problem(error).status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let chunk = chunk(req).map_err(problem)?;
    // As long as bytes come; a body that stands still is given up by who stores it.
    deadline.lift();
    let (storage, caller) = (state.storage.clone(), caller.clone());
    let transfer = storage.transfer(caller.tenant());
    let store =
        move |body| async move { Box::pin(storage.append(&caller, &permit, upload.id, chunk, body)).await };
    let upload = receive(payload.into_inner(), transfer, store).await.map_err(problem)?;
    let mut response = HttpResponse::NoContent();
    told(&mut response, &upload);
    Ok(response.finish())
}

fn chunk(req: &HttpRequest) -> Result<Chunk, Error> {
    let offset = headers::bytes(req.headers(), &OFFSET)?;
    let offset = offset.ok_or_else(|| refused(OFFSET.as_str(), "missing", "bytes that are there"))?;
    let length = headers::bytes(req.headers(), &LENGTH)?;
    Ok(Chunk { offset, length, expected: headers::checksum(req.headers())? })
}
