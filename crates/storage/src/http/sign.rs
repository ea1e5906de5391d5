//! How signed URLs are made, and ended.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use veza_web::{Authenticated, Json, PathOf, Problem, Routes};

use super::{NoBucket, State};
use crate::id::VersionId;
use crate::signed::{Action, NewGrant, SignedGrant};
use crate::{ObjectKey, percent};

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
    Ok(HttpResponse::Ok().json(SignedUrl { url: signed_url(&signed), method, expires_at }))
}

/// The URL of a grant, without scheme and host. Who has it may do what it says.
pub fn signed_url(signed: &SignedGrant) -> String {
    let grant = &signed.grant;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    let mut url = format!(
        "/v1/storage/signed/{}/{}/{}?expires={}&by={}&key_id={}",
        signed.tenant,
        grant.bucket,
        percent::path(grant.key.as_str()),
        grant.expires,
        percent::encode(&grant.by, plain),
        grant.key_id,
    );
    let others = [
        ("version", grant.version.map(|version| version.to_string())),
        ("content_type", grant.content_type.clone()),
        ("max_bytes", grant.max_bytes.map(|most| most.to_string())),
        ("signature", Some(BASE64.encode(&signed.signature))),
    ];
    for (name, value) in others {
        if let Some(value) = value {
            url.extend(["&", name, "=", &percent::encode(&value, plain)]);
        }
    }
    url
}

/// End all URLs that the organisation signed so far.
#[utoipa::path(tag = "signed", responses((status = NO_CONTENT, description = "None holds any more.")))]
#[delete("/v1/storage/signing-key")]
async fn end(caller: Authenticated, state: Data<State>) -> Result<HttpResponse, Problem> {
    state.storage.end_signatures(&caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
