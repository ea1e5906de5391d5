//! URLs that let somebody without credentials read or store one object for a time.
//!
//! A signature is an HMAC-SHA-256, by a key of the tenant's own, of all that the URL allows. It holds until it expires
//! or the tenant's key is ended, also when who signed it loses the right to. Nothing is kept of it.

mod grant;
mod key;
mod verify;
mod version;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use veza_core::{Caller, TenantId};

pub use self::grant::Grant;
pub use self::verify::Verified;
use crate::bucket;
use crate::id::{BucketId, VersionId};
use crate::input::{Rules, is_media_type};
use crate::permission::{ManageBuckets, ReadObjects, WriteObjects};
use crate::{Error, ObjectKey, Storage, percent};

/// A URL holds for at most so long.
pub const LONGEST: TimeDelta = TimeDelta::days(7);

/// What a signed URL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Action {
    /// Reading the object, by `GET` or `HEAD`.
    Get,
    /// Storing it.
    Put,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
        }
    }
}

/// What is to be allowed.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// What may be done.
    pub action: Action,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key.
    pub key: ObjectKey,
    /// Which version is read; what the key shows then when absent.
    pub version: Option<VersionId>,
    /// For how long.
    pub lifetime: TimeDelta,
    /// The media type that is stored.
    pub content_type: Option<String>,
    /// The most bytes that are stored.
    pub max_bytes: Option<i64>,
}

impl NewGrant {
    fn check(&self) -> Result<(), Error> {
        let mut rules = Rules::default();
        let lifetime = (TimeDelta::seconds(1)..=LONGEST).contains(&self.lifetime);
        rules.check("/expires_in", lifetime, "out_of_range", "1 to 604800 seconds");
        let puts = self.action == Action::Put;
        rules.check("/version_id", !puts || self.version.is_none(), "not_both", "only to read");
        let typed = self.content_type.as_ref();
        rules.check("/content_type", puts || typed.is_none(), "not_both", "only to store");
        let is_type = typed.is_none_or(|kind| is_media_type(kind));
        rules.check("/content_type", is_type, "content_type", "a media type such as image/png");
        rules.check("/max_bytes", puts || self.max_bytes.is_none(), "not_both", "only to store");
        rules.check("/max_bytes", self.max_bytes.is_none_or(|most| most >= 0), "out_of_range", "0 or more");
        rules.finish()
    }
}

/// A grant and its signature.
#[derive(Debug, Clone)]
pub struct SignedGrant {
    /// What it allows.
    pub grant: Grant,
    /// The tenant that it is about.
    pub tenant: TenantId,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// The signature: 32 bytes.
    pub signature: Vec<u8>,
}

impl SignedGrant {
    /// The URL, without scheme and host, as the routes of the feature `http` read it. Who has it may do what it says.
    pub fn url(&self) -> String {
        let grant = &self.grant;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
        let mut url = format!(
            "/v1/storage/signed/{}/{}/{}?expires={}&by={}&key_id={}",
            self.tenant,
            grant.bucket,
            percent::path(grant.key.as_str()),
            grant.expires,
            percent::encode(&grant.by, plain),
            grant.key_id,
        );
        let others = [
            ("version", grant.version.map(|version| version.to_string())),
            ("content_type", grant.content_type.clone()),
            ("max_bytes", grant.max_bytes.map(|most| most.to_string())),
            ("signature", Some(BASE64.encode(&self.signature))),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                url.extend(["&", name, "=", &percent::encode(&value, plain)]);
            }
        }
        url
    }
}

impl Storage {
    /// Signs that somebody may do something. Who signs needs the right to do it; the object need not be there.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::Absent`] without the bucket, [`Error::NoRootKey`].
    pub async fn sign(&self, caller: &Caller, new: NewGrant) -> Result<SignedGrant, Error> {
        match new.action {
            Action::Get => caller.permit::<ReadObjects>().map(drop)?,
            Action::Put => caller.permit::<WriteObjects>().map(drop)?,
        }
        new.check()?;
        let name = new.bucket.clone();
        let bucket: BucketId =
            self.db().read(caller, move |tx| Ok::<_, Error>(bucket::find(tx, &name)?.id)).await?;
        let key = self.signing_key(caller).await?;
        let expires = (self.db().clock().now() + new.lifetime).timestamp();
        let grant = Grant {
            action: new.action,
            bucket: new.bucket,
            key: new.key,
            version: new.version,
            expires,
            by: caller.principal().to_string(),
            content_type: new.content_type,
            max_bytes: new.max_bytes,
            key_id: key.id(),
        };
        let signature = key.sign(&grant.text(caller.tenant(), bucket));
        let expires_at = DateTime::from_timestamp(expires, 0).unwrap_or_default();
        Ok(SignedGrant { grant, tenant: caller.tenant(), expires_at, signature })
    }

    /// Ends all URLs that the tenant signed so far.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; the database's own.
    pub async fn end_signatures(&self, caller: &Caller) -> Result<(), Error> {
        let _permit = caller.permit::<ManageBuckets>()?;
        self.db().tenant(caller, key::end).await
    }
}
