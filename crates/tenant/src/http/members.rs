//! `/v1/tenant/members`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch};
use veza_web::{
    Authenticated, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Routes, Versioned,
};

use super::{NoMember, State};
use crate::id::PersonId;
use crate::membership::{self, Member, MemberChange};
use crate::revocation::Subject;

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(get).service(update).service(remove);
}

/// The members of the caller's organisation.
#[utoipa::path(tag = "members", params(PageParams), responses(
    (status = OK, description = "Members, by person.", body = List<Member>)
))]
#[get("/v1/tenant/members")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<PersonId>,
) -> Result<List<Member>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.tenants.db().read(&caller, move |tx| membership::list(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One member.
#[utoipa::path(tag = "members", params(("person_id" = uuid::Uuid, Path, description = "The person.")), responses(
    (status = OK, description = "The member.", body = Member)
))]
#[get("/v1/tenant/members/{person_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<PersonId, NoMember>,
) -> Result<Versioned<Member>, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let member = state.tenants.db().read(&caller, move |tx| membership::get(tx, &permit, id)).await?;
    let version = member.version;
    Ok(Versioned::new(member, version))
}

/// Give a member another role.
#[utoipa::path(tag = "members", params(("person_id" = uuid::Uuid, Path, description = "The person.")), responses(
    (status = OK, description = "As it is now.", body = Member)
))]
#[patch("/v1/tenant/members/{person_id}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<PersonId, NoMember>,
    condition: IfMatch,
    body: Json<MemberChange>,
) -> Result<Versioned<Member>, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let (change, versions) = (body.into_inner(), condition.into_versions());
    let change = move |tx: &mut veza_core::TenantTx<'_>| {
        membership::update(tx, &permit, id, &change, versions.as_deref())
    };
    let member = state.tenants.db().tenant(&caller, change).await?;
    state.tenants.revoked(caller.tenant(), Subject::Person(id.as_uuid()));
    let version = member.version;
    Ok(Versioned::new(member, version))
}

/// Remove a member. Their sessions here end at once.
#[utoipa::path(tag = "members", params(("person_id" = uuid::Uuid, Path, description = "The person.")), responses(
    (status = NO_CONTENT, description = "Removed.")
))]
#[delete("/v1/tenant/members/{person_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<PersonId, NoMember>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, id, versions) = (caller.permit()?, *id, condition.into_versions());
    let db = state.tenants.db();
    db.tenant(&caller, move |tx| membership::remove(tx, &permit, id, versions.as_deref())).await?;
    state.tenants.revoked(caller.tenant(), Subject::Person(id.as_uuid()));
    Ok(HttpResponse::NoContent().finish())
}
