//! Changing keys, and destroying them.
//!
//! No stored byte is touched: a key is changed by wrapping again what it wrapped, and destroyed by dropping it.

mod rewrap;
mod root;
mod shred;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use veza_core::{Caller, Permit, TenantScope, TenantTx, Write};
use veza_jobs::enqueue;

pub use self::rewrap::RewrapKeys;
pub use self::root::Rewrapped;
pub use self::shred::{Shredded, shred};
use crate::crypt::TenantKeyId;
use crate::permission::{ManageKeys, ReadBuckets};
use crate::schema::{contents, tenant_keys};
use crate::{Error, Storage};

/// A key of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Key {
    /// The key's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: TenantKeyId,
    /// Whether it encrypts what is stored now.
    pub current: bool,
    /// The version of the deployment's root key that encrypts it.
    pub root: String,
    /// Contents that it encrypts; while a key is changed, those that are to be changed yet.
    pub contents: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_at: Option<DateTime<Utc>>,
}

type Found = (TenantKeyId, bool, String, DateTime<Utc>, Option<DateTime<Utc>>);

/// The keys of the organisation, the latest first. There are few: one for each change.
pub fn list(tx: &mut impl TenantScope, _: &Permit<ReadBuckets>) -> Result<Vec<Key>, Error> {
    let all = tenant_keys::table
        .filter(tenant_keys::tenant_id.eq(tx.tenant()))
        .order(tenant_keys::key_id.desc())
        .select((
            tenant_keys::key_id,
            tenant_keys::current,
            tenant_keys::root_id,
            tenant_keys::created_at,
            tenant_keys::dropped_at,
        ))
        .limit(1_000);
    let found: Vec<Found> = tx.load(all)?;
    let mut keys = Vec::new();
    for (id, current, root, created_at, dropped_at) in found {
        let wrapped =
            contents::table.filter(contents::tenant_id.eq(tx.tenant()).and(contents::key_id.eq(id)));
        let contents = tx.get_result(wrapped.count())?;
        keys.push(Key { id, current, root, contents, created_at, dropped_at });
    }
    Ok(keys)
}

impl Storage {
    /// Gives the organisation a new key. What is stored from now on is encrypted with it; a job wraps the data keys of
    /// what is there with it, and drops the old key then.
    ///
    /// # Errors
    /// [`Error::Setup`] without a root key.
    pub async fn rotate_key(&self, caller: &Caller, _: &Permit<ManageKeys>) -> Result<TenantKeyId, Error> {
        let Some(keys) = self.keys() else { return Err(Error::Setup(NO_ROOT.to_owned())) };
        let new = keys.generate(caller).await?;
        let switch = move |tx: &mut TenantTx<'_>| {
            tx.one_at_a_time("storage.tenant_keys")?;
            let current =
                tenant_keys::table.filter(tenant_keys::tenant_id.eq(tx.tenant()).and(tenant_keys::current));
            tx.execute(diesel::update(current).set(tenant_keys::current.eq(false)))?;
            new.keep(tx)?;
            enqueue(tx, &RewrapKeys {})?;
            Ok::<_, Error>(new.id)
        };
        self.db().tenant(caller, switch).await
    }
}

const NO_ROOT: &str = "there is no root key, and nothing is encrypted";
