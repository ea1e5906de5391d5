//! Roles: named sets of permissions within an organisation.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, Scopes, SystemTx, TenantId, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::id::RoleId;
use crate::input::Rules;
use crate::permission::{self, DEFAULT_ROLES, ManageRoles, ReadRoles};
use crate::revocation;
use crate::schema::{invitations, roles};

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable)]
#[diesel(table_name = roles)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Role {
    /// The role's id.
    #[diesel(column_name = role_id)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: RoleId,
    /// Its name, unique in the organisation.
    pub name: String,
    /// What it allows; `*` is everything.
    pub permissions: Vec<String>,
    /// Whether it came with the organisation and cannot be changed.
    pub builtin: bool,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// What makes a role, or takes the place of an old one.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewRole {
    /// 1 to 63 of a-z, 0-9, _ and -, beginning with a letter.
    pub name: String,
    /// Permission names.
    pub permissions: Vec<String>,
}

impl NewRole {
    fn check(&self, own: &Scopes) -> Result<(), Error> {
        let mut rules = Rules::default();
        let first = self.name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest =
            self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        rules.check(
            "/name",
            first && rest && self.name.len() <= 63,
            "name",
            "1 to 63 of a-z, 0-9, _ and -, beginning with a letter",
        );
        rules.permissions("/permissions", &self.permissions);
        rules.finish()?;
        if own.covers(&Scopes::new(self.permissions.iter().map(String::as_str))) {
            Ok(())
        } else {
            Err(Error::ExceedsOwn)
        }
    }
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    first && rest && name.len() <= 63
}

impl Rules {
    /// Names of permissions: at most 200, in the form `noun.things.verb` or one that we know. Other
    /// crates and embedders bring their own, so unknown ones are allowed.
    pub(crate) fn permissions(&mut self, field: &'static str, names: &[String]) {
        let well_formed = |name: &String| {
            permission::ALL.contains(&name.as_str())
                || name == Scopes::ALL
                || (name.len() <= 100
                    && name.split('.').count() >= 2
                    && name.split('.').all(|part| {
                        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                    }))
        };
        self.check(
            field,
            names.len() <= 200 && names.iter().all(well_formed),
            "permission",
            "at most 200 names such as tenant.members.read, or *",
        );
    }
}

/// Makes the roles that every organisation starts with and gives the owner's.
pub(crate) fn create_defaults(tx: &mut SystemTx<'_>, tenant: TenantId) -> Result<RoleId, Error> {
    let mut owner = None;
    for (name, permissions) in DEFAULT_ROLES {
        let id: RoleId = tx.new_id();
        owner.get_or_insert(id);
        let now = tx.now();
        tx.execute(diesel::insert_into(roles::table).values((
            roles::tenant_id.eq(tenant),
            roles::role_id.eq(id),
            roles::name.eq(name),
            roles::permissions.eq(permissions),
            roles::builtin.eq(true),
            roles::created_at.eq(now),
            roles::updated_at.eq(now),
        )))?;
    }
    owner.ok_or(Error::NotFound("role"))
}

/// One role.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadRoles>, id: RoleId) -> Result<Role, Error> {
    row(tx, id)
}

fn row(tx: &mut impl TenantScope, id: RoleId) -> Result<Role, Error> {
    let query = roles::table.find((tx.tenant(), id)).select(Role::as_select());
    tx.get_result(query).map_err(Error::absent("role"))
}

/// Roles, by id.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadRoles>,
    page: &PageRequest<RoleId>,
) -> Result<Page<Role>, Error> {
    let mut query = roles::table
        .filter(roles::tenant_id.eq(tx.tenant()))
        .select(Role::as_select())
        .order(roles::role_id)
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(roles::role_id.gt(after));
    }
    Ok(Page::new(page, tx.load(query)?, |role| role.id))
}

/// Makes a role, with permissions that the maker has.
pub fn create(tx: &mut TenantTx<'_>, permit: &Permit<ManageRoles>, new: &NewRole) -> Result<Role, Error> {
    new.check(permit.caller().scopes())?;
    let id: RoleId = tx.new_id();
    let now = tx.now();
    let insert = diesel::insert_into(roles::table)
        .values((
            roles::tenant_id.eq(tx.tenant()),
            roles::role_id.eq(id),
            roles::name.eq(&new.name),
            roles::permissions.eq(&new.permissions),
            roles::created_at.eq(now),
            roles::updated_at.eq(now),
        ))
        .returning(Role::as_returning());
    tx.get_result(insert).map_err(|e| Error::from(e).on_constraint("roles_name_unique", Error::RoleNameTaken))
}

/// Replaces name and permissions; gives the role and those who have it, whose access tokens hold no
/// more: they get others with their next refresh.
pub fn update(
    tx: &mut TenantTx<'_>,
    permit: &Permit<ManageRoles>,
    id: RoleId,
    new: &NewRole,
    versions: Option<&[i64]>,
) -> Result<(Role, Vec<Uuid>), Error> {
    let old = changeable(tx, permit, id, versions)?;
    new.check(permit.caller().scopes())?;
    let update = diesel::update(roles::table.find((tx.tenant(), id)))
        .set((
            roles::name.eq(&new.name),
            roles::permissions.eq(&new.permissions),
            roles::version.eq(old.version + 1),
            roles::updated_at.eq(tx.now()),
        ))
        .returning(Role::as_returning());
    let role = tx
        .get_result(update)
        .map_err(|e| Error::from(e).on_constraint("roles_name_unique", Error::RoleNameTaken))?;
    let holders = revocation::record_holders(tx, id)?;
    Ok((role, holders))
}

/// Removes a role that nobody has.
pub fn remove(
    tx: &mut TenantTx<'_>,
    permit: &Permit<ManageRoles>,
    id: RoleId,
    versions: Option<&[i64]>,
) -> Result<(), Error> {
    changeable(tx, permit, id, versions)?;
    // An invitation that is closed keeps the role's name alone.
    let closed = invitations::table
        .filter(invitations::tenant_id.eq(tx.tenant()).and(invitations::role_id.eq(id)))
        .filter(invitations::accepted_at.is_not_null().or(invitations::revoked_at.is_not_null()));
    tx.execute(diesel::update(closed).set(invitations::role_id.eq(None::<Uuid>)))?;
    tx.execute(diesel::delete(roles::table.find((tx.tenant(), id)))).map(drop).map_err(|error| {
        Error::from(error)
            .on_constraint("memberships_role_exists", Error::RoleInUse)
            .on_constraint("invitations_role_exists", Error::RoleInUse)
    })
}

fn changeable(
    tx: &mut TenantTx<'_>,
    permit: &Permit<ManageRoles>,
    id: RoleId,
    versions: Option<&[i64]>,
) -> Result<Role, Error> {
    let query = roles::table.find((tx.tenant(), id)).select(Role::as_select()).for_update();
    let role: Role = tx.get_result(query).map_err(Error::absent("role"))?;
    if role.builtin {
        return Err(Error::RoleBuiltin);
    }
    if versions.is_some_and(|versions| !versions.contains(&role.version)) {
        return Err(Error::VersionMismatch);
    }
    grantable(&role, permit.caller().scopes())?;
    Ok(role)
}

/// Finds the role to give to somebody, by name, and checks that the giver holds all it allows.
pub(crate) fn find_grantable(tx: &mut TenantTx<'_>, name: &str, own: &Scopes) -> Result<Role, Error> {
    // Held until the transaction ends, so that nobody removes what is about to be given.
    let query = roles::table
        .filter(roles::tenant_id.eq(tx.tenant()).and(roles::name.eq(name)))
        .select(Role::as_select())
        .for_key_share();
    let known = if is_name(name) { tx.find_result::<Role, _>(query)? } else { None };
    let Some(role) = known else {
        let mut rules = Rules::default();
        rules.check("/role", false, "unknown", "the name of a role of this organisation");
        return rules.finish().and(Err(Error::NotFound("role")));
    };
    grantable(&role, own)?;
    Ok(role)
}

/// Nobody gives, takes or changes more than they have.
pub(crate) fn grantable(role: &Role, own: &Scopes) -> Result<(), Error> {
    let scopes = Scopes::new(role.permissions.iter().map(String::as_str));
    if own.covers(&scopes) { Ok(()) } else { Err(Error::ExceedsOwn) }
}
