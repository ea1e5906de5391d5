//! What may be changed of an object without storing it again.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::Deserialize;
use serde_json::json;
use veza_core::{Permit, TenantScope, TenantTx, Write};

use super::place::lock;
use super::row::headers;
use super::{Attributes, Condition, Object, current, find};
use crate::Error;
use crate::bucket;
use crate::id::VersionId;
use crate::key::ObjectKey;
use crate::permission::WriteObjects;
use crate::purge;
use crate::schema::versions;

/// Attributes to change; what is absent stays, and an empty text takes a header away.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ObjectChange {
    /// Its media type.
    pub content_type: Option<String>,
    /// `Cache-Control` of its answers.
    pub cache_control: Option<String>,
    /// `Content-Disposition` of its answers.
    pub content_disposition: Option<String>,
    /// `Content-Encoding` of its bytes.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// All of its metadata.
    pub metadata: Option<BTreeMap<String, String>>,
    /// All of its tags.
    pub tags: Option<BTreeMap<String, String>>,
}

impl ObjectChange {
    fn applied(&self, to: &Attributes) -> Attributes {
        let header = |change: &Option<String>, now: &Option<String>| match change {
            Some(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            None => now.clone(),
        };
        Attributes {
            content_type: self.content_type.clone().unwrap_or_else(|| to.content_type.clone()),
            cache_control: header(&self.cache_control, &to.cache_control),
            content_disposition: header(&self.content_disposition, &to.content_disposition),
            content_encoding: header(&self.content_encoding, &to.content_encoding),
            content_language: header(&self.content_language, &to.content_language),
            metadata: self.metadata.clone().unwrap_or_else(|| to.metadata.clone()),
            tags: self.tags.clone().unwrap_or_else(|| to.tags.clone()),
        }
    }
}

/// Changes how what a key shows is served, and what goes with it. It stays the same version.
///
/// # Errors
/// [`Error::Absent`], [`Error::PreconditionFailed`], [`Error::Invalid`].
pub fn change(
    tx: &mut TenantTx<'_>,
    _: &Permit<WriteObjects>,
    bucket: &str,
    key: &ObjectKey,
    change: &ObjectChange,
    condition: &Condition,
) -> Result<Object, Error> {
    let bucket = bucket::hold(tx, bucket)?;
    lock(tx, &bucket, key)?;
    let object = current(tx, &bucket, key)?.ok_or(Error::Absent("object"))?;
    condition.check(Some(&object))?;
    let attributes = change.applied(&object.attributes);
    super::check(&bucket, &attributes, Some(object.size))?;
    let this = versions::table.find((tx.tenant(), object.version_id));
    let update = diesel::update(this).set((
        versions::content_type.eq(&attributes.content_type),
        versions::headers.eq(headers(&attributes)),
        versions::metadata.eq(json!(attributes.metadata)),
        versions::tags.eq(json!(attributes.tags)),
    ));
    tx.execute(update)?;
    purge::object(tx, &bucket, &object)?;
    let version: VersionId = object.version_id;
    find(tx, &bucket, key, Some(version))
}
