//! Signed URLs: how they are made, and what they do.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, head, post, put};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, future, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use veza_core::{Caller, Permission, Permit};
use veza_web::{Authenticated, Deadline, Json, PathOf, Problem, Query, Routes, Visitor};

use super::downloads::{self, Audience};
use super::place::{Place, location};
use super::receive::receive;
use super::served::etag;
use super::{NoBucket, State, cors, problem, upload};
use crate::percent;
use crate::id::{SigningKeyId, VersionId};
use crate::object::StoredObject;
use crate::signed::{Action, Grant, NewGrant, SignedGrant, Verified};
use crate::{Body, Error, ObjectKey};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(sign).service(end).service(read).service(about).service(store);
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

/// What was signed, and the signature.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Signature {
    /// Until when, in seconds since 1970.
    #[param(required = false)]
    expires: i64,
    /// Who signed it.
    #[param(required = false)]
    by: String,
    /// Which key signed it.
    #[param(required = false, value_type = uuid::Uuid)]
    key_id: SigningKeyId,
    /// The version that is read.
    #[param(value_type = Option<uuid::Uuid>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionId>,
    /// The media type that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// The most bytes that are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<i64>,
    /// The signature.
    #[param(required = false)]
    signature: String,
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
    Ok(HttpResponse::Ok().json(SignedUrl { url: url(&signed), method, expires_at }))
}

fn url(signed: &SignedGrant) -> String {
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
            url.push_str(&format!("&{name}={}", percent::encode(&value, plain)));
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

/// Read an object by a signed URL. Ranges and conditions work as with credentials.
#[utoipa::path(tag = "signed", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Signature,
    ),
    responses(
        (status = OK, description = "All bytes.", body = String, content_type = "application/octet-stream"),
        (status = PARTIAL_CONTENT, description = "The ranges.", body = String, content_type = "application/octet-stream"),
        (status = FORBIDDEN, description = "The signature does not hold, or no more."),
    ))]
#[get("/v1/storage/signed/{organization}/{bucket}/{key:.*}")]
async fn read(visitor: Visitor, state: Data<State>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let verified = entered(&visitor, &state, &req, Action::Get).await?;
    let answer = downloads::read(&state, &req, &wanted(&verified)?).await;
    cors::told(&state, &verified.caller, &req, &verified.grant.bucket, answer).await
}

/// What a `GET` of a signed URL says of the object, without its bytes.
#[utoipa::path(tag = "signed", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Signature,
    ),
    responses((status = OK, description = "The headers that a GET has.")))]
#[head("/v1/storage/signed/{organization}/{bucket}/{key:.*}")]
async fn about(visitor: Visitor, state: Data<State>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let verified = entered(&visitor, &state, &req, Action::Get).await?;
    let answer = downloads::about(&state, &req, &wanted(&verified)?).await;
    cors::told(&state, &verified.caller, &req, &verified.grant.bucket, answer).await
}

/// Store an object by a signed URL.
///
/// As with credentials; `Content-Type` must be what was signed, and the body at most as long.
#[utoipa::path(tag = "signed", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Signature,
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The bytes."),
    responses((status = CREATED, description = "The object.", body = StoredObject)))]
#[put("/v1/storage/signed/{organization}/{bucket}/{key:.*}")]
async fn store(
    visitor: Visitor,
    state: Data<State>,
    deadline: Deadline,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let verified = entered(&visitor, &state, &req, Action::Put).await?;
    let answer = stored(&state, &verified, &req, deadline, payload).await;
    cors::told(&state, &verified.caller, &req, &verified.grant.bucket, answer).await
}

async fn stored(
    state: &State,
    verified: &Verified,
    req: &HttpRequest,
    deadline: Deadline,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (grant, caller) = (&verified.grant, verified.caller.clone());
    let permit = permit(&caller)?;
    let place = Place { bucket: grant.bucket.clone(), key: grant.key.clone() };
    let new = upload::new_object(place, req.headers())?;
    if grant.content_type.as_ref().is_some_and(|kind| *kind != new.attributes.content_type) {
        return Err(Error::SignatureConstraint("another media type").into());
    }
    let most = grant.max_bytes.unwrap_or(i64::MAX);
    if new.len.is_some_and(|len| len > most.unsigned_abs()) {
        return Err(problem(Error::ObjectTooLarge { max: most }));
    }
    // As long as bytes come; a body that stands still is given up by who stores it.
    deadline.lift();
    let storage = state.storage.clone();
    let transfer = storage.transfer(caller.tenant());
    let put =
        move |body| async move { Box::pin(storage.put(&caller, &permit, new, limited(body, most))).await };
    let object = receive(payload.into_inner(), transfer, put).await.map_err(problem)?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location(&object.bucket, &object.key, Some(object.version_id))))
        .insert_header((header::ETAG, etag(&object)))
        .json(object))
}

/// A body that breaks off when it is too long.
fn limited(body: Body, most: i64) -> Body {
    let mut left = most.unsigned_abs();
    Box::pin(body.flat_map(move |chunk| {
        let counted = chunk.and_then(|chunk| {
            let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(len).ok_or(Error::ObjectTooLarge { max: most })?;
            Ok(chunk)
        });
        stream::once(future::ready(counted))
    }))
}

fn permit<P: Permission>(caller: &Caller) -> Result<Permit<P>, Problem> {
    Ok(caller.permit()?)
}

fn wanted(verified: &Verified) -> Result<downloads::Wanted, Problem> {
    let grant = &verified.grant;
    Ok(downloads::Wanted {
        permit: permit(&verified.caller)?,
        place: Place { bucket: grant.bucket.clone(), key: grant.key.clone() },
        version: grant.version,
        audience: Audience::Few,
    })
}

/// Checks the signature, and lets its bearer into the tenant.
async fn entered(
    visitor: &Visitor,
    state: &State,
    req: &HttpRequest,
    action: Action,
) -> Result<Verified, Problem> {
    let refused = |_unreadable| Problem::from(Error::SignatureInvalid);
    let organization: Option<Uuid> =
        req.match_info().get("organization").and_then(|id| Uuid::try_parse(id).ok());
    let organization = organization.ok_or(Error::SignatureInvalid)?;
    let place = Place::of(req).map_err(|_odd| Error::SignatureInvalid)?;
    let Query(sent) = Query::<Signature>::of(req).map_err(refused)?;
    let grant = Grant {
        action,
        bucket: place.bucket,
        key: place.key,
        version: sent.version,
        expires: sent.expires,
        by: sent.by,
        content_type: sent.content_type,
        max_bytes: sent.max_bytes,
        key_id: sent.key_id,
    };
    let signature = BASE64.decode(&sent.signature).map_err(|_odd| Error::SignatureInvalid)?;
    let verified = state.storage.verify(organization, grant, &signature).await?;
    visitor.enter(verified.caller.tenant()).await?;
    Ok(verified)
}
