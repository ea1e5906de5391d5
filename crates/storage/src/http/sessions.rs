//! `/v1/storage/buckets/{bucket}/uploads`: objects in parts, which come in any order and from any process.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use veza_core::TenantTx;
use veza_core::idempotency::once;
use veza_web::{Authenticated, Create, Json, List, PageParams, PageQuery, PathOf, Problem, Routes, answered};

use super::place::location;
use super::served::etag;
use super::{NoBucket, NoUpload, State, conditions, kept, problem};
use crate::id::UploadId;
use crate::object::{Attributes, Condition, StoredObject};
use crate::upload::{self, NamedPart, NewUpload, Protocol, Tus, Upload};
use crate::{Error, ObjectKey, bucket};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(complete).service(abort);
}

/// What makes an upload in parts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UploadRequest {
    /// The key that shows it in the end.
    key: String,
    /// All of its bytes, where they are known; they are set aside then.
    length: Option<i64>,
    /// The object's media type; found out from its first bytes when absent.
    content_type: Option<String>,
    /// `Cache-Control` of its answers.
    cache_control: Option<String>,
    /// `Content-Disposition` of its answers.
    content_disposition: Option<String>,
    /// `Content-Encoding` of its bytes, as they are sent.
    content_encoding: Option<String>,
    /// `Content-Language`.
    content_language: Option<String>,
    /// Names and texts for every reader.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Names and texts to find and group objects by.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl UploadRequest {
    fn read(self, bucket: String, condition: Condition) -> Result<NewUpload, Error> {
        let unknown = || crate::sniff::UNKNOWN.to_owned();
        Ok(NewUpload {
            bucket,
            key: ObjectKey::field("/key", self.key)?,
            protocol: Protocol::Multipart,
            length: self.length,
            attributes: Attributes {
                content_type: self.content_type.unwrap_or_else(unknown),
                cache_control: self.cache_control,
                content_disposition: self.content_disposition,
                content_encoding: self.content_encoding,
                content_language: self.content_language,
                metadata: self.metadata,
                tags: self.tags,
            },
            condition,
            tus: Tus::default(),
        })
    }
}

/// Which parts an object is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Completion {
    /// Their numbers and entity tags; all that are there when absent. The others are removed.
    parts: Option<Vec<NamedPart>>,
}

/// Begin an upload in parts.
///
/// `If-Match` and `If-None-Match` are about what the key shows when the upload is complete. What nothing comes to for
/// a week is given up.
#[utoipa::path(tag = "uploads", request_body = UploadRequest,
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("If-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
    ),
    responses((status = CREATED, description = "The upload.", body = Upload)))]
#[post("/v1/storage/buckets/{bucket}/uploads")]
async fn create(
    state: Data<State>,
    request: Create<UploadRequest>,
    named: PathOf<String, NoBucket>,
    req: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let name = named.into_inner();
    let there = name.clone();
    // Before a key is made for who has nothing there.
    state.storage.db().read(&caller, move |tx| bucket::find(tx, &there).map(drop)).await?;
    let new = Arc::new(body.read(name, conditions::of_write(req.headers())?)?);
    let prepared = Arc::new(state.storage.prepare_upload(&caller, &permit).await?);
    let work = move |tx: &mut TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| kept(&upload::begin(tx, &new, &prepared)?))
    };
    let made = state.storage.db().tenant(&caller, work).await.map_err(problem)?;
    let text = |name: &str| made.value.get(name).and_then(Value::as_str).unwrap_or_default();
    let at = format!("/v1/storage/buckets/{}/uploads/{}", text("bucket"), text("id"));
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, at));
    Ok(answered(response, &made.value, made.replayed))
}

/// The uploads to a bucket that are under way, those of tus as well.
#[utoipa::path(tag = "uploads",
    params(("bucket" = String, Path, description = "The bucket's name."), PageParams),
    responses((status = OK, description = "Oldest first.", body = List<Upload>)))]
#[get("/v1/storage/buckets/{bucket}/uploads")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    bucket: PathOf<String, NoBucket>,
    query: PageQuery<UploadId>,
) -> Result<List<Upload>, Problem> {
    let (permit, bucket, page) = (caller.permit()?, bucket.into_inner(), query.page);
    let work = move |tx: &mut veza_core::ReadTx<'_>| upload::list(tx, &permit, &bucket, &page);
    Ok(state.storage.db().read(&caller, work).await?.into())
}

/// One upload, complete or under way.
#[utoipa::path(tag = "uploads",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
    ),
    responses((status = OK, description = "The upload.", body = Upload)))]
#[get("/v1/storage/buckets/{bucket}/uploads/{upload_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, id)) = (caller.permit()?, path.into_inner());
    let work = move |tx: &mut veza_core::ReadTx<'_>| upload::get(tx, &permit, &bucket, id);
    let upload = state.storage.db().read::<_, Error, _>(&caller, work).await?;
    Ok(HttpResponse::Ok().json(upload))
}

/// Make an upload an object.
///
/// The object is there, whole, when this is answered. `If-Match` or `If-None-Match` here hold in place of those that
/// the upload began with. Doing it again gives the same object.
#[utoipa::path(tag = "uploads", request_body = Completion,
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
        ("If-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags, or `*`."),
    ),
    responses((status = CREATED, description = "The object.", body = StoredObject)))]
#[post("/v1/storage/buckets/{bucket}/uploads/{upload_id}/complete")]
async fn complete(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
    req: HttpRequest,
    body: Json<Completion>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, id)) = (caller.permit()?, path.into_inner());
    let condition = conditions::of_write(req.headers())?;
    let condition = Some(condition).filter(|condition| *condition != Condition::default());
    state.storage.db().read(&caller, move |tx| upload::find(tx, &bucket, id).map(drop)).await?;
    let parts = body.into_inner().parts;
    let object = state.storage.complete(&caller, &permit, id, parts, condition).await.map_err(problem)?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location(&object.bucket, &object.key, Some(object.version_id))))
        .insert_header((header::ETAG, etag(&object)))
        .json(object))
}

/// End an upload without an object; what it stored is removed.
#[utoipa::path(tag = "uploads",
    params(
        ("bucket" = String, Path, description = "The bucket's name."),
        ("upload_id" = uuid::Uuid, Path, description = "The upload's id."),
    ),
    responses((status = NO_CONTENT, description = "Ended.")))]
#[delete("/v1/storage/buckets/{bucket}/uploads/{upload_id}")]
async fn abort(
    caller: Authenticated,
    state: Data<State>,
    path: PathOf<(String, UploadId), NoUpload>,
) -> Result<HttpResponse, Problem> {
    let (permit, (bucket, id)) = (caller.permit()?, path.into_inner());
    let work = move |tx: &mut TenantTx<'_>| {
        upload::find(tx, &bucket, id)?;
        upload::abort(tx, &permit, id)
    };
    state.storage.db().tenant(&caller, work).await?;
    Ok(HttpResponse::NoContent().finish())
}
