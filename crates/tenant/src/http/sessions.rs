//! `/v1/tenant/sessions` and `/v1/tenant/me`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use veza_core::TenantId;
use veza_web::{Authenticated, Client, Json, List, PageParams, PageQuery, PathOf, Problem, Routes};

use super::{NoSession, State};
use crate::authenticate::Credentials;
use crate::id::SessionId;
use crate::session::{self, Session};
use crate::sign_in::{PasswordChange, SignIn, TokenPair};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(refresh).service(list).service(remove).service(me).service(password);
}

/// Sign in.
///
/// Members of several organisations name one: in the body, by `X-Tenant-ID` or by host name.
#[utoipa::path(tag = "sessions", security(()), request_body = SignIn, responses(
    (status = CREATED, description = "An access token and what renews it.", body = TokenPair)
))]
#[post("/v1/tenant/sessions")]
async fn create(state: Data<State>, client: Client, body: Json<SignIn>) -> Result<HttpResponse, Problem> {
    state.guesses.count(client.ip, &body.email)?;
    let hints = Credentials {
        bearer: None,
        tenant_header: client.tenant.as_deref(),
        subdomain: client.slug.as_deref(),
        from: client.ip,
    };
    let pair = state.tenants.sign_in(&body, hints, client.user_agent.as_deref()).await?;
    Ok(HttpResponse::Created().json(pair))
}

/// What renews a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    /// The refresh token; it works once.
    refresh_token: String,
}

/// Renew a session: a new access token and a new refresh token.
///
/// A refresh token that comes back after its use ends the session: it was stolen, or its successor was.
#[utoipa::path(tag = "sessions", security(()), request_body = Refresh, responses(
    (status = CREATED, description = "The next pair.", body = TokenPair)
))]
#[post("/v1/tenant/sessions/refresh")]
async fn refresh(state: Data<State>, client: Client, body: Json<Refresh>) -> Result<HttpResponse, Problem> {
    state.guesses.count_unguessable(client.ip)?;
    Ok(HttpResponse::Created().json(state.tenants.refresh(&body.refresh_token).await?))
}

/// The caller's own sessions.
#[utoipa::path(tag = "sessions", params(PageParams), responses(
    (status = OK, description = "Sessions that live, oldest first.", body = List<Session>)
))]
#[get("/v1/tenant/sessions")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<SessionId>,
) -> Result<List<Session>, Problem> {
    let (own, page) = (caller.caller().clone(), query.page);
    let page = state.tenants.db().read(&caller, move |tx| session::list(tx, &own, &page)).await?;
    Ok(page.into())
}

/// End one of the caller's own sessions.
#[utoipa::path(tag = "sessions", params(("session_id" = uuid::Uuid, Path, description = "The session.")), responses(
    (status = NO_CONTENT, description = "It has ended.")
))]
#[delete("/v1/tenant/sessions/{session_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<SessionId, NoSession>,
) -> Result<HttpResponse, Problem> {
    state.tenants.sign_out(&caller, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Who a token stands for.
#[derive(Serialize, ToSchema)]
struct Me {
    /// The organisation.
    #[schema(value_type = uuid::Uuid)]
    organization_id: TenantId,
    /// `person:<id>` or `api_key:<id>`.
    principal: String,
    /// The session of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<uuid::Uuid>,
    /// What the token allows.
    scopes: Vec<String>,
}

/// Who the caller is.
#[utoipa::path(tag = "sessions", responses((status = OK, description = "The caller.", body = Me)))]
#[get("/v1/tenant/me")]
#[allow(clippy::unused_async, reason = "a handler")]
async fn me(caller: Authenticated) -> HttpResponse {
    HttpResponse::Ok().json(Me {
        organization_id: caller.tenant(),
        principal: caller.principal().to_string(),
        session_id: caller.session(),
        scopes: caller.scopes().iter().map(str::to_owned).collect(),
    })
}

/// Change the caller's password. All their other sessions end.
#[utoipa::path(tag = "sessions", request_body = PasswordChange, responses((status = NO_CONTENT, description = "Changed.")))]
#[put("/v1/tenant/me/password")]
async fn password(
    caller: Authenticated,
    state: Data<State>,
    client: Client,
    body: Json<PasswordChange>,
) -> Result<HttpResponse, Problem> {
    state.guesses.count(client.ip, &caller.principal().to_string())?;
    state.tenants.change_password(&caller, &body).await?;
    Ok(HttpResponse::NoContent().finish())
}
