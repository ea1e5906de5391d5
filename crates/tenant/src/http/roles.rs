//! `/v1/tenant/roles`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post, put};
use veza_core::idempotency::once;
use veza_web::{
    Authenticated, Create, Created, IfMatch, Json, List, PageParams, PageQuery, PathOf, Problem, Routes,
    Versioned,
};

use super::{NoRole, State};
use crate::error::Error;
use crate::id::RoleId;
use crate::revocation::Subject;
use crate::role::{self, NewRole, Role};

pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(create).service(list).service(get).service(update).service(remove);
}

/// Make a role, with permissions that its maker has.
#[utoipa::path(tag = "roles", request_body = NewRole, responses(
    (status = CREATED, description = "The role.", body = Role)
))]
#[post("/v1/tenant/roles")]
async fn create(state: Data<State>, request: Create<NewRole>) -> Result<Created<Role>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let make = move |tx: &mut veza_core::TenantTx<'_>| {
        once::<_, Error>(tx, key.as_ref(), |tx| role::create(tx, &permit, &body))
    };
    let created = state.tenants.db().tenant(&caller, make).await?;
    let role = created.value;
    let (location, version) = (format!("/v1/tenant/roles/{}", role.id), Some(role.version));
    Ok(Created { value: role, location, version, replayed: created.replayed })
}

/// The roles of the caller's organisation.
#[utoipa::path(tag = "roles", params(PageParams), responses(
    (status = OK, description = "Roles, oldest first.", body = List<Role>)
))]
#[get("/v1/tenant/roles")]
async fn list(
    caller: Authenticated,
    state: Data<State>,
    query: PageQuery<RoleId>,
) -> Result<List<Role>, Problem> {
    let (permit, page) = (caller.permit()?, query.page);
    let page = state.tenants.db().read(&caller, move |tx| role::list(tx, &permit, &page)).await?;
    Ok(page.into())
}

/// One role.
#[utoipa::path(tag = "roles", params(("role_id" = uuid::Uuid, Path, description = "The role.")), responses(
    (status = OK, description = "The role.", body = Role)
))]
#[get("/v1/tenant/roles/{role_id}")]
async fn get(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RoleId, NoRole>,
) -> Result<Versioned<Role>, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let role = state.tenants.db().read(&caller, move |tx| role::get(tx, &permit, id)).await?;
    let version = role.version;
    Ok(Versioned::new(role, version))
}

/// Replace a role's name and permissions. Access tokens of those who have it end.
#[utoipa::path(tag = "roles", params(("role_id" = uuid::Uuid, Path, description = "The role.")), responses(
    (status = OK, description = "As it is now.", body = Role)
))]
#[put("/v1/tenant/roles/{role_id}")]
async fn update(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RoleId, NoRole>,
    condition: IfMatch,
    body: Json<NewRole>,
) -> Result<Versioned<Role>, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let (new, versions) = (body.into_inner(), condition.into_versions());
    let change =
        move |tx: &mut veza_core::TenantTx<'_>| role::update(tx, &permit, id, &new, versions.as_deref());
    let (role, holders) = state.tenants.db().tenant(&caller, change).await?;
    for person in holders {
        state.tenants.revoked(caller.tenant(), Subject::Person(person));
    }
    let version = role.version;
    Ok(Versioned::new(role, version))
}

/// Remove a role that nobody has.
#[utoipa::path(tag = "roles", params(("role_id" = uuid::Uuid, Path, description = "The role.")), responses(
    (status = NO_CONTENT, description = "Removed.")
))]
#[delete("/v1/tenant/roles/{role_id}")]
async fn remove(
    caller: Authenticated,
    state: Data<State>,
    id: PathOf<RoleId, NoRole>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (permit, id, versions) = (caller.permit()?, *id, condition.into_versions());
    state.tenants.db().tenant(&caller, move |tx| role::remove(tx, &permit, id, versions.as_deref())).await?;
    Ok(HttpResponse::NoContent().finish())
}
