//! `/v1/tenant/invitations`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post};
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Client, Create, Created, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
};

use super::{NoInvitation, State};
use crate::error::Error;
use crate::id::InvitationId;
use crate::invitation::{self, Invitation, NewInvitation};
use crate::onboarding::Acceptance;
use crate::service::delta;
use crate::sign_in::TokenPair;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(accept).service(create).service(list).service(get).service(remove);
}

/// Invite an address. An e-mail with the link goes out.
#[utoipa::path(tag = "invitations", request_body = NewInvitation, responses(
    (status = CREATED, description = "The invitation.", body = Invitation)
))]
#[post("/v1/tenant/invitations")]
async fn create(state: Data<State>, request: Create<NewInvitation>) -> Result<Created<Invitation>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    state.guesses.count_invitation(&body.email)?;
    let config = state.tenants.config();
    let (lifetime, max_members) = (delta(config.invitation_lifetime), config.max_members);
    let created = state
        .tenants
        .db()
        .tenant(&caller, move |tx| {
            once::<_, Error>(tx, key.as_ref(), |tx| {
                invitation::create(tx, &permit, &body, lifetime, max_members)
            })
        })
        .await?;
    state.tenants.inner.mail_waits.notify_one();
    let location = format!("/v1/tenant/invitations/{}", created.value.id);
    Ok(Created { value: created.value, location, version: None, replayed: created.replayed })
}

/// The invitations of the caller's organisation.
#[utoipa::path(tag = "invitations", params(PageParams), responses(
    (status = OK, description = "Invitations, oldest first.", body = List<Invitation>)
))]
#[get("/v1/tenant/invitations")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<InvitationId>,
) -> Result<List<Invitation>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.tenants.db().read(&caller, move |tx| invitation::list(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One invitation.
#[utoipa::path(tag = "invitations", params(("invitation_id" = uuid::Uuid, Path, description = "The invitation.")),
    responses((status = OK, description = "The invitation.", body = Invitation)))]
#[get("/v1/tenant/invitations/{invitation_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<InvitationId, NoInvitation>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let found = state.tenants.db().read(&caller, move |tx| invitation::get(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(found))
}

/// Take an invitation back.
#[utoipa::path(tag = "invitations", params(("invitation_id" = uuid::Uuid, Path, description = "The invitation.")),
    responses((status = NO_CONTENT, description = "Its link works no more.")))]
#[delete("/v1/tenant/invitations/{invitation_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<InvitationId, NoInvitation>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    state.tenants.db().tenant(&caller, move |tx| invitation::revoke(tx, &permit, id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Accept an invitation and sign in.
///
/// A person who is new here gets the name and password given; a known one proves who they are.
#[utoipa::path(tag = "invitations", security(()), request_body = Acceptance, responses(
    (status = CREATED, description = "A session in the organisation.", body = TokenPair)
))]
#[post("/v1/tenant/invitations/accept")]
async fn accept(state: Data<State>, client: Client, body: Json<Acceptance>) -> Result<HttpResponse, Problem> {
    state.guesses.count(client.ip, &body.token)?;
    let pair = state.tenants.accept_invitation(&body, client.user_agent.as_deref()).await?;
    Ok(HttpResponse::Created().json(pair))
}
