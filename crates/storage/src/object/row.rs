//! Versions as the database has them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Map, Value};
use veza_core::{Permit, TenantId, TenantScope};

use super::{Attributes, Object, Retention};
use crate::Error;
use crate::bucket::{self, Bucket, RetentionMode};
use crate::id::{ContentId, VersionId};
use crate::input::{hex, pairs};
use crate::key::ObjectKey;
use crate::permission::ReadObjects;
use crate::schema::{buckets, contents, objects, versions};

/// A version and what it shows.
pub(super) type Row = (VersionRow, ContentRow);

#[derive(Queryable, Selectable)]
#[diesel(table_name = versions)]
pub(super) struct VersionRow {
    pub(super) version_id: VersionId,
    key: String,
    content_id: ContentId,
    content_type: String,
    headers: Value,
    metadata: Value,
    tags: Value,
    created_by: String,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
    retention_mode: Option<String>,
    retain_until: Option<DateTime<Utc>>,
    legal_hold: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = contents)]
pub(super) struct ContentRow {
    size: i64,
    etag: Option<String>,
    sha256: Option<Vec<u8>>,
    crc32c: Option<i32>,
    crc64nvme: Option<i64>,
}

/// Versions of a tenant with their contents.
#[diesel::dsl::auto_type]
pub(super) fn all(tenant: TenantId) -> _ {
    versions::table
        .inner_join(contents::table.on(
            contents::tenant_id.eq(versions::tenant_id).and(contents::content_id.eq(versions::content_id)),
        ))
        .filter(versions::tenant_id.eq(tenant))
}

pub(super) fn read(bucket: &Bucket, (version, content): Row) -> Object {
    let mode = version.retention_mode.as_deref().map(RetentionMode::read);
    let header = |name: &str| version.headers.get(name).and_then(Value::as_str).map(str::to_owned);
    Object {
        bucket: bucket.name.clone(),
        attributes: Attributes {
            cache_control: header("cache_control"),
            content_disposition: header("content_disposition"),
            content_encoding: header("content_encoding"),
            content_language: header("content_language"),
            content_type: version.content_type,
            metadata: pairs(version.metadata),
            tags: pairs(version.tags),
        },
        key: version.key,
        version_id: version.version_id,
        content: version.content_id,
        size: content.size,
        etag: content.etag.unwrap_or_default(),
        sha256: content.sha256.map(|sum| hex(&sum)),
        crc32c: format!("{:08x}", content.crc32c.unwrap_or_default()),
        crc64nvme: format!("{:016x}", content.crc64nvme.unwrap_or_default()),
        created_by: version.created_by,
        created_at: version.created_at,
        ended_at: version.ended_at,
        deleted_at: version.deleted_at,
        retention: mode.zip(version.retain_until).map(|(mode, until)| Retention { mode, until }),
        legal_hold: version.legal_hold,
    }
}

/// The headers that are kept as one value.
pub(super) fn headers(attributes: &Attributes) -> Value {
    let all = [
        ("cache_control", &attributes.cache_control),
        ("content_disposition", &attributes.content_disposition),
        ("content_encoding", &attributes.content_encoding),
        ("content_language", &attributes.content_language),
    ];
    let given =
        all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text.clone()?))));
    Value::Object(given.collect::<Map<_, _>>())
}

/// An object, or one of its versions.
pub fn get(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    bucket: &str,
    key: &ObjectKey,
    version: Option<VersionId>,
) -> Result<Object, Error> {
    let bucket = bucket::find(tx, bucket)?;
    find(tx, &bucket, key, version)
}

/// The same, once the bucket is known. What was deleted is not found.
pub(crate) fn find(
    tx: &mut impl TenantScope,
    bucket: &Bucket,
    key: &ObjectKey,
    version: Option<VersionId>,
) -> Result<Object, Error> {
    let Some(version) = version else {
        return current(tx, bucket, key)?.ok_or(Error::Absent("object"));
    };
    let query = all(tx.tenant())
        .filter(versions::version_id.eq(version).and(versions::bucket_id.eq(bucket.id)))
        .filter(versions::key.eq(key.as_str()).and(versions::deleted_at.is_null()))
        .select((VersionRow::as_select(), ContentRow::as_select()));
    tx.find_result::<Row, _>(query)?.map(|row| read(bucket, row)).ok_or(Error::Absent("version"))
}

/// The key that a version belongs to, also when it is only there to be restored.
///
/// # Errors
/// [`Error::Absent`].
pub(crate) fn key_of(
    tx: &mut impl TenantScope,
    bucket: &str,
    version: VersionId,
) -> Result<ObjectKey, Error> {
    let bucket = bucket::find(tx, bucket)?;
    let query = versions::table
        .filter(versions::tenant_id.eq(tx.tenant()).and(versions::version_id.eq(version)))
        .filter(versions::bucket_id.eq(bucket.id))
        .select(versions::key);
    ObjectKey::new(tx.find_result::<String, _>(query)?.ok_or(Error::Absent("version"))?)
}

/// The bucket's name and the key of a version, unless it is only there to be restored.
///
/// # Errors
/// [`Error::Absent`].
pub(crate) fn place_of(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    version: VersionId,
) -> Result<(String, ObjectKey), Error> {
    let query =
        versions::table
            .inner_join(buckets::table.on(
                buckets::tenant_id.eq(versions::tenant_id).and(buckets::bucket_id.eq(versions::bucket_id)),
            ))
            .filter(versions::tenant_id.eq(tx.tenant()).and(versions::version_id.eq(version)))
            .filter(versions::deleted_at.is_null().and(buckets::deleted_at.is_null()))
            .select((buckets::name, versions::key));
    let found = tx.find_result::<(String, String), _>(query)?;
    let (bucket, key) = found.ok_or(Error::Absent("version"))?;
    Ok((bucket, ObjectKey::new(key)?))
}

/// What a key shows now.
pub(crate) fn current(
    tx: &mut impl TenantScope,
    bucket: &Bucket,
    key: &ObjectKey,
) -> Result<Option<Object>, Error> {
    let shown = objects::table
        .filter(objects::tenant_id.eq(tx.tenant()).and(objects::bucket_id.eq(bucket.id)))
        .filter(objects::key.eq(key.as_str()))
        .select(objects::version_id);
    let query = all(tx.tenant())
        .filter(versions::version_id.eq_any(shown))
        .select((VersionRow::as_select(), ContentRow::as_select()));
    Ok(tx.find_result::<Row, _>(query)?.map(|row| read(bucket, row)))
}
