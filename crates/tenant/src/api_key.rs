//! API keys: long-lived credentials for programs, shown once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{
    Caller, Permit, Principal, Query, Scopes, SystemTx, TenantId, TenantScope, TenantTx, Write, bytes,
};

use crate::error::Error;
use crate::id::ApiKeyId;
use crate::input::Rules;
use crate::permission::{ManageApiKeys, ReadApiKeys};
use crate::revocation::{self, Subject};
use crate::schema::api_keys;

/// What every key begins with, so that scanners find leaked ones.
pub const PREFIX: &str = "vz_live_";

/// An API key, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable)]
#[diesel(table_name = api_keys)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// The key's id.
    #[diesel(column_name = key_id)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// Its last characters, to recognise it by.
    pub hint: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Who made it: `person:<id>` or `api_key:<id>`.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to about a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What makes an API key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// What it may do: permissions that its maker has.
    pub scopes: Vec<String>,
    /// Until when it works; for ever when absent.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A new key with its secret, which is told this once.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct CreatedApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// The secret: send it as `Authorization: Bearer`. Absent in the answer to a repeated request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A key's text: prefix, then base64url of tenant (16 bytes), secret (32) and CRC-32 of both (4),
/// which tells typing errors and garbage from real keys without asking the database.
pub(crate) struct KeyText {
    pub(crate) tenant: Uuid,
    secret: [u8; 32],
}

impl KeyText {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok().filter(|b| b.len() == 52)?;
        let (body, sum) = bytes.split_at_checked(48)?;
        let (tenant, secret) = body.split_at_checked(16)?;
        (crc32(body).to_be_bytes() == *sum)
            .then_some(Self { tenant: Uuid::from_slice(tenant).ok()?, secret: secret.try_into().ok()? })
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret).to_vec()
    }
}

impl std::fmt::Display for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = [self.tenant.as_bytes().as_slice(), &self.secret].concat();
        let all = [&body[..], &crc32(&body).to_be_bytes()].concat();
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(all))
    }
}

/// CRC-32 as in zlib and Ethernet (IEEE 802.3).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Makes a key and gives its secret beside it.
pub fn create(
    tx: &mut TenantTx<'_>,
    permit: &Permit<ManageApiKeys>,
    new: &NewApiKey,
) -> Result<(ApiKey, String), Error> {
    // A key that makes keys would outlive its own end.
    if matches!(permit.caller().principal(), Principal::ApiKey(_)) {
        return Err(Error::PersonRequired);
    }
    let now = tx.now();
    let mut rules = Rules::default();
    rules.name("/name", &new.name);
    rules.permissions("/scopes", &new.scopes);
    rules.check("/expires_at", new.expires_at.is_none_or(|end| end > now), "past", "a time to come");
    rules.finish()?;
    if !permit.caller().scopes().covers(&Scopes::new(new.scopes.iter().map(String::as_str))) {
        return Err(Error::ExceedsOwn);
    }
    let text = KeyText { tenant: tx.tenant().as_uuid(), secret: bytes(tx.random()) };
    let secret = text.to_string();
    let id: ApiKeyId = tx.new_id();
    let insert = diesel::insert_into(api_keys::table)
        .values((
            api_keys::tenant_id.eq(tx.tenant()),
            api_keys::key_id.eq(id),
            api_keys::name.eq(new.name.trim()),
            api_keys::hint.eq(format!("…{}", secret.get(secret.len() - 4..).unwrap_or_default())),
            api_keys::secret_hash.eq(text.hash()),
            api_keys::scopes.eq(&new.scopes),
            api_keys::created_by.eq(permit.caller().principal().to_string()),
            api_keys::created_at.eq(now),
            api_keys::expires_at.eq(new.expires_at),
        ))
        .returning(ApiKey::as_returning());
    let key = tx.get_result(insert)?;
    veza_core::usage::record(tx, "tenant.api_keys", 1)?;
    Ok((key, secret))
}

/// One key.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadApiKeys>, id: ApiKeyId) -> Result<ApiKey, Error> {
    let query = api_keys::table.find((tx.tenant(), id)).select(ApiKey::as_select());
    tx.get_result(query).map_err(Error::absent("api_key"))
}

/// Keys, oldest first.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadApiKeys>,
    page: &PageRequest<ApiKeyId>,
) -> Result<Page<ApiKey>, Error> {
    let mut query = api_keys::table
        .filter(api_keys::tenant_id.eq(tx.tenant()))
        .select(ApiKey::as_select())
        .order(api_keys::key_id)
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(api_keys::key_id.gt(after));
    }
    Ok(Page::new(page, tx.load(query)?, |key| key.id))
}

/// Revokes a key, everywhere within a second. Doing it twice is doing it once.
pub fn revoke(tx: &mut TenantTx<'_>, permit: &Permit<ManageApiKeys>, id: ApiKeyId) -> Result<(), Error> {
    let now = tx.now();
    let this = api_keys::table.find((tx.tenant(), id));
    let key = this.select(ApiKey::as_select()).for_update();
    let key: ApiKey = tx.get_result(key).map_err(Error::absent("api_key"))?;
    if !permit.caller().scopes().covers(&Scopes::new(key.scopes.iter().map(String::as_str))) {
        return Err(Error::ExceedsOwn);
    }
    if key.revoked_at.is_none() {
        tx.execute(diesel::update(this).set(api_keys::revoked_at.eq(now)))?;
        revocation::record(tx, Subject::ApiKey(id.as_uuid()))?;
    }
    Ok(())
}

/// A verified key: the caller and until when.
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// The caller behind a key, and notes that it was used.
pub(crate) fn verify(tx: &mut SystemTx<'_>, text: &KeyText) -> Result<Option<Verified>, Error> {
    let now = tx.now();
    let live = api_keys::table
        .filter(api_keys::tenant_id.eq(text.tenant).and(api_keys::secret_hash.eq(text.hash())))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)));
    let used = diesel::update(live).set(api_keys::last_used_at.eq(now)).returning((
        api_keys::tenant_id,
        api_keys::key_id,
        api_keys::scopes,
        api_keys::expires_at,
    ));
    let row = tx.find_result::<(TenantId, Uuid, Vec<String>, Option<DateTime<Utc>>), _>(used)?;
    Ok(row.map(|(tenant, id, scopes, expires_at)| Verified {
        caller: Caller::verified(tenant, Principal::ApiKey(id), Scopes::new(scopes)),
        expires_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn keys_survive_reading_and_no_change() {
        let key = KeyText { tenant: Uuid::from_u128(7), secret: [9; 32] };
        let text = key.to_string();
        assert_eq!(text.len(), PREFIX.len() + 70);
        let read = KeyText::parse(&text).unwrap();
        assert_eq!((read.tenant, read.secret), (key.tenant, key.secret));
        for position in PREFIX.len()..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            assert!(KeyText::parse(std::str::from_utf8(&altered).unwrap()).is_none(), "{position}");
        }
        assert!(KeyText::parse(&format!("{text}A")).is_none());
    }
}
