//! Creating something once, however often the request arrives.
//!
//! The key is taken, the thing created and the answer kept in one transaction. A second request
//! with the same key waits for the first to end and then gets the first one's answer.

use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::caller::Principal;
use crate::clock::Timestamp;
use crate::db::{DbError, SystemTx, TenantScope, TenantTx, Write};
use crate::fault::{Fault, Kind};
use crate::id::TenantId;
use crate::schema::idempotency_keys as keys;

/// A client's `Idempotency-Key` together with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    principal: String,
    fingerprint: Vec<u8>,
}

impl IdempotencyKey {
    /// The key `key` of `principal` for a request whose method, path and body are `request`.
    /// A key is 1 to 255 visible ASCII characters.
    pub fn new(key: &str, principal: Principal, request: &[&[u8]]) -> Result<Self, IdempotencyError> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IdempotencyError::Malformed);
        }
        let mut fingerprint = Sha256::new();
        for part in request {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            fingerprint.update(length.to_be_bytes());
            fingerprint.update(part);
        }
        Ok(Self {
            key: key.to_owned(),
            principal: principal.to_string(),
            fingerprint: fingerprint.finalize().to_vec(),
        })
    }
}

/// The outcome of [`once`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once<T> {
    /// What was created.
    pub value: T,
    /// Whether it was created by an earlier request.
    pub replayed: bool,
}

/// Runs `create` unless a request with the same key did before, whose answer is given then.
/// Without a key it always runs. What is kept is `T` as JSON: nothing secret belongs in it.
pub fn once<'c, T, E>(
    tx: &mut TenantTx<'c>,
    key: Option<&IdempotencyKey>,
    create: impl FnOnce(&mut TenantTx<'c>) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    T: Serialize + DeserializeOwned,
    E: From<DbError> + From<IdempotencyError>,
{
    let tenant = tx.tenant();
    once_for(tx, tenant, key, create)
}

/// The same in a transaction that has no tenant of its own; `tenant` is where the key is kept.
pub fn once_for<W, T, E>(
    tx: &mut W,
    tenant: TenantId,
    key: Option<&IdempotencyKey>,
    create: impl FnOnce(&mut W) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    W: Write,
    T: Serialize + DeserializeOwned,
    E: From<DbError> + From<IdempotencyError>,
{
    let Some(key) = key else { return create(tx).map(|value| Once { value, replayed: false }) };
    let row = (
        keys::tenant_id.eq(tenant),
        keys::principal.eq(&key.principal),
        keys::key.eq(&key.key),
        keys::fingerprint.eq(&key.fingerprint),
        keys::created_at.eq(tx.now()),
    );
    let taken = tx.execute(diesel::insert_into(keys::table).values(row).on_conflict_do_nothing())?;
    let this = keys::table.find((tenant, &key.principal, &key.key));
    if taken == 0 {
        return replay(tx.get_result(this.select((keys::fingerprint, keys::response)))?, key);
    }
    let value = create(tx)?;
    let response = serde_json::to_value(&value).map_err(|_unserialisable| IdempotencyError::Unreadable)?;
    tx.execute(diesel::update(this).set(keys::response.eq(response)))?;
    Ok(Once { value, replayed: false })
}

/// Forgets keys from before `before`: they can be used again.
pub fn sweep(tx: &mut SystemTx<'_>, before: Timestamp) -> Result<usize, DbError> {
    tx.execute(diesel::delete(keys::table.filter(keys::created_at.lt(before))))
}

fn replay<T: DeserializeOwned, E: From<IdempotencyError>>(
    (fingerprint, response): (Vec<u8>, Option<serde_json::Value>),
    key: &IdempotencyKey,
) -> Result<Once<T>, E> {
    if fingerprint != key.fingerprint {
        return Err(IdempotencyError::Reused.into());
    }
    let value = response.and_then(|response| serde_json::from_value(response).ok());
    value.map(|value| Once { value, replayed: true }).ok_or_else(|| IdempotencyError::Unreadable.into())
}

/// An idempotency key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdempotencyError {
    /// Empty, too long or with characters that do not belong.
    #[error("an idempotency key has 1 to 255 visible ASCII characters")]
    Malformed,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request; use a new one")]
    Reused,
    /// The kept answer was made by a program that kept another form.
    #[error("the answer kept for the idempotency key cannot be read")]
    Unreadable,
}

impl Fault for IdempotencyError {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed => Kind::Invalid,
            Self::Reused => Kind::Conflict,
            Self::Unreadable => Kind::Internal,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "core.idempotency.malformed",
            Self::Reused => "core.idempotency.key_reused",
            Self::Unreadable => "core.internal",
        }
    }
}
