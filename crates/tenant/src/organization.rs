//! Organisations: the tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use veza_core::{Permit, Query, SystemTx, TenantId, TenantScope, TenantTx};
use veza_jobs::hold;

use crate::error::Error;
use crate::id::{PersonId, RoleId};
use crate::input::Rules;
use crate::permission::{ReadOrganization, UpdateOrganization};
use crate::revocation::{self, Subject};
use crate::schema::{memberships, organizations};
use crate::{person, role};

/// Free data and settings of an organisation, at most this many bytes of JSON each.
const OBJECT_LIMIT: usize = 16_384;

/// An organisation.
#[derive(Debug, Clone, Serialize, Queryable, Selectable)]
#[diesel(table_name = organizations)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Organization {
    /// The organisation's id: the tenant.
    #[diesel(column_name = tenant_id)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: TenantId,
    /// Its name in addresses; it never changes.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// `active`, `suspended` or `deleted`.
    pub state: String,
    /// Why, in the operator's words; for operators alone.
    #[serde(skip)]
    pub state_reason: Option<String>,
    /// Data of the embedding application about the organisation.
    pub metadata: Value,
    /// The organisation's own settings.
    pub settings: Value,
    /// Requests per minute; absent, the deployment's default holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<i32>,
    /// Members; absent, the deployment's default holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_members: Option<i32>,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// What creates an organisation with its first member.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewOrganization {
    /// Its name for people, 1 to 200 characters.
    pub name: String,
    /// Its name in addresses: 3 to 40 of a-z, 0-9 and -; it cannot be changed later.
    pub slug: String,
    /// Data of the embedding application about the organisation.
    #[serde(default)]
    pub metadata: Option<Value>,
    /// Who owns it.
    pub owner: NewOwner,
}

/// The first member of an organisation.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewOwner {
    /// Their e-mail address, in the whole deployment theirs alone.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their password: 10 to 200 characters; for a person who exists, the one they have.
    pub password: String,
}

impl std::fmt::Debug for NewOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewOwner { .. }")
    }
}

impl std::fmt::Debug for NewOrganization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewOrganization").field("slug", &self.slug).finish_non_exhaustive()
    }
}

impl NewOrganization {
    pub(crate) fn check(&self) -> Result<crate::input::Email, Error> {
        let mut rules = Rules::default();
        rules.name("/name", &self.name);
        rules.slug("/slug", &self.slug);
        if let Some(metadata) = &self.metadata {
            rules.object("/metadata", metadata, OBJECT_LIMIT);
        }
        rules.name("/owner/name", &self.owner.name);
        rules.password("/owner/password", &self.owner.password);
        let email = rules.email("/owner/email", &self.owner.email);
        rules.finish()?;
        Ok(email)
    }
}

/// A change of an organisation; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct OrganizationChange {
    /// A new name.
    pub name: Option<String>,
    /// New metadata, in place of the old.
    pub metadata: Option<Value>,
    /// New settings, in place of the old.
    pub settings: Option<Value>,
}

/// What an operator may set for one organisation: `None` leaves it as it is, `Some(None)` goes back to
/// the deployment's default.
#[derive(Debug, Clone, Copy, Default)]
pub struct LimitChange {
    /// Requests per minute.
    pub requests_per_minute: Option<Option<i32>>,
    /// Members.
    pub max_members: Option<Option<i32>>,
}

/// Creates the organisation, its roles and its owner's membership.
pub(crate) fn create(
    tx: &mut SystemTx<'_>,
    new: &NewOrganization,
    owner: PersonId,
) -> Result<(Organization, RoleId), Error> {
    let tenant = TenantId::generate(tx.now(), tx.random());
    let now = tx.now();
    let metadata = new.metadata.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let insert = diesel::insert_into(organizations::table)
        .values((
            organizations::tenant_id.eq(tenant),
            organizations::slug.eq(&new.slug),
            organizations::name.eq(new.name.trim()),
            organizations::metadata.eq(metadata),
            organizations::created_at.eq(now),
            organizations::updated_at.eq(now),
        ))
        .returning(Organization::as_returning());
    let organization = tx
        .get_result(insert)
        .map_err(|e| Error::from(e).on_constraint("organizations_slug_unique", Error::SlugTaken))?;
    let role = role::create_defaults(tx, tenant)?;
    person::join(tx, tenant, owner, role)?;
    Ok((organization, role))
}

/// The caller's organisation.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadOrganization>) -> Result<Organization, Error> {
    let query = organizations::table.find(tx.tenant()).select(Organization::as_select());
    tx.get_result(query).map_err(Error::absent("organization"))
}

/// Changes name, metadata or settings.
pub fn update(
    tx: &mut TenantTx<'_>,
    _: &Permit<UpdateOrganization>,
    change: &OrganizationChange,
    versions: Option<&[i64]>,
) -> Result<Organization, Error> {
    let mut rules = Rules::default();
    if let Some(name) = &change.name {
        rules.name("/name", name);
    }
    for (field, value) in [("/metadata", &change.metadata), ("/settings", &change.settings)] {
        if let Some(value) = value {
            rules.object(field, value, OBJECT_LIMIT);
        }
    }
    rules.finish()?;
    let old = lock(tx)?;
    if versions.is_some_and(|versions| !versions.contains(&old.version)) {
        return Err(Error::VersionMismatch);
    }
    let update = diesel::update(organizations::table.find(tx.tenant()))
        .set((
            change.name.as_deref().map(|name| organizations::name.eq(name.trim())),
            change.metadata.as_ref().map(|metadata| organizations::metadata.eq(metadata)),
            change.settings.as_ref().map(|settings| organizations::settings.eq(settings)),
            organizations::version.eq(old.version + 1),
            organizations::updated_at.eq(tx.now()),
        ))
        .returning(Organization::as_returning());
    Ok(tx.get_result(update)?)
}

/// The caller's organisation, held until the transaction ends, so that what follows is decided once.
pub(crate) fn lock(tx: &mut TenantTx<'_>) -> Result<Organization, Error> {
    let query = organizations::table.find(tx.tenant()).select(Organization::as_select()).for_no_key_update();
    tx.get_result(query).map_err(Error::absent("organization"))
}

/// An organisation, held likewise, on behalf of the deployment.
pub(crate) fn hold(tx: &mut SystemTx<'_>, tenant: TenantId) -> Result<Organization, Error> {
    let query = organizations::table.find(tenant).select(Organization::as_select()).for_no_key_update();
    tx.get_result(query).map_err(Error::absent("organization"))
}

/// Refuses when the organisation has as many members as it may have. Call it with the lock held.
pub(crate) fn check_member_limit<T: Query>(
    tx: &mut T,
    organization: &Organization,
    default: u32,
) -> Result<(), Error> {
    let count = memberships::table.filter(memberships::tenant_id.eq(organization.id)).count();
    let members: i64 = tx.get_result(count)?;
    let limit = organization.max_members.map_or(i64::from(default), i64::from);
    if members < limit { Ok(()) } else { Err(Error::MemberLimit) }
}

/// An organisation by id or slug, for operators.
pub(crate) fn find_any(tx: &mut SystemTx<'_>, name: &str) -> Result<Organization, Error> {
    let query = organizations::table.select(Organization::as_select()).into_boxed();
    let query = match name.parse::<Uuid>() {
        Ok(id) => query.filter(organizations::tenant_id.eq(id)),
        Err(_not_an_id) => query.filter(organizations::slug.eq(name)),
    };
    tx.get_result(query).map_err(Error::absent("organization"))
}

/// All organisations after `after`, by id, for operators.
pub(crate) fn list_all(
    tx: &mut SystemTx<'_>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Organization>, Error> {
    let after = after.unwrap_or_default();
    let query = organizations::table
        .filter(organizations::tenant_id.gt(after))
        .order(organizations::tenant_id)
        .limit(limit)
        .select(Organization::as_select());
    Ok(tx.load(query)?)
}

/// What an operator or owner does to the state of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Nobody gets in any more; nothing is lost.
    Suspend,
    /// As before a suspension or a deletion mark.
    Resume,
    /// Nobody gets in any more, and the data may be erased after the recovery window.
    Delete,
}

impl Transition {
    const fn state(self) -> &'static str {
        match self {
            Self::Suspend => "suspended",
            Self::Resume => "active",
            Self::Delete => "deleted",
        }
    }
}

/// Changes the state. Doing it twice is doing it once.
pub(crate) fn transition(
    tx: &mut SystemTx<'_>,
    tenant: TenantId,
    transition: Transition,
    reason: Option<&str>,
) -> Result<Organization, Error> {
    let now = tx.now();
    let deleted_at = (transition == Transition::Delete).then_some(now);
    let update = diesel::update(organizations::table.find(tenant))
        .set((
            organizations::state.eq(transition.state()),
            organizations::state_reason.eq(reason),
            organizations::deleted_at.eq(deleted_at),
            organizations::version.eq(organizations::version + 1),
            organizations::updated_at.eq(now),
        ))
        .returning(Organization::as_returning());
    let organization = tx.get_result(update).map_err(Error::absent("organization"))?;
    // With nobody let in, nothing of the organisation runs either.
    match transition {
        Transition::Suspend | Transition::Delete => hold::suspend(tx, tenant)?,
        Transition::Resume => hold::unsuspend(tx, tenant)?,
    }
    revocation::record_for(tx, tenant, Subject::Organization)?;
    Ok(organization)
}

/// Sets limits.
pub(crate) fn set_limits(
    tx: &mut SystemTx<'_>,
    tenant: TenantId,
    change: LimitChange,
) -> Result<Organization, Error> {
    let mut rules = Rules::default();
    for (field, limit) in
        [("requests_per_minute", change.requests_per_minute), ("max_members", change.max_members)]
    {
        let fits = limit.flatten().is_none_or(|limit| (1..=10_000_000).contains(&limit));
        rules.check(field, fits, "out_of_range", "a number from 1 to 10000000");
    }
    rules.finish()?;
    let update = diesel::update(organizations::table.find(tenant))
        .set((
            change.requests_per_minute.map(|limit| organizations::requests_per_minute.eq(limit)),
            change.max_members.map(|limit| organizations::max_members.eq(limit)),
            organizations::version.eq(organizations::version + 1),
            organizations::updated_at.eq(tx.now()),
        ))
        .returning(Organization::as_returning());
    let organization = tx.get_result(update).map_err(Error::absent("organization"))?;
    revocation::record_for(tx, tenant, Subject::Organization)?;
    Ok(organization)
}
