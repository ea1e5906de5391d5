//! Copying and moving objects. No byte is moved: a copy shares its original's.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, post};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use veza_core::idempotency::once;
use veza_core::{Permit, TenantTx};
use veza_web::{Create, PathOf, Problem, Routes, answered};

use super::place::location;
use super::{NoBucket, State, conditions, kept, problem, refused};
use crate::id::VersionId;
use crate::object::{self, Attributes, Condition, Copy, Object, StoredObject};
use crate::permission::{DeleteObjects, ReadObjects, WriteObjects};
use crate::{Error, ObjectKey, bucket};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(duplicate).service(rename);
}

/// What is copied to which key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CopyRequest {
    /// The bucket of the original; the same one when absent.
    from_bucket: Option<String>,
    /// The key of the original.
    from_key: String,
    /// Which of its versions; the current one when absent.
    #[schema(value_type = Option<uuid::Uuid>)]
    from_version: Option<VersionId>,
    /// The key of the copy.
    key: String,
    /// How the copy is served, and what goes with it; as the original when absent.
    attributes: Option<Attributes>,
}

/// What gets which key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveRequest {
    /// The bucket that it is in; the same one when absent.
    from_bucket: Option<String>,
    /// Its key until now.
    from_key: String,
    /// Its key from now on.
    key: String,
}

impl CopyRequest {
    fn read(self, bucket: String, condition: Condition) -> Result<Copy, Error> {
        Ok(Copy {
            from_bucket: self.from_bucket.unwrap_or_else(|| bucket.clone()),
            from_key: ObjectKey::field("/from_key", self.from_key)?,
            from_version: self.from_version,
            bucket,
            key: ObjectKey::field("/key", self.key)?,
            attributes: self.attributes,
            condition,
        })
    }
}

/// Copy an object within the organisation, into this bucket.
///
/// No byte is moved, and none is counted twice. `If-Match` and `If-None-Match` are about the key of the copy.
#[utoipa::path(tag = "objects", request_body = CopyRequest,
    params(("bucket" = String, Path, description = "The bucket to copy to.")),
    responses((status = CREATED, description = "The copy.", body = StoredObject)))]
#[post("/v1/storage/buckets/{bucket}/objects/copy")]
async fn duplicate(
    state: Data<State>,
    request: Create<CopyRequest>,
    bucket: PathOf<String, NoBucket>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let (read, write) = (caller.permit::<ReadObjects>()?, caller.permit::<WriteObjects>()?);
    let copy = body.read(bucket.into_inner(), conditions::of_write(req.headers())?)?;
    let window = state.storage.config().window();
    let work = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| kept(&object::copy(tx, &read, &write, &copy, window)?))
    };
    let made = state.storage.db().tenant(&caller, work).await.map_err(problem)?;
    Ok(created(&made.value, made.replayed))
}

/// Move an object within the organisation, into this bucket or within it.
///
/// At once: nobody sees both, or neither. `If-Match` and `If-None-Match` are about the new key.
#[utoipa::path(tag = "objects", request_body = MoveRequest,
    params(("bucket" = String, Path, description = "The bucket to move to.")),
    responses((status = CREATED, description = "The object under its new key.", body = StoredObject)))]
#[post("/v1/storage/buckets/{bucket}/objects/move")]
async fn rename(
    state: Data<State>,
    request: Create<MoveRequest>,
    bucket: PathOf<String, NoBucket>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let permits = (caller.permit()?, caller.permit()?, caller.permit()?);
    let MoveRequest { from_bucket, from_key, key: to } = body;
    let request = CopyRequest { from_bucket, from_key, from_version: None, key: to, attributes: None };
    let copy = request.read(bucket.into_inner(), conditions::of_write(req.headers())?)?;
    let window = state.storage.config().window();
    let work = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| kept(&moved(tx, &permits, &copy, window)?))
    };
    let made = state.storage.db().tenant(&caller, work).await.map_err(problem)?;
    Ok(created(&made.value, made.replayed))
}

fn moved(
    tx: &mut TenantTx<'_>,
    (read, write, delete): &(Permit<ReadObjects>, Permit<WriteObjects>, Permit<DeleteObjects>),
    copy: &Copy,
    window: chrono::TimeDelta,
) -> Result<Object, Error> {
    bucket::find(tx, &copy.from_bucket)?;
    if copy.from_bucket == copy.bucket && copy.from_key == copy.key {
        return Err(refused("/key", "same", "another key than /from_key"));
    }
    let object = object::copy(tx, read, write, copy, window)?;
    // Somebody may have stored something else under the old key meanwhile: that stays, and this is refused.
    let same = Condition::shows(object.etag.clone());
    object::delete(tx, delete, &copy.from_bucket, &copy.from_key, &same, window)?;
    Ok(object)
}

fn created(object: &Value, replayed: bool) -> HttpResponse {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let version = text("version_id").parse().ok();
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, location(text("bucket"), text("key"), version)));
    response.insert_header((header::ETAG, format!("\"{}\"", text("etag"))));
    answered(response, object, replayed)
}
