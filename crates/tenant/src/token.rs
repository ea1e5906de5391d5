//! Access tokens: JSON Web Tokens (RFC 9068), signed with Ed25519, verified once and remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use veza_core::id::uuid_v7;
use veza_core::{Caller, Principal, Random, Scopes, TenantId, Timestamp};

use crate::error::Error;
use crate::session::Grant;
use crate::signing_key::SigningKeys;

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    /// The organisation.
    tid: Uuid,
    /// The session.
    sid: Uuid,
    scope: String,
    iat: i64,
    exp: i64,
    /// A UUID version 7: also when the token was made, to the millisecond.
    jti: Uuid,
}

/// A verified access token.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// Makes and verifies access tokens.
pub(crate) struct Tokens {
    issuer: String,
    audience: String,
    lifetime: TimeDelta,
    validation: Validation,
    remembered: Mutex<Generations<Verified>>,
}

impl Tokens {
    pub(crate) fn new(issuer: &str, audience: &str, lifetime: TimeDelta) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is judged by our clock, below.
        validation.validate_exp = false;
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            lifetime,
            validation,
            remembered: Mutex::new(Generations::new(20_000)),
        }
    }

    /// Signs a token for a session.
    pub(crate) fn issue(
        &self,
        keys: &SigningKeys,
        grant: &Grant,
        random: &dyn Random,
    ) -> Result<(String, TimeDelta), Error> {
        let now = grant.issued;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.person.as_uuid(),
            tid: grant.tenant.as_uuid(),
            sid: grant.session.as_uuid(),
            scope: grant.scopes.to_string(),
            iat: now.timestamp(),
            exp: (now + self.lifetime).timestamp(),
            jti: uuid_v7(now, random),
        };
        let token = keys.with_current(now, |key| {
            let mut header = Header::new(Algorithm::EdDSA);
            header.kid = Some(key.id.clone());
            header.typ = Some("at+jwt".to_owned());
            jsonwebtoken::encode(&header, &claims, &key.encoding)
                .map_err(|_unspecified| Error::Crypto("signing failed"))
        })?;
        Ok((token, self.lifetime))
    }

    /// Verifies a token. A token that was verified before costs a hash and a look.
    pub(crate) fn verify(&self, keys: &SigningKeys, text: &str, now: Timestamp) -> Result<Verified, Error> {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let known = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(&digest);
        let verified = if let Some(verified) = known {
            verified
        } else {
            let verified = self.check(keys, text)?;
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.insert(digest, verified.clone());
            verified
        };
        if verified.expires <= now {
            return Err(Error::TokenExpired);
        }
        Ok(verified)
    }

    fn check(&self, keys: &SigningKeys, text: &str) -> Result<Verified, Error> {
        let header = jsonwebtoken::decode_header(text).map_err(|_malformed| Error::TokenInvalid)?;
        // Whatever else the header says, a key of ours verifies Ed25519 and nothing more.
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some("at+jwt") {
            return Err(Error::TokenInvalid);
        }
        let id = header.kid.ok_or(Error::TokenInvalid)?;
        let claims = keys
            .with(&id, |key| jsonwebtoken::decode::<Claims>(text, &key.decoding, &self.validation))
            .ok_or(Error::TokenInvalid)?
            .map_err(|_refused| Error::TokenInvalid)?
            .claims;
        let moment = |seconds| DateTime::from_timestamp(seconds, 0).ok_or(Error::TokenInvalid);
        let issued = claims.jti.get_timestamp().map(|stamp| stamp.to_unix()).ok_or(Error::TokenInvalid)?;
        let seconds = i64::try_from(issued.0).map_err(|_absurd| Error::TokenInvalid)?;
        let issued = DateTime::from_timestamp(seconds, issued.1).ok_or(Error::TokenInvalid)?;
        let tenant = TenantId::from_verified(claims.tid);
        let caller = Caller::verified(tenant, Principal::Person(claims.sub), Scopes::parse(&claims.scope))
            .in_session(claims.sid);
        Ok(Verified { caller, issued, expires: moment(claims.exp)? })
    }
}

/// A bounded memory: when the young half is full it becomes the old half, and the old is forgotten.
pub(crate) struct Generations<V> {
    young: HashMap<[u8; 32], V>,
    old: HashMap<[u8; 32], V>,
    half: usize,
}

impl<V: Clone> Generations<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: capacity.div_ceil(2) }
    }

    pub(crate) fn get(&mut self, key: &[u8; 32]) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.insert(*key, value.clone());
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: [u8; 32], value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &[u8; 32]) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_what_is_used() {
        let mut memory = Generations::new(4);
        let key = |n: u8| [n; 32];
        memory.insert(key(0), 0);
        for n in 1..100 {
            memory.insert(key(n), n);
            assert_eq!(memory.get(&key(0)), Some(0), "{n}");
            assert!(memory.young.len() + memory.old.len() <= 4);
        }
        assert_eq!(memory.get(&key(1)), None);
        memory.remove(&key(0));
        assert_eq!(memory.get(&key(0)), None);
    }
}
