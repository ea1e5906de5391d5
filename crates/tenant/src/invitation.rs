//! Invitations: an address is asked to join. The link is signed and works once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Principal, Query, SystemTx, TenantId, TenantScope, TenantTx, Write};

use crate::error::Error;
use crate::id::{InvitationId, RoleId};
use crate::input::Rules;
use crate::keyring::{Keyring, Purpose};
use crate::permission::InviteMembers;
use crate::schema::{invitations, memberships, people};
use crate::{mail, organization, role};

/// An invitation.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable)]
#[diesel(table_name = invitations)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// The invitation's id.
    #[diesel(column_name = invitation_id)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: InvitationId,
    /// The address that is invited.
    pub email: String,
    /// The name of the role to come.
    #[diesel(column_name = role_name)]
    pub role: String,
    /// Who invited: `person:<id>` or `api_key:<id>`.
    pub invited_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it can be accepted.
    pub expires_at: DateTime<Utc>,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What invites somebody.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewInvitation {
    /// The address; the invitation holds for it alone.
    pub email: String,
    /// The name of the role to give; `member` when absent.
    #[serde(default)]
    pub role: Option<String>,
}

/// Invites an address and queues the e-mail, in one transaction.
pub fn create(
    tx: &mut TenantTx<'_>,
    permit: &Permit<InviteMembers>,
    new: &NewInvitation,
    lifetime: TimeDelta,
    max_members: u32,
) -> Result<Invitation, Error> {
    let mut rules = Rules::default();
    let email = rules.email("/email", &new.email);
    rules.finish()?;
    let role = new.role.as_deref().unwrap_or("member");
    let role = role::find_grantable(tx, role, permit.caller().scopes())?;
    let organization = organization::lock(tx)?;
    organization::check_member_limit(tx, &organization, max_members)?;
    let is_member = memberships::table
        .inner_join(people::table)
        .filter(memberships::tenant_id.eq(tx.tenant()).and(people::email_key.eq(&email.key)))
        .select(memberships::person_id);
    if tx.find_result::<Uuid, _>(is_member)?.is_some() {
        return Err(Error::AlreadyMember);
    }
    let (id, now): (InvitationId, _) = (tx.new_id(), tx.now());
    close_expired(tx, &email.key)?;
    let row = (
        invitations::tenant_id.eq(tx.tenant()),
        invitations::invitation_id.eq(id),
        invitations::email.eq(&email.written),
        invitations::email_key.eq(&email.key),
        invitations::role_id.eq(role.id),
        invitations::role_name.eq(&role.name),
        invitations::invited_by.eq(permit.caller().principal().to_string()),
        invitations::created_at.eq(now),
        invitations::expires_at.eq(now + lifetime),
    );
    tx.execute(diesel::insert_into(invitations::table).values(row))
        .map_err(|e| Error::from(e).on_constraint("invitations_open_unique", Error::AlreadyInvited))?;
    mail::queue(tx, id)?;
    get(tx, permit, id)
}

/// An expired invitation stands in nobody's way.
fn close_expired(tx: &mut TenantTx<'_>, email_key: &str) -> Result<(), Error> {
    let now = tx.now();
    let expired = invitations::table
        .filter(invitations::tenant_id.eq(tx.tenant()).and(invitations::email_key.eq(email_key)))
        .filter(invitations::accepted_at.is_null().and(invitations::revoked_at.is_null()))
        .filter(invitations::expires_at.le(now));
    tx.execute(diesel::update(expired).set(invitations::revoked_at.eq(now)))?;
    Ok(())
}

/// One invitation.
pub fn get(
    tx: &mut impl TenantScope,
    _: &Permit<InviteMembers>,
    id: InvitationId,
) -> Result<Invitation, Error> {
    let query = invitations::table.find((tx.tenant(), id)).select(Invitation::as_select());
    tx.get_result(query).map_err(Error::absent("invitation"))
}

/// Invitations, newest last.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<InviteMembers>,
    page: &PageRequest<InvitationId>,
) -> Result<Page<Invitation>, Error> {
    let mut query = invitations::table
        .filter(invitations::tenant_id.eq(tx.tenant()))
        .select(Invitation::as_select())
        .order(invitations::invitation_id)
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(invitations::invitation_id.gt(after));
    }
    Ok(Page::new(page, tx.load(query)?, |invitation: &Invitation| invitation.id))
}

/// Takes an invitation back. One that was accepted stays accepted; doing it twice is doing it once.
pub fn revoke(tx: &mut TenantTx<'_>, permit: &Permit<InviteMembers>, id: InvitationId) -> Result<(), Error> {
    let now = tx.now();
    let invitation = get(tx, permit, id)?;
    let open = invitations::table
        .find((tx.tenant(), id))
        .filter(invitations::accepted_at.is_null().and(invitations::revoked_at.is_null()));
    if invitation.accepted_at.is_none() && invitation.revoked_at.is_none() {
        role::find_grantable(tx, &invitation.role, permit.caller().scopes())?;
        tx.execute(diesel::update(open).set(invitations::revoked_at.eq(now)))?;
    }
    Ok(())
}

/// Takes back what somebody offered who may not offer it any more.
pub(crate) fn revoke_of(tx: &mut TenantTx<'_>, inviter: Principal) -> Result<(), Error> {
    let now = tx.now();
    let open = invitations::table
        .filter(invitations::tenant_id.eq(tx.tenant()).and(invitations::invited_by.eq(inviter.to_string())))
        .filter(invitations::accepted_at.is_null().and(invitations::revoked_at.is_null()));
    tx.execute(diesel::update(open).set(invitations::revoked_at.eq(now)))?;
    Ok(())
}

/// What an open invitation offers.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = invitations)]
pub(crate) struct Offer {
    #[diesel(column_name = tenant_id)]
    pub(crate) tenant: TenantId,
    #[diesel(column_name = invitation_id)]
    pub(crate) id: InvitationId,
    pub(crate) email: String,
    pub(crate) email_key: String,
    #[diesel(column_name = role_id)]
    pub(crate) role: Option<RoleId>,
    pub(crate) expires_at: DateTime<Utc>,
    accepted_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl Offer {
    pub(crate) fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.accepted_at.is_none() && self.revoked_at.is_none() && self.expires_at > now
    }

    /// The token in the link. Bound to tenant, invitation, address and expiry, so a row that was
    /// altered voids it; nothing secret is stored.
    pub(crate) fn token(&self, keyring: &Keyring) -> String {
        let (tenant, id) = (self.tenant.as_uuid(), self.id.as_uuid());
        let expires = self.expires_at.timestamp_micros().to_be_bytes();
        let code = keyring.code(
            Purpose::Invitation,
            &[tenant.as_bytes(), id.as_bytes(), self.email_key.as_bytes(), &expires],
        );
        let token = [tenant.as_bytes().as_slice(), id.as_bytes(), &code].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(token))
    }
}

const PREFIX: &str = "vzi_";

/// The open invitation behind a token; anything else is one and the same error. `lock` holds it
/// until the transaction ends.
pub(crate) fn open_offer(
    tx: &mut SystemTx<'_>,
    keyring: &Keyring,
    token: &str,
    lock: bool,
) -> Result<Offer, Error> {
    let (tenant, id) = parse(token).ok_or(Error::InvitationInvalid)?;
    let query = invitations::table.find((tenant, id)).select(Offer::as_select());
    let offer: Option<Offer> =
        if lock { tx.find_result(query.for_update())? } else { tx.find_result(query)? };
    let offer = offer.ok_or(Error::InvitationInvalid)?;
    let expected = offer.token(keyring);
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes());
    if same.is_err() || !offer.is_open(tx.now()) {
        return Err(Error::InvitationInvalid);
    }
    Ok(offer)
}

fn parse(token: &str) -> Option<(Uuid, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok().filter(|b| b.len() == 64)?;
    Some((Uuid::from_slice(bytes.get(..16)?).ok()?, Uuid::from_slice(bytes.get(16..32)?).ok()?))
}

/// Marks an offer as accepted.
pub(crate) fn accept(tx: &mut SystemTx<'_>, offer: &Offer) -> Result<(), Error> {
    let this = invitations::table.find((offer.tenant, offer.id));
    let now = tx.now();
    tx.execute(diesel::update(this).set(invitations::accepted_at.eq(now)))?;
    Ok(())
}
