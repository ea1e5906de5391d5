//! `/v1/tenant/organizations` and `/v1/tenant/organization`.

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;
use veza_core::Principal;
use veza_core::idempotency::IdempotencyKey;
use veza_web::{Authenticated, Client, Created, IfMatch, Json, Problem, Routes, Versioned};

use super::State;
use crate::id::PersonId;
use crate::input::comparable;
use crate::onboarding::Signup;
use crate::organization::{self, NewOrganization, Organization, OrganizationChange};
use crate::signing_key::JwkSet;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(get).service(update).service(remove).service(jwks);
}

/// A new organisation and who owns it.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct NewlyCreated {
    /// The organisation.
    organization: Organization,
    /// The owner's id.
    #[schema(value_type = uuid::Uuid)]
    owner_id: PersonId,
}

/// Create an organisation with its owner.
///
/// Anybody may where the deployment says so (`tenant.open_signup`, on in `veza up`); else it takes
/// the token of the first-run link as bearer. A person who exists proves who they are with their password.
#[utoipa::path(tag = "organizations", security((), ("bearer" = [])), responses(
    (status = CREATED, description = "The organisation and its owner.", body = NewlyCreated)
))]
#[post("/v1/tenant/organizations")]
async fn create(
    state: Data<State>,
    request: HttpRequest,
    client: Client,
    body: Json<NewOrganization>,
) -> Result<Created<NewlyCreated>, Problem> {
    state.guesses.count(client.ip, &body.owner.email)?;
    let signup = match first_run_token(request.headers()) {
        Some(token) => Signup::FirstRun(token),
        None => Signup::Open,
    };
    let key = idempotency_key(request.headers(), &body)?;
    let created = state.tenants.create_organization(&body, signup, key).await?;
    let (organization, owner_id) = created.value;
    let version = Some(organization.version);
    let location = "/v1/tenant/organization".to_owned();
    let value = NewlyCreated { organization, owner_id };
    Ok(Created { value, location, version, replayed: created.replayed })
}

fn first_run_token(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    Some(bearer.trim().to_owned())
}

/// The owner-to-be's own key: the address stands for the person, who may not exist yet. The password
/// is left out, because what is kept must not help anybody to guess it.
fn idempotency_key(headers: &HeaderMap, body: &NewOrganization) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let digest = Sha256::digest(comparable(&body.owner.email));
    let owner = digest.get(..16).and_then(|half| Uuid::from_slice(half).ok()).unwrap_or_default();
    let owner = Principal::Person(owner);
    let metadata = body.metadata.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = [&body.slug, &body.name, &body.owner.name, &metadata].map(String::as_bytes);
    Ok(Some(IdempotencyKey::new(key.to_str().unwrap_or_default(), owner, &request)?))
}

/// The caller's organisation.
#[utoipa::path(tag = "organizations", responses((status = OK, description = "The organisation.", body = Organization)))]
#[get("/v1/tenant/organization")]
async fn get(caller: Authenticated, state: Data<State>) -> Result<Versioned<Organization>, Problem> {
    let permit = caller.permit()?;
    let organization = state.tenants.db().read(&caller, move |tx| organization::get(tx, &permit)).await?;
    let version = organization.version;
    Ok(Versioned::new(organization, version))
}

/// Change name, metadata or settings.
#[utoipa::path(tag = "organizations", responses((status = OK, description = "As it is now.", body = Organization)))]
#[patch("/v1/tenant/organization")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    condition: IfMatch,
    body: Json<OrganizationChange>,
) -> Result<Versioned<Organization>, Problem> {
    let permit = caller.permit()?;
    let (change, versions) = (body.into_inner(), condition.into_versions());
    let organization = state
        .tenants
        .db()
        .tenant(&caller, move |tx| organization::update(tx, &permit, &change, versions.as_deref()))
        .await?;
    let version = organization.version;
    Ok(Versioned::new(organization, version))
}

/// Mark the organisation as deleted: nobody gets in any more. The operator can take it back.
#[utoipa::path(tag = "organizations", responses((status = NO_CONTENT, description = "Marked.")))]
#[delete("/v1/tenant/organization")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let permit = caller.permit()?;
    state.tenants.delete_own(&caller, &permit, condition.into_versions().as_deref()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The keys that verify access tokens (RFC 7517).
#[utoipa::path(tag = "sessions", security(()), responses((status = OK, description = "The keys.", body = JwkSet)))]
#[get("/.well-known/jwks.json")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn jwks(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(state.tenants.jwks())
}
