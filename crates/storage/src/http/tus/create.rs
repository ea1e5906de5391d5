//! Beginning an upload, with bytes or without.

use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use veza_core::{Caller, Permit};
use veza_web::{Authenticated, Deadline, PathOf, Problem, Routes};

use super::headers::{self, Concat};
use super::metadata::Metadata;
use super::{location, problem, speaks, told};
use crate::http::receive::{detached, receive};
use crate::http::{NoBucket, State, conditions, cors};
use crate::object::Condition;
use crate::permission::WriteObjects;
use crate::upload::{self, Chunk, NewUpload, Protocol, Tus, Upload};
use crate::{Error, ObjectKey, Storage, bucket};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create);
}

/// Begin a resumable upload.
///
/// `Upload-Metadata` names the object: `filename` (or `key`) is its key, `filetype` its media type, all else goes with
/// it as metadata. With `Content-Type: application/offset+octet-stream` the body is the first bytes. An object is
/// there when its last byte is. `Upload-Concat: final;…` makes one of partial uploads, whose bytes are stored once
/// more for that.
#[utoipa::path(tag = "tus",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("Tus-Resumable" = String, Header, description = "The version of tus.", example = "1.0.0"),
        ("Upload-Length" = Option<i64>, Header, description = "All bytes of the upload."),
        ("Upload-Defer-Length" = Option<i32>, Header, description = "1 when that is not known yet."),
        ("Upload-Metadata" = Option<String>, Header, description = "Names, and values in base64."),
        ("Upload-Concat" = Option<String>, Header, description = "`partial`, or `final;` and URLs."),
        ("Upload-Checksum" = Option<String>, Header, description = "An algorithm, and the body's digest in base64."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
        ("If-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream", description = "The first bytes."),
    responses((status = CREATED, description = "The upload is at `Location`.")))]
#[post("/v1/storage/buckets/{bucket}/tus")]
async fn create(
    caller: Authenticated,
    state: Data<State>,
    bucket: PathOf<String, NoBucket>,
    deadline: Deadline,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (name, caller) = (bucket.into_inner(), caller.into_caller());
    let answer = begun(&caller, &state, name.clone(), deadline, &req, payload).await;
    cors::told(&state, &caller, &req, &name, answer).await
}

async fn begun(
    caller: &Caller,
    state: &State,
    name: String,
    deadline: Deadline,
    req: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit::<WriteObjects>()?;
    speaks(req.headers())?;
    let there = name.clone();
    state.storage.db().read(caller, move |tx| bucket::find(tx, &there).map(drop)).await.map_err(problem)?;
    let new = new_upload(name, req.headers()).map_err(problem)?;
    let chunk = Chunk { expected: headers::checksum(req.headers()).map_err(problem)?, ..Chunk::default() };
    // As long as bytes come; a body that stands still is given up by who stores it.
    deadline.lift();
    let brought =
        req.headers().get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
    if let Some((expected, actual)) =
        new.length.map(i64::unsigned_abs).zip(brought).filter(|(all, came)| came > all)
    {
        return Err(problem(Error::Length { expected, actual }));
    }
    let (storage, caller) = (state.storage.clone(), caller.clone());
    let transfer = storage.transfer(caller.tenant());
    let begun = if !new.tus.joined.is_empty() {
        detached(async move { Box::pin(storage.join_uploads(&caller, &permit, new)).await }).await
    } else if headers::brings_bytes(req.headers()) {
        let store =
            move |body| async move { Box::pin(begin_with(storage, caller, permit, new, chunk, body)).await };
        receive(payload.into_inner(), transfer, store).await
    } else {
        storage.begin_upload(&caller, &permit, new).await
    };
    let upload = begun.map_err(problem)?;
    let mut response = HttpResponse::Created();
    told(&mut response, &upload);
    response.insert_header((header::LOCATION, location(&upload.bucket, upload.id)));
    Ok(response.finish())
}

/// Begins an upload that its first bytes come with. If they are refused there is none.
async fn begin_with(
    storage: Storage,
    caller: Caller,
    permit: Permit<WriteObjects>,
    new: NewUpload,
    chunk: Chunk,
    body: crate::Body,
) -> Result<Upload, Error> {
    let begun = storage.begin_upload(&caller, &permit, new).await?;
    if begun.version_id.is_some() {
        return Ok(begun);
    }
    let appended = storage.append(&caller, &permit, begun.id, chunk, body).await;
    if appended.is_err() {
        let ended = storage.db().tenant(&caller, move |tx| upload::abort(tx, &permit, begun.id)).await;
        if let Err(error) = ended {
            tracing::warn!(%error, "an upload that failed waits for its time-out");
        }
    }
    appended
}

fn new_upload(bucket: String, headers: &HeaderMap) -> Result<NewUpload, Error> {
    let metadata = Metadata::read(headers)?;
    let concat = headers::concat(headers, &bucket)?;
    let (partial, joined) = match concat {
        Concat::Whole => (false, Vec::new()),
        Concat::Partial => (true, Vec::new()),
        Concat::Final(joined) => (false, joined),
    };
    let length = if joined.is_empty() { headers::length(headers)? } else { None };
    // What is a part of another is not shown by any key.
    let key = if partial { ObjectKey::new("partial")? } else { metadata.key()? };
    let tus = Tus { metadata: metadata.sent.clone(), partial, joined };
    let condition = conditions::of_write(headers)?;
    Ok(NewUpload {
        bucket,
        key,
        protocol: Protocol::Tus,
        length,
        attributes: metadata.attributes(),
        condition: if partial { Condition::default() } else { condition },
        tus,
    })
}
