//! What signed URLs do.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, head, put};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::{StreamExt, future, stream};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;
use veza_core::{Caller, Permission, Permit};
use veza_web::{Deadline, Problem, Query, Routes, Visitor};

use super::downloads::{self, Audience};
use super::place::{Place, location};
use super::receive::receive;
use super::served::etag;
use super::{State, cors, problem, upload};
use crate::id::{SigningKeyId, VersionId};
use crate::object::StoredObject;
use crate::signed::{Action, Grant, Verified};
use crate::{Body, Error};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(read).service(about).service(store);
}

/// What was signed, and the signature.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Terms {
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

/// Read an object by a signed URL. Ranges and conditions work as with credentials.
#[utoipa::path(tag = "signed", security(()),
    params(
        ("organization" = uuid::Uuid, Path, description = "The organisation's id."),
        ("bucket" = String, Path, description = "The bucket's name."),
        ("key" = String, Path, description = "The object's key; slashes are part of it."),
        Terms,
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
        Terms,
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
        Terms,
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
    let Query(sent) = Query::<Terms>::of(req).map_err(refused)?;
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
    visitor.look()?;
    let verified = state.storage.verify(organization, grant, &signature).await;
    if matches!(verified, Err(Error::SignatureInvalid | Error::SignatureExpired)) {
        visitor.missed()?;
    }
    let verified = verified?;
    visitor.enter(verified.caller.tenant()).await?;
    Ok(verified)
}
