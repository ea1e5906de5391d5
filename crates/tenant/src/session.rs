//! Sessions: a person signed in on one device, kept alive by refresh tokens that are used once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{Caller, Principal, Query, Scopes, SystemTx, TenantId, TenantScope, TenantTx, Write, bytes};

use crate::error::Error;
use crate::id::{PersonId, RoleId, SessionId};
use crate::keyring::{Keyring, Purpose};
use crate::person;
use crate::revocation::{self, Subject};
use crate::schema::{memberships, organizations, refresh_tokens, roles, sessions};

/// A session, as its owner sees it.
#[derive(Debug, Clone, Serialize, Queryable, Selectable)]
#[diesel(table_name = sessions)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Session {
    /// The session's id.
    #[diesel(column_name = session_id)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: SessionId,
    /// What the client called itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was refreshed last.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
}

/// A session that was begun or went on: what a token is made of.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) tenant: TenantId,
    pub(crate) person: PersonId,
    pub(crate) session: SessionId,
    pub(crate) scopes: Scopes,
    /// When the scopes were read, behind the locks that guard them.
    pub(crate) issued: DateTime<Utc>,
    pub(crate) refresh_token: String,
    pub(crate) refresh_expires_at: DateTime<Utc>,
}

const PREFIX: &str = "vzr_";

/// A refresh token: the tenant it belongs to and a secret.
struct RefreshToken {
    tenant: Uuid,
    secret: [u8; 32],
}

impl RefreshToken {
    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok().filter(|b| b.len() == 48)?;
        let (tenant, secret) = bytes.split_at_checked(16)?;
        Some(Self { tenant: Uuid::from_slice(tenant).ok()?, secret: secret.try_into().ok()? })
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret).to_vec()
    }

    /// The token that follows this one. Derived, so that a client that lost the answer can be
    /// given the same one again without it ever being stored.
    fn successor(&self, keyring: &Keyring) -> Self {
        let code = keyring.code(Purpose::RefreshSuccessor, &[self.tenant.as_bytes(), &self.secret]);
        Self { tenant: self.tenant, secret: code }
    }
}

impl std::fmt::Display for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [self.tenant.as_bytes().as_slice(), &self.secret].concat();
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// Begins a session of a member. `proof` is the hash of the password that was verified before: if it
/// is not theirs any more, they changed it meanwhile.
pub(crate) fn begin(
    tx: &mut SystemTx<'_>,
    tenant: TenantId,
    person: PersonId,
    proof: Option<&str>,
    user_agent: Option<&str>,
    lifetime: TimeDelta,
) -> Result<Grant, Error> {
    if let Some(proof) = proof {
        person::hold_hash(tx, person, proof)?;
    }
    let scopes = scopes_of(tx, tenant, person)?;
    let issued = tx.clock().now();
    let (session, now): (SessionId, _) = (tx.new_id(), tx.now());
    let row = (
        sessions::tenant_id.eq(tenant),
        sessions::session_id.eq(session),
        sessions::person_id.eq(person),
        sessions::user_agent.eq(user_agent.map(|text| text.chars().take(500).collect::<String>())),
        sessions::created_at.eq(now),
        sessions::last_used_at.eq(now),
        sessions::expires_at.eq(now + lifetime),
    );
    tx.execute(diesel::insert_into(sessions::table).values(row))
        .map_err(|e| Error::from(e).on_constraint("sessions_member_exists", Error::SignInFailed))?;
    let token = RefreshToken { tenant: tenant.as_uuid(), secret: bytes(tx.random()) };
    insert_token(tx, &token, session)?;
    let refresh_token = token.to_string();
    Ok(Grant { tenant, person, session, scopes, issued, refresh_token, refresh_expires_at: now + lifetime })
}

fn insert_token(tx: &mut SystemTx<'_>, token: &RefreshToken, session: SessionId) -> Result<(), Error> {
    let row = (
        refresh_tokens::tenant_id.eq(token.tenant),
        refresh_tokens::token_hash.eq(token.hash()),
        refresh_tokens::session_id.eq(session),
        refresh_tokens::created_at.eq(tx.now()),
    );
    tx.execute(diesel::insert_into(refresh_tokens::table).values(row))?;
    Ok(())
}

/// What a member may do now. Who is no member learns nothing; who is, that it is suspended.
///
/// Membership and role are held until the transaction ends: whoever changes them waits, and what they
/// revoke then includes the token that is issued here.
fn scopes_of(tx: &mut SystemTx<'_>, tenant: TenantId, person: PersonId) -> Result<Scopes, Error> {
    let membership = memberships::table.find((tenant, person)).select(memberships::role_id).for_share();
    let role: RoleId = tx.find_result(membership)?.ok_or(Error::SignInFailed)?;
    let role = roles::table.find((tenant, role)).select(roles::permissions).for_share();
    let permissions: Vec<String> = tx.get_result(role)?;
    let state: String = tx.get_result(organizations::table.find(tenant).select(organizations::state))?;
    if state == "active" { Ok(Scopes::new(permissions)) } else { Err(Error::Suspended) }
}

/// What became of a refresh.
pub(crate) enum Refreshed {
    /// The session goes on.
    Granted(Box<Grant>),
    /// The token was used before: the session has ended. Not an error of the transaction, which
    /// must keep that.
    Reused(TenantId, SessionId),
}

/// Lets a session go on: the token is used up, its successor takes its place. A token that comes
/// back after `grace` was stolen, or its successor was: the whole session ends.
pub(crate) fn refresh(
    tx: &mut SystemTx<'_>,
    keyring: &Keyring,
    text: &str,
    lifetime: TimeDelta,
    grace: TimeDelta,
) -> Result<Refreshed, Error> {
    let token = RefreshToken::parse(text).ok_or(Error::TokenInvalid)?;
    let this = refresh_tokens::table.find((token.tenant, token.hash()));
    let held = this.clone().select((refresh_tokens::session_id, refresh_tokens::used_at)).for_update();
    let Some((session, used_at)) = tx.find_result::<(SessionId, Option<DateTime<Utc>>), _>(held)? else {
        return Err(Error::TokenInvalid);
    };
    let now = tx.now();
    let row = sessions::table
        .find((token.tenant, session))
        .select((sessions::tenant_id, sessions::person_id, sessions::expires_at, sessions::revoked_at))
        .for_update();
    let (tenant, person, expires_at, revoked_at): (TenantId, PersonId, DateTime<Utc>, Option<DateTime<Utc>>) =
        tx.get_result(row)?;
    if revoked_at.is_some() || expires_at <= now {
        return Err(Error::TokenInvalid);
    }
    let next = token.successor(keyring);
    if let Some(used_at) = used_at {
        let successor = refresh_tokens::table.find((next.tenant, next.hash()));
        let spent: Option<Option<DateTime<Utc>>> =
            tx.find_result(successor.select(refresh_tokens::used_at))?;
        if used_at + grace < now || spent != Some(None) {
            revoke_row(tx, tenant, session)?;
            revocation::record_for(tx, tenant, Subject::Session(session.as_uuid()))?;
            return Ok(Refreshed::Reused(tenant, session));
        }
    } else {
        tx.execute(diesel::update(this).set(refresh_tokens::used_at.eq(now)))?;
        insert_token(tx, &next, session)?;
    }
    let scopes = scopes_of(tx, tenant, person)?;
    let issued = tx.clock().now();
    let live = sessions::table.find((tenant, session));
    tx.execute(
        diesel::update(live).set((sessions::last_used_at.eq(now), sessions::expires_at.eq(now + lifetime))),
    )?;
    Ok(Refreshed::Granted(Box::new(Grant {
        tenant,
        person,
        session,
        scopes,
        issued,
        refresh_token: next.to_string(),
        refresh_expires_at: now + lifetime,
    })))
}

fn revoke_row(tx: &mut impl Write, tenant: TenantId, session: SessionId) -> Result<usize, Error> {
    let now = tx.now();
    let open = sessions::table.find((tenant, session)).filter(sessions::revoked_at.is_null());
    Ok(tx.execute(diesel::update(open).set(sessions::revoked_at.eq(now)))?)
}

/// The person behind a caller; API keys have no sessions.
pub(crate) fn person_of(caller: &Caller) -> Result<PersonId, Error> {
    match caller.principal() {
        Principal::Person(id) => Ok(PersonId::from_uuid(id)),
        Principal::ApiKey(_) | Principal::System => Err(Error::PersonRequired),
    }
}

/// The caller's own live sessions, oldest first.
pub fn list(
    tx: &mut impl TenantScope,
    caller: &Caller,
    page: &PageRequest<SessionId>,
) -> Result<Page<Session>, Error> {
    let person = person_of(caller)?;
    let now = tx.now();
    let mut query = sessions::table
        .filter(sessions::tenant_id.eq(tx.tenant()).and(sessions::person_id.eq(person)))
        .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now)))
        .select(Session::as_select())
        .order(sessions::session_id)
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(sessions::session_id.gt(after));
    }
    Ok(Page::new(page, tx.load(query)?, |session| session.id))
}

/// Ends one of the caller's own sessions: signs out. Ending an ended one is no error.
pub fn revoke(tx: &mut TenantTx<'_>, caller: &Caller, id: SessionId) -> Result<(), Error> {
    let person = person_of(caller)?;
    let own = sessions::table
        .find((tx.tenant(), id))
        .filter(sessions::person_id.eq(person))
        .select(sessions::session_id);
    tx.get_result::<Uuid, _>(own).map_err(Error::absent("session"))?;
    let tenant = tx.tenant();
    if revoke_row(tx, tenant, id)? == 1 {
        revocation::record(tx, Subject::Session(id.as_uuid()))?;
    }
    Ok(())
}

/// Ends all sessions of a person everywhere, but `keep`; gives what was ended.
pub(crate) fn revoke_others(
    tx: &mut SystemTx<'_>,
    person: PersonId,
    keep: Option<Uuid>,
) -> Result<Vec<(TenantId, SessionId)>, Error> {
    let now = tx.now();
    let open = sessions::table
        .filter(sessions::person_id.eq(person).and(sessions::revoked_at.is_null()))
        .filter(sessions::session_id.ne(keep.unwrap_or_default()));
    let ended: Vec<(TenantId, SessionId)> = tx.load(
        diesel::update(open)
            .set(sessions::revoked_at.eq(now))
            .returning((sessions::tenant_id, sessions::session_id)),
    )?;
    for (tenant, session) in &ended {
        revocation::record_for(tx, *tenant, Subject::Session(session.as_uuid()))?;
    }
    Ok(ended)
}

/// Deletes sessions that ended before `before`, with their tokens.
pub(crate) fn sweep(tx: &mut SystemTx<'_>, before: DateTime<Utc>) -> Result<usize, Error> {
    Ok(tx.execute(diesel::delete(sessions::table.filter(sessions::expires_at.lt(before))))?)
}
