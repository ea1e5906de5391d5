//! From credentials to a caller: the gate that every request passes.

use std::net::IpAddr;
use std::sync::PoisonError;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use veza_core::{Caller, Principal, Reason, TenantId, Timestamp};

use crate::api_key::{self, KeyText, PREFIX};
use crate::directory::Entry;
use crate::error::Error;
use crate::input::is_slug;
use crate::revocation::Subject;
use crate::service::Tenants;

/// What a request says about who asks and for whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The bearer token: an access token or an API key.
    pub bearer: Option<&'a str>,
    /// `X-Tenant-ID`: an organisation's id or slug.
    pub tenant_header: Option<&'a str>,
    /// The organisation's slug in the host name.
    pub subdomain: Option<&'a str>,
    /// Where the request comes from.
    pub from: Option<IpAddr>,
}

/// A verified caller and what its organisation may do.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Who asks.
    pub caller: Caller,
    /// The organisation's request limit.
    pub requests_per_minute: u32,
}

/// An API key that was verified a moment ago.
#[derive(Debug, Clone)]
pub(crate) struct KnownKey {
    caller: Caller,
    expires_at: Option<Timestamp>,
    verified_at: Timestamp,
}

/// A key is looked up again after this long, which also notes that it is in use.
const KEY_MEMORY: TimeDelta = TimeDelta::seconds(60);

impl Tenants {
    /// Verifies credentials: signature or hash, expiry, revocation, the organisation's state, and
    /// that header and host name mean the same organisation as the token.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Admission, Error> {
        let bearer = credentials.bearer.ok_or(Error::CredentialsMissing)?;
        let caller = if bearer.starts_with(PREFIX) {
            self.verify_key(bearer, credentials.from).await?
        } else {
            self.verify_token(bearer)?
        };
        let entry = self.inner.directory.get(&self.inner.db, caller.tenant()).await?;
        check_hints(&entry, credentials)?;
        if !entry.active {
            return Err(Error::Suspended);
        }
        Ok(Admission { caller, requests_per_minute: entry.requests_per_minute })
    }

    /// The request limit of an organisation that somebody without a token asks something of: it must be active, and
    /// the one that header and host name mean.
    pub async fn visit(&self, tenant: TenantId, credentials: Credentials<'_>) -> Result<u32, Error> {
        let entry = self.inner.directory.get(&self.inner.db, tenant).await?;
        check_hints(&entry, credentials)?;
        if entry.active { Ok(entry.requests_per_minute) } else { Err(Error::Suspended) }
    }

    /// The organisation that header and host name mean, for requests without a token.
    pub(crate) async fn hinted(&self, credentials: Credentials<'_>) -> Result<Option<TenantId>, Error> {
        let mut hinted: Option<TenantId> = None;
        for hint in [credentials.tenant_header, credentials.subdomain].into_iter().flatten() {
            let tenant = self.resolve(hint).await?.ok_or(Error::SignInFailed)?;
            if hinted.is_some_and(|before| before != tenant) {
                return Err(Error::TenantMismatch);
            }
            hinted = Some(tenant);
        }
        Ok(hinted)
    }

    /// The organisation with an id or slug; an id that nobody has resolves all the same and is
    /// refused later, like one where the person has no business.
    pub(crate) async fn resolve(&self, hint: &str) -> Result<Option<TenantId>, Error> {
        match Hint::parse(hint)? {
            Hint::Id(id) => Ok(Some(TenantId::from_verified(id))),
            Hint::Slug(slug) => {
                Ok(self.inner.directory.find_by_slug(&self.inner.db, slug).await?.map(|entry| entry.tenant))
            }
        }
    }

    fn verify_token(&self, text: &str) -> Result<Caller, Error> {
        let now = self.inner.db.clock().now();
        let verified = self.inner.tokens.verify(&self.inner.keys, text, now)?;
        let tenant = verified.caller.tenant();
        let revoked = |subject| self.inner.revocations.covers(tenant, subject, verified.issued);
        let session = verified.caller.session().is_some_and(|id| revoked(Subject::Session(id)));
        let person = match verified.caller.principal() {
            Principal::Person(id) => revoked(Subject::Person(id)),
            Principal::ApiKey(_) | Principal::System => true,
        };
        if session || person { Err(Error::TokenInvalid) } else { Ok(verified.caller) }
    }

    async fn verify_key(&self, text: &str, from: Option<IpAddr>) -> Result<Caller, Error> {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let now = self.inner.db.clock().now();
        let known = self.inner.api_keys.lock().unwrap_or_else(PoisonError::into_inner).get(&digest);
        let age = |known: &KnownKey| now - known.verified_at;
        let fresh = known.filter(|known| (TimeDelta::zero()..KEY_MEMORY).contains(&age(known)));
        let key = match fresh {
            Some(known) => known,
            None => self.look_up_key(digest, text, now, from).await?,
        };
        let Principal::ApiKey(id) = key.caller.principal() else { return Err(Error::TokenInvalid) };
        let revoked =
            self.inner.revocations.covers(key.caller.tenant(), Subject::ApiKey(id), key.verified_at);
        let expired = key.expires_at.is_some_and(|end| end <= now);
        if revoked || expired { Err(Error::TokenInvalid) } else { Ok(key.caller) }
    }

    async fn look_up_key(
        &self,
        digest: [u8; 32],
        text: &str,
        now: Timestamp,
        from: Option<IpAddr>,
    ) -> Result<KnownKey, Error> {
        let parsed = KeyText::parse(text).ok_or(Error::TokenInvalid)?;
        self.inner.misses.check(from, now)?;
        let found =
            self.inner.db.system(Reason("tenant.api_key"), move |tx| api_key::verify(tx, &parsed)).await?;
        let mut remembered = self.inner.api_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(verified) = found else {
            remembered.remove(&digest);
            self.inner.misses.count(from, now);
            return Err(Error::TokenInvalid);
        };
        let known = KnownKey { caller: verified.caller, expires_at: verified.expires_at, verified_at: now };
        remembered.insert(digest, known.clone());
        Ok(known)
    }

    /// Takes note of a revocation at once, before the next look.
    pub(crate) fn revoked(&self, tenant: TenantId, subject: Subject) {
        self.inner.revocations.note(tenant, subject, self.inner.db.clock().now());
        if subject == Subject::Organization {
            self.inner.directory.forget(tenant);
        }
    }
}

enum Hint<'a> {
    Id(Uuid),
    Slug(&'a str),
}

impl<'a> Hint<'a> {
    /// An id in its usual form, or a slug; nothing that merely looks like one.
    fn parse(text: &'a str) -> Result<Self, Error> {
        if text.len() == 36
            && let Ok(id) = text.parse()
        {
            return Ok(Self::Id(id));
        }
        if is_slug(text) { Ok(Self::Slug(text)) } else { Err(Error::TenantHeaderInvalid) }
    }
}

/// Whatever the request names must be the token's own organisation.
fn check_hints(entry: &Entry, credentials: Credentials<'_>) -> Result<(), Error> {
    for hint in [credentials.tenant_header, credentials.subdomain].into_iter().flatten() {
        let same = match Hint::parse(hint)? {
            Hint::Id(id) => id == entry.tenant.as_uuid(),
            Hint::Slug(slug) => slug == entry.slug,
        };
        if !same {
            return Err(Error::TenantMismatch);
        }
    }
    Ok(())
}
