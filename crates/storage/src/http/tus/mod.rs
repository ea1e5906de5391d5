//! `/v1/storage/buckets/{bucket}/tus`: resumable uploads as tus 1.0 has them (<https://tus.io/protocols/resumable-upload>).

mod append;
mod create;
mod headers;
mod metadata;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, delete, head, options};
use veza_core::{Caller, TenantTx};
use veza_web::{Authenticated, PathOf, Problem, Routes, Visitor};

use self::headers::{CONCAT, DEFER_LENGTH, EXPIRES, LENGTH, METADATA, OFFSET, RESUMABLE};
use super::conditions::http_date;
use super::{NoUpload, State, cors};
use crate::id::UploadId;
use crate::permission::WriteObjects;
use crate::upload::{self, Protocol, Upload};
use crate::{Error, Storage};

/// The version that is spoken.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation";

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(about).service(about_one);
    create::routes(routes);
    append::routes(routes);
    routes.service(state_of).service(terminate);
}

/// What of tus is spoken here. The same for every bucket.
#[utoipa::path(tag = "tus", security(()),
    params(("bucket" = String, Path, description = "The bucket's name.")),
    responses((status = NO_CONTENT, description = "Versions, extensions and algorithms of checksums, as headers.")))]
#[options("/v1/storage/buckets/{bucket}/tus")]
async fn about(visitor: Visitor, state: Data<State>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    spoken(&visitor, &state, &req).await
}

/// The same at an upload.
#[utoipa::path(tag = "tus", security(()),
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
    ),
    responses((status = NO_CONTENT, description = "Versions, extensions and algorithms of checksums, as headers.")))]
#[options("/v1/storage/buckets/{bucket}/tus/{upload_id}")]
async fn about_one(visitor: Visitor, state: Data<State>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    spoken(&visitor, &state, &req).await
}

/// What is spoken here, or whether a page of another origin may speak it.
async fn spoken(visitor: &Visitor, state: &State, req: &HttpRequest) -> Result<HttpResponse, Problem> {
    if cors::asks(req) {
        return cors::preflight_with_token(visitor, state, req).await;
    }
    let response = HttpResponse::NoContent()
        .insert_header((RESUMABLE, VERSION))
        .insert_header(("tus-version", VERSION))
        .insert_header(("tus-extension", EXTENSIONS))
        .insert_header(("tus-checksum-algorithm", headers::ALGORITHMS))
        .finish();
    Ok(response)
}

/// How far an upload is.
#[utoipa::path(tag = "tus",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "The version of tus.", example = "1.0.0"),
    ),
    responses((status = OK, description = "`Upload-Offset` and what the upload was made with, as headers.")))]
#[head("/v1/storage/buckets/{bucket}/tus/{upload_id}")]
async fn state_of(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let place = path.into_inner();
    let bucket = place.0.clone();
    let answer = so_far(&state, &caller, &req, place).await;
    cors::told(&state, &caller, &req, &bucket, answer).await
}

async fn so_far(
    state: &State,
    caller: &Caller,
    req: &HttpRequest,
    place: (String, UploadId),
) -> Result<HttpResponse, Problem> {
    let _permit = caller.permit::<WriteObjects>()?;
    speaks(req.headers())?;
    let upload = found(&state.storage, caller, place).await.map_err(problem)?;
    let mut response = HttpResponse::Ok();
    told(&mut response, &upload);
    match upload.length {
        Some(length) => response.insert_header((LENGTH, length)),
        None => response.insert_header((DEFER_LENGTH, "1")),
    };
    if let Some(metadata) = &upload.tus.metadata {
        response.insert_header((METADATA, metadata.as_str()));
    }
    if upload.tus.partial {
        response.insert_header((CONCAT, "partial"));
    } else if !upload.tus.joined.is_empty() {
        let parts = upload.tus.joined.iter().map(|id| location(&upload.bucket, *id));
        response.insert_header((CONCAT, format!("final;{}", parts.collect::<Vec<_>>().join(" "))));
    }
    Ok(response.finish())
}

/// End an upload without an object; what it stored is removed.
#[utoipa::path(tag = "tus",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "The version of tus.", example = "1.0.0"),
    ),
    responses((status = NO_CONTENT, description = "Ended.")))]
#[delete("/v1/storage/buckets/{bucket}/tus/{upload_id}")]
async fn terminate(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let place = path.into_inner();
    let bucket = place.0.clone();
    let answer = terminated(&state, &caller, &req, place).await;
    cors::told(&state, &caller, &req, &bucket, answer).await
}

async fn terminated(
    state: &State,
    caller: &Caller,
    req: &HttpRequest,
    (bucket, id): (String, UploadId),
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    speaks(req.headers())?;
    let work = move |tx: &mut TenantTx<'_>| {
        of_tus(upload::find(tx, &bucket, id)?)?;
        upload::abort(tx, &permit, id)
    };
    state.storage.db().tenant(caller, work).await.map_err(problem)?;
    Ok(HttpResponse::NoContent().insert_header((RESUMABLE, VERSION)).finish())
}

/// The upload that a path names.
async fn found(
    storage: &Storage,
    caller: &Caller,
    (bucket, id): (String, UploadId),
) -> Result<Upload, Error> {
    of_tus(storage.db().read(caller, move |tx| upload::find(tx, &bucket, id)).await?)
}

fn of_tus(upload: Upload) -> Result<Upload, Error> {
    if upload.protocol == Protocol::Tus { Ok(upload) } else { Err(Error::Absent("upload")) }
}

/// Refuses who speaks another version.
fn speaks(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(RESUMABLE) == Some(&VERSION) { Ok(()) } else { Err(problem(Error::TusVersion)) }
}

/// How far an upload is, on every answer about it.
fn told(response: &mut HttpResponseBuilder, upload: &Upload) {
    response.insert_header((RESUMABLE, VERSION)).insert_header((OFFSET, upload.received));
    match upload.version_id {
        Some(version) => response.insert_header(("x-veza-version-id", version.to_string())),
        None => response.insert_header((EXPIRES, http_date(upload.expires_at))),
    };
}

fn location(bucket: &str, id: UploadId) -> String {
    format!("/v1/storage/buckets/{bucket}/tus/{id}")
}

/// What tus has a status of its own for.
fn problem(error: Error) -> Problem {
    let mismatch = matches!(error, Error::DigestMismatch(_));
    let problem = super::problem(error).header(RESUMABLE, VERSION);
    let problem = problem.header(HeaderName::from_static("tus-version"), VERSION);
    match StatusCode::from_u16(460) {
        Ok(status) if mismatch => problem.status(status),
        _ => problem,
    }
}
