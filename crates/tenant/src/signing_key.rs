//! The keys that sign access tokens: made ahead of time, published before they sign, sealed at rest.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use diesel::prelude::*;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;
use veza_core::{Db, Query, Random, Reason, SystemTx, Timestamp, Write, bytes};

use crate::error::Error;
use crate::keyring::Keyring;
use crate::schema::signing_keys;

/// A key is published this long before it signs, so that every cache of the key set knows it.
const AHEAD: TimeDelta = TimeDelta::hours(24);
/// And this long after at least, so that the last token it signed can be verified.
const BEHIND: TimeDelta = TimeDelta::hours(1);

/// A key pair in memory.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    public: Vec<u8>,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
    signs_from: Timestamp,
}

/// One entry of the key set (RFC 7517, RFC 8037).
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Jwk {
    /// Key type: `OKP`.
    pub kty: &'static str,
    /// Curve: `Ed25519`.
    pub crv: &'static str,
    /// Use: `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// Algorithm: `EdDSA`.
    pub alg: &'static str,
    /// Key id.
    pub kid: String,
    /// Public key, base64url.
    pub x: String,
}

/// The published keys.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct JwkSet {
    /// The keys, next ones included.
    pub keys: Vec<Jwk>,
}

/// What this process knows of the keys.
#[derive(Default)]
pub(crate) struct SigningKeys {
    known: RwLock<Arc<Vec<SigningKey>>>,
}

impl SigningKeys {
    fn all(&self) -> Arc<Vec<SigningKey>> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `sign` with the key in force at `now`.
    pub(crate) fn with_current<T>(
        &self,
        now: Timestamp,
        sign: impl FnOnce(&SigningKey) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let keys = self.all();
        let current = keys.iter().filter(|key| key.signs_from <= now).max_by_key(|key| key.signs_from);
        current.ok_or(Error::Crypto("no key to sign with")).and_then(sign)
    }

    /// Runs `verify` with the key of this id, if it is published.
    pub(crate) fn with<T>(&self, id: &str, verify: impl FnOnce(&SigningKey) -> T) -> Option<T> {
        self.all().iter().find(|key| key.id == id).map(verify)
    }

    /// The public half of all of them.
    pub(crate) fn jwks(&self) -> JwkSet {
        let jwk = |key: &SigningKey| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            usage: "sig",
            alg: "EdDSA",
            kid: key.id.clone(),
            x: URL_SAFE_NO_PAD.encode(&key.public),
        };
        JwkSet { keys: self.all().iter().map(jwk).collect() }
    }

    /// Makes the next key when it is time, deletes those of no more use, and reads all.
    pub(crate) async fn refresh(
        &self,
        db: &Db,
        keyring: &Arc<Keyring>,
        lifetime: TimeDelta,
        token_lifetime: TimeDelta,
    ) -> Result<(), Error> {
        let keyring = Arc::clone(keyring);
        let behind = BEHIND.max(token_lifetime);
        let keys = db
            .system(Reason("tenant.signing_keys"), move |tx| rotate(tx, &keyring, lifetime, behind))
            .await?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

/// Id, public half, sealed private half, and from when until when it signs.
type Row = (String, Vec<u8>, Vec<u8>, Timestamp, Timestamp);

fn rotate(
    tx: &mut SystemTx<'_>,
    keyring: &Keyring,
    lifetime: TimeDelta,
    behind: TimeDelta,
) -> Result<Vec<SigningKey>, Error> {
    let now = tx.now();
    // One process at a time decides; the lock goes with the transaction.
    tx.execute(diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended('tenant.signing_keys', 0))",
    ))?;
    tx.execute(diesel::delete(signing_keys::table.filter(signing_keys::signs_until.lt(now - behind))))?;
    let rows = load(tx)?;
    match rows.iter().map(|row| row.4).max() {
        None => insert(tx, keyring, now, lifetime)?,
        Some(end) if end <= now + AHEAD => insert(tx, keyring, end.max(now), lifetime)?,
        Some(_) => return open_all(keyring, rows),
    }
    let rows = load(tx)?;
    open_all(keyring, rows)
}

fn load(tx: &mut SystemTx<'_>) -> Result<Vec<Row>, Error> {
    let query = signing_keys::table.order(signing_keys::signs_from).select((
        signing_keys::key_id,
        signing_keys::public_key,
        signing_keys::sealed_private_key,
        signing_keys::signs_from,
        signing_keys::signs_until,
    ));
    Ok(tx.load(query)?)
}

fn open_all(keyring: &Keyring, rows: Vec<Row>) -> Result<Vec<SigningKey>, Error> {
    rows.into_iter()
        .map(|(id, public, sealed, signs_from, _)| {
            let private = keyring.unseal(id.as_bytes(), &sealed)?;
            let encoding = EncodingKey::from_ed_der(&private);
            let decoding = DecodingKey::from_ed_der(&public);
            Ok(SigningKey { id, public, encoding, decoding, signs_from })
        })
        .collect()
}

fn insert(
    tx: &mut SystemTx<'_>,
    keyring: &Keyring,
    from: Timestamp,
    lifetime: TimeDelta,
) -> Result<(), Error> {
    let (id, public, sealed) = generate(keyring, tx.random())?;
    let row = (
        signing_keys::key_id.eq(id),
        signing_keys::public_key.eq(public),
        signing_keys::sealed_private_key.eq(sealed),
        signing_keys::created_at.eq(tx.now()),
        signing_keys::signs_from.eq(from),
        signing_keys::signs_until.eq(from + lifetime),
    );
    tx.execute(diesel::insert_into(signing_keys::table).values(row))?;
    Ok(())
}

fn generate(keyring: &Keyring, random: &dyn Random) -> Result<(String, Vec<u8>, Vec<u8>), Error> {
    let failed = |_unspecified| Error::Crypto("no key pair");
    let seed = bytes::<32>(random);
    let pair =
        Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_rejected| Error::Crypto("no key pair"))?;
    let private = pair.to_pkcs8().map_err(failed)?;
    let id = URL_SAFE_NO_PAD.encode(bytes::<12>(random));
    let sealed = keyring.seal(id.as_bytes(), private.as_ref(), random)?;
    Ok((id, pair.public_key().as_ref().to_vec(), sealed))
}
