//! Getting in: creating an organisation, accepting an invitation.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::idempotency::{IdempotencyKey, Once, once_for};
use veza_core::{Query, Reason, SystemTx, TenantId, Write};

use crate::error::Error;
use crate::id::PersonId;
use crate::input::{Email, Rules};
use crate::keyring::Purpose;
use crate::organization::{self, NewOrganization, Organization};
use crate::schema::organizations;
use crate::service::{Tenants, delta};
use crate::sign_in::TokenPair;
use crate::{invitation, person, session};

/// By whose leave an organisation is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signup {
    /// Anybody's, where `tenant.open_signup` allows it.
    Open,
    /// That of the first-run link, as long as there is no organisation.
    FirstRun(String),
    /// The operator's.
    Operator,
}

/// What accepts an invitation.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Acceptance {
    /// The token in the link.
    pub token: String,
    /// The name of a person who is new here.
    #[serde(default)]
    pub name: Option<String>,
    /// A new person's password to be: 10 to 200 characters. A known person's as it is.
    pub password: String,
}

impl std::fmt::Debug for Acceptance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptance { .. }")
    }
}

/// Someone who is about to become a member.
#[derive(Clone)]
enum Joiner {
    /// Proved who they are with the password behind this hash.
    Known { id: PersonId, proof: String },
    /// Nobody knew them.
    New { email: Email, name: String, hash: String },
    /// Somebody claimed the address before, and proved nothing; this one got mail there.
    Claims { id: PersonId, name: String, hash: String },
}

impl Joiner {
    /// The person; `invited` is who reached us through a link in their mail.
    fn person(&self, tx: &mut SystemTx<'_>, invited: bool) -> Result<PersonId, Error> {
        match self {
            Self::Known { id, .. } if invited => person::verify(tx, *id).map(|()| *id),
            Self::Known { id, .. } => Ok(*id),
            Self::New { email, name, hash } => person::create(tx, email, name, hash, invited),
            Self::Claims { id, name, hash } => person::claim(tx, *id, name, hash).map(|()| *id),
        }
    }

    fn proof(&self) -> Option<&str> {
        match self {
            Self::Known { proof, .. } => Some(proof),
            Self::New { .. } | Self::Claims { .. } => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Created {
    tenant: Uuid,
    owner: Uuid,
}

/// Keeps "is there an organisation yet?" true until the first is there.
const FIRST_RUN_LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('tenant.first_run', 0))";

impl Tenants {
    /// The token of the first-run link. It follows from the root secret, and creates the first
    /// organisation and no other.
    pub fn first_run_token(&self) -> String {
        let code = self.inner.keyring.code(Purpose::FirstRun, &[]);
        format!("vzs_{}", URL_SAFE_NO_PAD.encode(code))
    }

    /// Whether there is no organisation yet.
    pub async fn is_first_run(&self) -> Result<bool, Error> {
        self.inner.db.system(Reason("tenant.first_run"), is_empty).await
    }

    /// Creates an organisation with its default roles and its owner, in one transaction.
    pub async fn create_organization(
        &self,
        new: &NewOrganization,
        signup: Signup,
        key: Option<IdempotencyKey>,
    ) -> Result<Once<(Organization, PersonId)>, Error> {
        let email = new.check()?;
        self.check_signup(&signup)?;
        let owner = &new.owner;
        let joiner = self.joiner(email, &owner.name, &owner.password, false).await?;
        let new = new.clone();
        self.inner
            .db
            .system(Reason("tenant.create_organization"), move |tx| {
                let created = once_for(tx, TenantId::from_verified(Uuid::nil()), key.as_ref(), |tx| {
                    tx.execute(diesel::sql_query(FIRST_RUN_LOCK))?;
                    if matches!(signup, Signup::FirstRun(_)) && !is_empty(tx)? {
                        return Err(Error::SignupClosed);
                    }
                    let owner = joiner.person(tx, false)?;
                    if let Some(proof) = joiner.proof() {
                        person::hold_hash(tx, owner, proof)?;
                    }
                    let (organization, _) = organization::create(tx, &new, owner)?;
                    Ok(Created { tenant: organization.id.as_uuid(), owner: owner.as_uuid() })
                })?;
                let organization = organization::find_any(tx, &created.value.tenant.to_string())?;
                let value = (organization, PersonId::from_uuid(created.value.owner));
                Ok(Once { value, replayed: created.replayed })
            })
            .await
    }

    /// Accepts an invitation: makes the person if they are new, makes them a member, signs them in.
    pub async fn accept_invitation(
        &self,
        acceptance: &Acceptance,
        user_agent: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let (keyring, token) = (Arc::clone(&self.inner.keyring), acceptance.token.clone());
        let reason = Reason("tenant.accept_invitation");
        let (early, text) = (Arc::clone(&keyring), token.clone());
        let offer =
            self.inner.db.system(reason, move |tx| invitation::open_offer(tx, &early, &text, false)).await?;
        let email = Email::parse(&offer.email).ok_or(Error::InvitationInvalid)?;
        let name = acceptance.name.as_deref().unwrap_or_default();
        let joiner = self.joiner(email, name, &acceptance.password, true).await?;
        let user_agent = user_agent.map(str::to_owned);
        let lifetime = delta(self.inner.config.session_lifetime);
        let max_members = self.inner.config.max_members;
        let grant = self
            .inner
            .db
            .system(reason, move |tx| {
                let offer = invitation::open_offer(tx, &keyring, &token, true)?;
                let organization = organization::hold(tx, offer.tenant)?;
                organization::check_member_limit(tx, &organization, max_members)?;
                let role = offer.role.ok_or(Error::InvitationInvalid)?;
                let person = joiner.person(tx, true)?;
                person::join(tx, offer.tenant, person, role)?;
                invitation::accept(tx, &offer)?;
                session::begin(tx, offer.tenant, person, joiner.proof(), user_agent.as_deref(), lifetime)
            })
            .await?;
        self.pair(&grant)
    }

    fn check_signup(&self, signup: &Signup) -> Result<(), Error> {
        match signup {
            Signup::Operator => Ok(()),
            Signup::Open if self.inner.config.open_signup => Ok(()),
            Signup::Open => Err(Error::SignupClosed),
            Signup::FirstRun(token) => {
                let expected = self.first_run_token();
                aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes())
                    .map_err(|_unequal| Error::SignupClosed)
            }
        }
    }

    /// A known person proves who they are; a new one gets name and password. `invited` is who reached
    /// us through a link in their mail: the address is theirs, whoever claimed it before.
    async fn joiner(&self, email: Email, name: &str, password: &str, invited: bool) -> Result<Joiner, Error> {
        let known = self.find_person(email.clone()).await?;
        let mut claimed = None;
        if let Some((person, hash)) = known {
            let right = self.inner.passwords.verify(password, hash.clone()).await?;
            match hash.filter(|_| right) {
                Some(proof) => return Ok(Joiner::Known { id: person.id, proof }),
                None if invited && person.verified_at.is_none() => claimed = Some(person.id),
                None if invited => return Err(Error::SignInFailed),
                None => return Err(Error::EmailTaken),
            }
        }
        let mut rules = Rules::default();
        rules.name("/name", name);
        rules.password("/password", password);
        rules.finish()?;
        let hash = self.inner.passwords.hash(password, self.inner.db.random()).await?;
        let name = name.to_owned();
        Ok(match claimed {
            Some(id) => Joiner::Claims { id, name, hash },
            None => Joiner::New { email, name, hash },
        })
    }
}

fn is_empty(tx: &mut SystemTx<'_>) -> Result<bool, Error> {
    let any = organizations::table.select(organizations::tenant_id).limit(1);
    Ok(tx.find_result::<Uuid, _>(any)?.is_none())
}
