//! Storing an object by `PUT`.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, put};
use veza_core::Caller;
use veza_web::{Authenticated, Deadline, Problem, Routes};

use super::place::{Place, location};
use super::receive::receive;
use super::served::etag;
use super::{State, cors, problem, upload};
use crate::object::StoredObject;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(put);
}

/// Store an object.
///
/// The body is streamed, with `Content-Length` or in chunks; the bucket says how large it may be. When this is
/// answered, the object is there, whole and durable. `Content-Type`, `Cache-Control`, `Content-Disposition`,
/// `Content-Encoding` and `Content-Language` are kept and served again. Metadata comes as headers
/// `X-Veza-Meta-<name>`, percent-encoded beyond ASCII, tags as `X-Veza-Tags: a=b&c=d`. What `Content-Digest` or
/// `Repr-Digest` (RFC 9530: `sha-256`, `crc32c`, `crc64nvme`, `md5`) or `Content-MD5` say must hold.
/// `If-None-Match: *` stores only where the key is free, `If-Match` only in place of what it names.
/// `Location` is the URL of this version, which never changes.
#[utoipa::path(tag = "objects",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        ("If-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
        ("Content-Digest" = Option<String>, Header, description = "Digests of the body."),
        ("X-Veza-Tags" = Option<String>, Header, description = "Tags, in the form of a query."),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The bytes."),
    responses((status = CREATED, description = "The object.", body = StoredObject)))]
#[put("/v1/storage/buckets/{bucket}/objects/{key:.*}")]
async fn put(
    caller: Authenticated,
    state: Data<State>,
    deadline: Deadline,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let place = Place::of(&req)?;
    let (bucket, caller) = (place.bucket.clone(), caller.into_caller());
    let answer = stored(&state, &caller, place, deadline, &req, payload).await;
    cors::told(&state, &caller, &req, &bucket, answer).await
}

async fn stored(
    state: &State,
    caller: &Caller,
    place: Place,
    deadline: Deadline,
    req: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    let new = upload::new_object(place, req.headers())?;
    // As long as bytes come; a body that stands still is given up by who stores it.
    deadline.lift();
    let (storage, caller) = (state.storage.clone(), caller.clone());
    let transfer = storage.transfer(caller.tenant());
    let store = move |body| async move { Box::pin(storage.put(&caller, &permit, new, body)).await };
    let object = receive(payload.into_inner(), transfer, store).await.map_err(problem)?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location(&object.bucket, &object.key, Some(object.version_id))))
        .insert_header((header::ETAG, etag(&object)))
        .json(object))
}
