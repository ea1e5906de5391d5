//! Memberships: people in the caller's organisation, each with one role.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Principal, Query, TenantScope, TenantTx, Write};
use veza_jobs::topic::{self, PublishOptions};

use crate::error::Error;
use crate::id::{PersonId, RoleId};
use crate::permission::{ReadMembers, RemoveMembers, UpdateMembers};
use crate::revocation::{self, Subject};
use crate::schema::{memberships, people, roles};
use crate::{EXCHANGE, invitation, organization, role};

/// A member of the organisation.
#[derive(Debug, Clone, Serialize, Queryable)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Member {
    /// The person's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub person_id: PersonId,
    /// The person's e-mail address.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// The name of their role.
    pub role: String,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// Since when they belong.
    pub created_at: DateTime<Utc>,
}

/// Another role for a member.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct MemberChange {
    /// The role's name.
    pub role: String,
}

macro_rules! members {
    ($tx:expr) => {
        memberships::table
            .inner_join(people::table)
            .inner_join(
                roles::table.on(roles::tenant_id
                    .eq(memberships::tenant_id)
                    .and(roles::role_id.eq(memberships::role_id))),
            )
            .filter(memberships::tenant_id.eq($tx.tenant()))
            .select((
                people::person_id,
                people::email,
                people::name,
                roles::name,
                memberships::version,
                memberships::created_at,
            ))
    };
}

/// One member.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadMembers>, person: PersonId) -> Result<Member, Error> {
    row(tx, person)
}

fn row(tx: &mut impl TenantScope, person: PersonId) -> Result<Member, Error> {
    let query = members!(tx).filter(memberships::person_id.eq(person));
    tx.get_result(query).map_err(Error::absent("member"))
}

/// Members, by person.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadMembers>,
    page: &PageRequest<PersonId>,
) -> Result<Page<Member>, Error> {
    let mut query = members!(tx).order(memberships::person_id).limit(page.fetch()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(memberships::person_id.gt(after));
    }
    Ok(Page::new(page, tx.load(query)?, |member: &Member| member.person_id))
}

/// Gives a member another role. Their access tokens end; their sessions go on with the new rights.
pub fn update(
    tx: &mut TenantTx<'_>,
    permit: &Permit<UpdateMembers>,
    person: PersonId,
    change: &MemberChange,
    versions: Option<&[i64]>,
) -> Result<Member, Error> {
    let old = changeable(tx, permit, person, versions)?;
    let role = role::find_grantable(tx, &change.role, permit.caller().scopes())?;
    if old.role == role.name {
        return Ok(old);
    }
    keep_an_owner(tx, &old)?;
    let update = diesel::update(memberships::table.find((tx.tenant(), person))).set((
        memberships::role_id.eq(role.id),
        memberships::version.eq(old.version + 1),
        memberships::updated_at.eq(tx.now()),
    ));
    tx.execute(update)?;
    end_rights(tx, person)?;
    row(tx, person)
}

/// Removes a member, with all their sessions here. The person stays, and so do other memberships. The exchange
/// [`EXCHANGE`] hears of it.
pub fn remove(
    tx: &mut TenantTx<'_>,
    permit: &Permit<RemoveMembers>,
    person: PersonId,
    versions: Option<&[i64]>,
) -> Result<(), Error> {
    let old = changeable(tx, permit, person, versions)?;
    keep_an_owner(tx, &old)?;
    tx.execute(diesel::delete(memberships::table.find((tx.tenant(), person))))?;
    topic::publish(
        tx,
        EXCHANGE,
        "member.removed",
        &json!({ "person_id": person }),
        // No binding keeps a member in.
        PublishOptions::default().regardless(),
    )?;
    end_rights(tx, person)
}

/// Ends what somebody was given with their old rights, and what they offered with them. API keys
/// that they made belong to the organisation and stay.
fn end_rights(tx: &mut TenantTx<'_>, person: PersonId) -> Result<(), Error> {
    invitation::revoke_of(tx, Principal::Person(person.as_uuid()))?;
    revocation::record(tx, Subject::Person(person.as_uuid()))
}

/// The member, when the caller may change them: nobody changes who has more rights.
fn changeable<P>(
    tx: &mut TenantTx<'_>,
    permit: &Permit<P>,
    person: PersonId,
    versions: Option<&[i64]>,
) -> Result<Member, Error> {
    // One change of members at a time, or two owners could demote each other.
    organization::lock(tx)?;
    let member = row(tx, person)?;
    if versions.is_some_and(|versions| !versions.contains(&member.version)) {
        return Err(Error::VersionMismatch);
    }
    role::find_grantable(tx, &member.role, permit.caller().scopes())?;
    Ok(member)
}

fn keep_an_owner(tx: &mut TenantTx<'_>, leaving: &Member) -> Result<(), Error> {
    if leaving.role != "owner" {
        return Ok(());
    }
    let owner = roles::table
        .filter(roles::tenant_id.eq(tx.tenant()).and(roles::name.eq("owner")))
        .select(roles::role_id);
    let owner: RoleId = tx.get_result(owner)?;
    let others = memberships::table
        .filter(memberships::tenant_id.eq(tx.tenant()))
        .filter(memberships::role_id.eq(owner).and(memberships::person_id.ne(leaving.person_id)))
        .count();
    let others: i64 = tx.get_result(others)?;
    if others > 0 { Ok(()) } else { Err(Error::LastOwner) }
}
