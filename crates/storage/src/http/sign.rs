//! How signed URLs are made, and ended.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, post};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use veza_web::{Authenticated, Json, PathOf, Problem, Routes};

use super::{NoBucket, State};
use crate::ObjectKey;
use crate::id::VersionId;
use crate::signed::{Action, NewGrant};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(sign).service(end);
}

/// What is to be allowed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignRequest {
    /// `GET` to read the object, `PUT` to store it.
    method: Action,
    /// The object's key.
    key: String,
    /// The version that is read; what the key shows then when absent.
    #[schema(value_type = Option<uuid::Uuid>)]
    version_id: Option<VersionId>,
    /// For how many seconds it holds, at most 604800 (seven days).
    #[schema(example = 3600)]
    expires_in: u32,
    /// What is stored must have this media type.
    content_type: Option<String>,
    /// What is stored may have so many bytes.
    max_bytes: Option<i64>,
}

/// A URL that needs no credentials.
#[derive(Debug, Serialize, ToSchema)]
struct SignedUrl {
    /// The URL, without scheme and host. Who has it may do what it says.
    url: String,
    /// The method.
    method: Action,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

/// Sign a URL that lets whoever has it read or store an object for a time.
///
/// It needs the right that it gives away. It holds until it expires or `DELETE /v1/storage/signing-key` ends all.
#[utoipa::path(tag = "signed", request_body = SignRequest,
    params(("bucket" = String, Path, description = "The bucket's name.")),
    responses((status = OK, description = "The URL.", body = SignedUrl)))]
#[post("/v1/storage/buckets/{bucket}/signed-urls")]
async fn sign(
    caller: Authenticated,
    state: Data<State>,
    bucket: PathOf<String, NoBucket>,
    body: Json<SignRequest>,
) -> Result<HttpResponse, Problem> {
    let bucket = bucket.into_inner();
    let there = bucket.clone();
    state.storage.db().read(&caller, move |tx| crate::bucket::find(tx, &there).map(drop)).await?;
    let request = body.into_inner();
    let new = NewGrant {
        action: request.method,
        bucket,
        key: ObjectKey::field("/key", request.key)?,
        version: request.version_id,
        lifetime: TimeDelta::seconds(request.expires_in.into()),
        content_type: request.content_type,
        max_bytes: request.max_bytes,
    };
    let signed = state.storage.sign(&caller, new).await?;
    let (method, expires_at) = (signed.grant.action, signed.expires_at);
    Ok(HttpResponse::Ok().json(SignedUrl { url: signed.url(), method, expires_at }))
}

/// End all URLs that the organisation signed so far.
#[utoipa::path(tag = "signed", responses((status = NO_CONTENT, description = "None holds any more.")))]
#[delete("/v1/storage/signing-key")]
async fn end(caller: Authenticated, state: Data<State>) -> Result<HttpResponse, Problem> {
    state.storage.end_signatures(&caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
