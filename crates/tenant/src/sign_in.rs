//! Signing in, staying signed in, changing the password.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use veza_core::{Caller, FieldError, Reason, TenantId};

use crate::authenticate::Credentials;
use crate::error::Error;
use crate::id::{PersonId, SessionId};
use crate::input::{Email, Rules};
use crate::person;
use crate::revocation::Subject;
use crate::service::{Tenants, delta};
use crate::session::{self, Grant, Refreshed, person_of};

/// What signs a person in.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct SignIn {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The organisation's id or slug; needed by members of several that name none by header or host.
    #[serde(default)]
    pub organization: Option<String>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIn { .. }")
    }
}

/// What a session gives.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct TokenPair {
    /// Send it as `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// How many seconds the access token holds.
    pub expires_in: i64,
    /// Gives the next pair, once.
    pub refresh_token: String,
    /// When the session ends unless it is refreshed.
    pub refresh_expires_at: chrono::DateTime<chrono::Utc>,
    /// What the access token allows, separated by spaces.
    pub scope: String,
    /// The organisation.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub organization_id: TenantId,
    /// The person.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub person_id: PersonId,
    /// The session.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub session_id: SessionId,
}

impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenPair").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

/// A new password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct PasswordChange {
    /// The password so far.
    pub current_password: String,
    /// The new one: 10 to 200 characters.
    pub new_password: String,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange { .. }")
    }
}

impl Tenants {
    /// Signs a person in to one organisation. A wrong address, a wrong password and a missing
    /// membership are one error, and take equally long.
    pub async fn sign_in(
        &self,
        input: &SignIn,
        hints: Credentials<'_>,
        user_agent: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let signed_in = self.try_sign_in(input, hints, user_agent).await;
        let outcome = match &signed_in {
            Ok(_) => "granted",
            Err(Error::SignInFailed) => "refused",
            Err(_) => "other",
        };
        metrics::counter!("veza_tenant_sign_ins_total", "outcome" => outcome).increment(1);
        signed_in
    }

    async fn try_sign_in(
        &self,
        input: &SignIn,
        hints: Credentials<'_>,
        user_agent: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let email = Email::parse(&input.email).ok_or(Error::SignInFailed);
        let hinted = self.hinted(hints).await;
        let known = match email {
            Ok(email) => self.find_person(email).await?,
            Err(_) => None,
        };
        let hash = known.as_ref().and_then(|(_, hash)| hash.clone());
        let right = self.inner.passwords.verify(&input.password, hash.clone()).await?;
        let Some((person, _)) = known.filter(|_| right) else { return Err(Error::SignInFailed) };
        let tenant = self.choose(person.id, input.organization.as_deref(), hinted?).await?;
        let grant = self.begin(tenant, person.id, hash.clone(), user_agent).await?;
        self.rehash(person.id, &input.password, hash).await;
        self.pair(&grant)
    }

    /// Lets a session go on with a new pair; the old refresh token is used up.
    pub async fn refresh(&self, refresh_token: &str) -> Result<TokenPair, Error> {
        let (keyring, token) = (Arc::clone(&self.inner.keyring), refresh_token.to_owned());
        let lifetime = delta(self.inner.config.session_lifetime);
        let grace = delta(self.inner.config.refresh_grace);
        let refreshed = self
            .inner
            .db
            .system(Reason("tenant.refresh"), move |tx| {
                session::refresh(tx, &keyring, &token, lifetime, grace)
            })
            .await?;
        match refreshed {
            Refreshed::Granted(grant) => self.pair(&grant),
            Refreshed::Reused(tenant, session) => {
                tracing::warn!(tenant.id = %tenant, session.id = %session, "a used refresh token came back");
                self.revoked(tenant, Subject::Session(session.as_uuid()));
                Err(Error::RefreshReused)
            }
        }
    }

    /// Ends one of the caller's sessions.
    pub async fn sign_out(&self, caller: &Caller, id: SessionId) -> Result<(), Error> {
        let own = caller.clone();
        self.inner.db.tenant(caller, move |tx| session::revoke(tx, &own, id)).await?;
        self.revoked(caller.tenant(), Subject::Session(id.as_uuid()));
        Ok(())
    }

    /// Changes the caller's password and ends all their other sessions, in every organisation.
    pub async fn change_password(&self, caller: &Caller, change: &PasswordChange) -> Result<(), Error> {
        let person = person_of(caller)?;
        let mut rules = Rules::default();
        rules.password("/new_password", &change.new_password);
        rules.finish()?;
        let reason = Reason("tenant.password");
        let old = self.inner.db.system(reason, move |tx| person::find_hash(tx, person)).await?;
        let right = self.inner.passwords.verify(&change.current_password, old.clone()).await?;
        let Some(old) = old.filter(|_| right) else { return Err(Error::SignInFailed) };
        let hash = self.inner.passwords.hash(&change.new_password, self.inner.db.random()).await?;
        let keep = caller.session();
        let ended = self
            .inner
            .db
            .system(reason, move |tx| {
                person::replace_hash(tx, person, &old, &hash)?;
                session::revoke_others(tx, person, keep)
            })
            .await?;
        for (tenant, session) in ended {
            self.revoked(tenant, Subject::Session(session.as_uuid()));
        }
        Ok(())
    }

    pub(crate) async fn find_person(&self, email: Email) -> Result<Option<person::Known>, Error> {
        self.inner.db.system(Reason("tenant.sign_in"), move |tx| person::find_by_email(tx, &email)).await
    }

    pub(crate) async fn begin(
        &self,
        tenant: TenantId,
        person: PersonId,
        proof: Option<String>,
        user_agent: Option<&str>,
    ) -> Result<Grant, Error> {
        let lifetime = delta(self.inner.config.session_lifetime);
        let user_agent = user_agent.map(str::to_owned);
        self.inner
            .db
            .system(Reason("tenant.sign_in"), move |tx| {
                session::begin(tx, tenant, person, proof.as_deref(), user_agent.as_deref(), lifetime)
            })
            .await
    }

    pub(crate) fn pair(&self, grant: &Grant) -> Result<TokenPair, Error> {
        let random = self.inner.db.random();
        let (access_token, lifetime) = self.inner.tokens.issue(&self.inner.keys, grant, &**random)?;
        Ok(TokenPair {
            access_token,
            token_type: "Bearer",
            expires_in: lifetime.num_seconds(),
            refresh_token: grant.refresh_token.clone(),
            refresh_expires_at: grant.refresh_expires_at,
            scope: grant.scopes.to_string(),
            organization_id: grant.tenant,
            person_id: grant.person,
            session_id: grant.session,
        })
    }

    /// The organisation that was named, or the only one there is.
    async fn choose(
        &self,
        person: PersonId,
        named: Option<&str>,
        hinted: Option<TenantId>,
    ) -> Result<TenantId, Error> {
        let named = match named {
            Some(name) => Some(self.resolve(name).await?.ok_or(Error::SignInFailed)?),
            None => None,
        };
        match (named, hinted) {
            (Some(named), Some(hinted)) if named != hinted => return Err(Error::TenantMismatch),
            (Some(tenant), _) | (None, Some(tenant)) => return Ok(tenant),
            (None, None) => {}
        }
        let all = self
            .inner
            .db
            .system(Reason("tenant.sign_in"), move |tx| person::organizations_of(tx, person))
            .await?;
        let active: Vec<_> = all.iter().filter(|(_, _, state)| state == "active").collect();
        match (active.as_slice(), all.is_empty()) {
            ([only], _) => Ok(only.0),
            ([], false) => Err(Error::Suspended),
            ([], true) => Err(Error::SignInFailed),
            (several, _) => {
                let names: Vec<&str> = several.iter().map(|(_, slug, _)| slug.as_str()).collect();
                let rule = format!("one of {}", names.join(", "));
                Err(Error::OrganizationRequired(vec![FieldError::new("/organization", "required", rule)]))
            }
        }
    }

    /// Brings an old hash up to the parameters in force. Not doing it now means doing it next time.
    async fn rehash(&self, person: PersonId, password: &str, old: Option<String>) {
        let Some(old) = old.filter(|hash| self.inner.passwords.is_outdated(hash)) else { return };
        let Ok(hash) = self.inner.passwords.hash(password, self.inner.db.random()).await else { return };
        let done = self
            .inner
            .db
            .system(Reason("tenant.password"), move |tx| person::replace_hash(tx, person, &old, &hash))
            .await;
        if let Err(error) = done {
            tracing::warn!(%error, "a password could not be hashed anew");
        }
    }
}
