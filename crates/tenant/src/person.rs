//! People: one e-mail address each, in the whole deployment; members of any number of organisations.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;
use veza_core::{Query, SystemTx, TenantId, Write};

use crate::error::Error;
use crate::id::{PersonId, RoleId};
use crate::input::Email;
use crate::schema::{memberships, organizations, passwords, people};
use crate::session;

/// A person.
#[derive(Debug, Clone, Serialize, Queryable, Selectable)]
#[diesel(table_name = people)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Person {
    /// The person's id.
    #[diesel(column_name = person_id)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: PersonId,
    /// The address as the person wrote it.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// When they proved that the address is theirs; until then they merely said so.
    pub verified_at: Option<DateTime<Utc>>,
    /// Since when we know them.
    pub created_at: DateTime<Utc>,
}

/// A person, with what proves it is them.
pub(crate) type Known = (Person, Option<String>);

/// The person with an address, and their password's hash.
pub(crate) fn find_by_email(tx: &mut SystemTx<'_>, email: &Email) -> Result<Option<Known>, Error> {
    let query = people::table
        .left_join(passwords::table.on(passwords::person_id.eq(people::person_id)))
        .filter(people::email_key.eq(&email.key))
        .select((Person::as_select(), passwords::hash.nullable()));
    Ok(tx.find_result(query)?)
}

/// The password's hash of a person.
pub(crate) fn find_hash(tx: &mut SystemTx<'_>, id: PersonId) -> Result<Option<String>, Error> {
    Ok(tx.find_result(passwords::table.find(id).select(passwords::hash))?)
}

/// Makes a person.
pub(crate) fn create(
    tx: &mut SystemTx<'_>,
    email: &Email,
    name: &str,
    hash: &str,
    verified: bool,
) -> Result<PersonId, Error> {
    let id: PersonId = tx.new_id();
    let now = tx.now();
    let row = (
        people::person_id.eq(id),
        people::email.eq(&email.written),
        people::email_key.eq(&email.key),
        people::name.eq(name.trim()),
        people::verified_at.eq(verified.then_some(now)),
        people::created_at.eq(now),
        people::updated_at.eq(now),
    );
    tx.execute(diesel::insert_into(people::table).values(row))
        .map_err(|e| Error::from(e).on_constraint("people_email_unique", Error::EmailTaken))?;
    set_hash(tx, id, hash)?;
    Ok(id)
}

/// Notes that a person proved that the address is theirs.
pub(crate) fn verify(tx: &mut SystemTx<'_>, id: PersonId) -> Result<(), Error> {
    let now = tx.now();
    let unproved = people::table.find(id).filter(people::verified_at.is_null());
    tx.execute(diesel::update(unproved).set(people::verified_at.eq(now)))?;
    Ok(())
}

/// Gives a person who proved their address what somebody else only claimed: name, password, and
/// none of the sessions that were begun before.
pub(crate) fn claim(tx: &mut SystemTx<'_>, id: PersonId, name: &str, hash: &str) -> Result<(), Error> {
    verify(tx, id)?;
    set_hash(tx, id, hash)?;
    let values = (people::name.eq(name.trim()), people::updated_at.eq(tx.now()));
    tx.execute(diesel::update(people::table.find(id)).set(values))?;
    session::revoke_others(tx, id, None).map(drop)
}

/// Checks that a person's password is still the one behind `hash`, and holds it.
pub(crate) fn hold_hash(tx: &mut SystemTx<'_>, id: PersonId, hash: &str) -> Result<(), Error> {
    let query = passwords::table.find(id).filter(passwords::hash.eq(hash));
    let held = tx.find_result::<Uuid, _>(query.select(passwords::person_id).for_share())?;
    held.map(drop).ok_or(Error::SignInFailed)
}

/// Replaces a password's hash, unless it was replaced meanwhile.
pub(crate) fn replace_hash(tx: &mut SystemTx<'_>, id: PersonId, old: &str, new: &str) -> Result<(), Error> {
    let this = passwords::table.find(id).filter(passwords::hash.eq(old));
    let values = (passwords::hash.eq(new), passwords::updated_at.eq(tx.now()));
    let replaced = tx.execute(diesel::update(this).set(values))?;
    if replaced == 1 { Ok(()) } else { Err(Error::SignInFailed) }
}

/// Gives a person a password.
pub(crate) fn set_hash(tx: &mut SystemTx<'_>, id: PersonId, hash: &str) -> Result<(), Error> {
    let now = tx.now();
    let values = (passwords::hash.eq(hash), passwords::updated_at.eq(now));
    let upsert = diesel::insert_into(passwords::table)
        .values((passwords::person_id.eq(id), values))
        .on_conflict(passwords::person_id)
        .do_update()
        .set(values);
    tx.execute(upsert)?;
    Ok(())
}

/// Makes a person a member.
pub(crate) fn join(
    tx: &mut SystemTx<'_>,
    tenant: TenantId,
    person: PersonId,
    role: RoleId,
) -> Result<(), Error> {
    let now = tx.now();
    let row = (
        memberships::tenant_id.eq(tenant),
        memberships::person_id.eq(person),
        memberships::role_id.eq(role),
        memberships::created_at.eq(now),
        memberships::updated_at.eq(now),
    );
    tx.execute(diesel::insert_into(memberships::table).values(row))
        .map(drop)
        .map_err(|e| Error::from(e).on_constraint("memberships_pkey", Error::AlreadyMember))
}

/// The organisations a person belongs to: id, slug and state.
pub(crate) fn organizations_of(
    tx: &mut SystemTx<'_>,
    person: PersonId,
) -> Result<Vec<(TenantId, String, String)>, Error> {
    let query = memberships::table
        .inner_join(organizations::table.on(organizations::tenant_id.eq(memberships::tenant_id)))
        .filter(memberships::person_id.eq(person))
        .order(organizations::slug)
        .select((organizations::tenant_id, organizations::slug, organizations::state));
    Ok(tx.load(query)?)
}
