//! The rules of a bucket.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cors::CorsRule;
use crate::Error;
use crate::input::{Rules, is_media_type};
use crate::schema::buckets;

/// Who may read objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Access {
    /// Those with the permission to, and with a signed URL.
    #[default]
    Private,
    /// Everybody who knows the URL.
    PublicRead,
}

impl Access {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::PublicRead => "public_read",
        }
    }
}

/// What retention forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "http", schema(example = "governance"))]
pub enum RetentionMode {
    /// Deleting, but for those with the permission `storage.retention.manage`, who may also shorten it.
    Governance,
    /// Deleting and shortening, for everybody.
    Compliance,
}

impl RetentionMode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }

    pub(crate) fn read(text: &str) -> Self {
        if text == "compliance" { Self::Compliance } else { Self::Governance }
    }
}

/// For how long a new version is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RetentionRule {
    /// What it forbids.
    pub mode: RetentionMode,
    /// For so many days from when the version was stored, 1 to 36500.
    pub days: i32,
}

/// The rules of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct BucketSettings {
    /// Who may read objects.
    pub access: Access,
    /// Whether an object that is overwritten or deleted keeps what it was as a version.
    pub versioning: bool,
    /// Whether stored bytes are encrypted. A deployment without a root key cannot.
    pub encryption: bool,
    /// The most bytes of an object; as much as the deployment allows when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_object_bytes: Option<i64>,
    /// The media types that objects may have, such as `image/*` or `application/pdf`; all when empty.
    pub allowed_types: Vec<String>,
    /// Which other origins may use it from a browser.
    pub cors: Vec<CorsRule>,
    /// Where a webhook goes when something public changes, with the paths that caches must forget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_url: Option<String>,
    /// For how long new versions are retained. It needs versioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionRule>,
}

impl Default for BucketSettings {
    fn default() -> Self {
        Self {
            access: Access::Private,
            versioning: false,
            encryption: true,
            max_object_bytes: None,
            allowed_types: Vec::new(),
            cors: Vec::new(),
            purge_url: None,
            retention: None,
        }
    }
}

/// Rules to change; what is absent stays, and `null` takes a limit away.
#[allow(clippy::option_option, reason = "absent and null are told apart")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct BucketChange {
    /// Who may read objects.
    pub access: Option<Access>,
    /// Whether an object that is overwritten or deleted keeps what it was as a version.
    pub versioning: Option<bool>,
    /// Whether bytes that are stored from now on are encrypted.
    pub encryption: Option<bool>,
    /// The most bytes of an object.
    #[serde(deserialize_with = "present")]
    pub max_object_bytes: Option<Option<i64>>,
    /// The media types that objects may have.
    pub allowed_types: Option<Vec<String>>,
    /// Which other origins may use it from a browser.
    pub cors: Option<Vec<CorsRule>>,
    /// Where a webhook goes when something public changes.
    #[serde(deserialize_with = "present")]
    pub purge_url: Option<Option<String>>,
    /// For how long new versions are retained.
    #[serde(deserialize_with = "present")]
    pub retention: Option<Option<RetentionRule>>,
}

/// Tells `null` from what is absent.
#[allow(clippy::option_option, reason = "absent and null are told apart")]
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(source).map(Some)
}

impl BucketChange {
    /// Encryption that is asked for must be possible: it is never left out unsaid.
    pub(super) fn check_encryption(&self, root: &str, can_encrypt: bool, rules: &mut Rules) {
        rules.check(
            &format!("{root}/encryption"),
            can_encrypt || self.encryption != Some(true),
            "root_key",
            "only where the deployment has a root key (storage.root_key_file)",
        );
    }
}

impl BucketSettings {
    pub(super) fn changed(&self, change: &BucketChange) -> Self {
        let change = change.clone();
        Self {
            access: change.access.unwrap_or(self.access),
            versioning: change.versioning.unwrap_or(self.versioning),
            encryption: change.encryption.unwrap_or(self.encryption),
            max_object_bytes: change.max_object_bytes.unwrap_or(self.max_object_bytes),
            allowed_types: change.allowed_types.unwrap_or_else(|| self.allowed_types.clone()),
            cors: change.cors.unwrap_or_else(|| self.cors.clone()),
            purge_url: change.purge_url.unwrap_or_else(|| self.purge_url.clone()),
            retention: change.retention.unwrap_or(self.retention),
        }
    }

    /// Notes what breaks a rule, below `root` in the input.
    pub(super) fn check(&self, root: &str, rules: &mut Rules) {
        let mut check =
            |field: &str, holds: bool, code, rule| rules.check(&format!("{root}/{field}"), holds, code, rule);
        check(
            "max_object_bytes",
            self.max_object_bytes.is_none_or(|most| most > 0),
            "out_of_range",
            "1 or more",
        );
        let pattern = |kind: &String| is_media_type(&kind.replace("/*", "/x"));
        let types = self.allowed_types.len() <= 100 && self.allowed_types.iter().all(pattern);
        check("allowed_types", types, "content_type", "at most 100 media types such as image/png or image/*");
        check(
            "cors",
            self.cors.len() <= 20 && self.cors.iter().all(CorsRule::holds),
            "cors",
            "at most 20 rules, each with at most 100 origins such as https://app.example, methods that exist, at most 100 names of headers, and at most 86400 seconds",
        );
        check(
            "purge_url",
            self.purge_url.as_deref().is_none_or(crate::purge::is_possible),
            "url",
            "an absolute https URL without user and password, of 2,000 characters at most, where webhooks are sent",
        );
        let days = self.retention.is_none_or(|rule| (1..=36_500).contains(&rule.days));
        check("retention/days", days, "out_of_range", "1 to 36500");
        check(
            "retention",
            self.retention.is_none() || self.versioning,
            "versioning",
            "only where versioning is on",
        );
    }

    /// Whether an object may be of this type.
    pub(crate) fn allows(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fits = |pattern: &String| match pattern.strip_suffix("/*") {
            Some(kind) => essence.split('/').next() == Some(kind),
            None => essence == *pattern,
        };
        self.allowed_types.is_empty() || self.allowed_types.iter().any(fits)
    }

    pub(super) fn values(&self) -> Result<Row, Error> {
        let json = |rules: &Vec<CorsRule>| {
            serde_json::to_value(rules).map_err(|error| Error::Setup(error.to_string()))
        };
        Ok(Row {
            access: self.access.as_str().to_owned(),
            versioning: self.versioning,
            encryption: self.encryption,
            max_object_bytes: self.max_object_bytes,
            allowed_types: self.allowed_types.clone(),
            cors: json(&self.cors)?,
            purge_url: self.purge_url.clone(),
            retention_mode: self.retention.map(|rule| rule.mode.as_str().to_owned()),
            retention_days: self.retention.map(|rule| rule.days),
        })
    }
}

/// The columns that hold them.
#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = buckets, treat_none_as_null = true)]
pub(crate) struct Row {
    access: String,
    versioning: bool,
    encryption: bool,
    max_object_bytes: Option<i64>,
    allowed_types: Vec<String>,
    cors: Value,
    purge_url: Option<String>,
    retention_mode: Option<String>,
    retention_days: Option<i32>,
}

impl From<Row> for BucketSettings {
    fn from(row: Row) -> Self {
        let mode = row.retention_mode.as_deref().map(RetentionMode::read);
        Self {
            access: if row.access == "public_read" { Access::PublicRead } else { Access::Private },
            versioning: row.versioning,
            encryption: row.encryption,
            max_object_bytes: row.max_object_bytes,
            allowed_types: row.allowed_types,
            // What we wrote can be read.
            cors: serde_json::from_value(row.cors).unwrap_or_default(),
            purge_url: row.purge_url,
            retention: mode.zip(row.retention_days).map(|(mode, days)| RetentionRule { mode, days }),
        }
    }
}
