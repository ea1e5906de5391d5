//! Buckets: where a tenant keeps objects, and the rules for them.

#[cfg(feature = "http")]
mod anybody;
mod cors;
mod settings;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

#[cfg(feature = "http")]
pub(crate) use self::anybody::{PublicBucket, find_of_anybody};
pub use self::cors::CorsRule;
pub use self::settings::{Access, BucketChange, BucketSettings, RetentionMode, RetentionRule};
use crate::Error;
use crate::id::BucketId;
use crate::input::Rules;
use crate::lifecycle;
use crate::permission::{ManageBuckets, ReadBuckets};
use crate::schema::{buckets, versions};

/// How many buckets an organisation may have.
pub const MAX_BUCKETS: i64 = 1_000;

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Bucket {
    /// The bucket's id.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: BucketId,
    /// Its name, unique in the organisation.
    pub name: String,
    /// Its rules.
    #[serde(flatten)]
    pub settings: BucketSettings,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// What makes a bucket.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewBucket {
    /// 3 to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or a digit.
    pub name: String,
    /// Its rules; what is absent is as [`BucketSettings::default`] has it.
    #[serde(default)]
    pub settings: BucketChange,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = buckets)]
pub(crate) struct Row {
    bucket_id: BucketId,
    name: String,
    #[diesel(embed)]
    settings: settings::Row,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Bucket {
    fn from(row: Row) -> Self {
        Self {
            id: row.bucket_id,
            name: row.name,
            settings: row.settings.into(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Makes a bucket. Where nothing is said of encryption, it encrypts if the deployment can: `can_encrypt` is
/// [`Storage::can_encrypt`](crate::Storage::can_encrypt).
///
/// # Errors
/// [`Error::Invalid`], [`Error::BucketExists`], [`Error::LimitReached`].
pub fn create(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageBuckets>,
    new: &NewBucket,
    can_encrypt: bool,
) -> Result<Bucket, Error> {
    let mut rules = Rules::default();
    rules.check(
        "/name",
        is_name(&new.name),
        "name",
        "3 to 63 of a-z, 0-9 and -, beginning and ending with a letter or a digit",
    );
    let settings = BucketSettings { encryption: can_encrypt, ..BucketSettings::default() };
    let settings = settings.changed(&new.settings);
    settings.check("/settings", &mut rules);
    new.settings.check_encryption("/settings", can_encrypt, &mut rules);
    rules.finish()?;
    tx.one_at_a_time("storage.buckets")?;
    let all = buckets::table.filter(buckets::tenant_id.eq(tx.tenant()).and(buckets::deleted_at.is_null()));
    if tx.get_result::<i64, _>(all.count())? >= MAX_BUCKETS {
        return Err(Error::LimitReached { noun: "bucket", max: MAX_BUCKETS });
    }
    let row = (
        buckets::tenant_id.eq(tx.tenant()),
        buckets::bucket_id.eq(tx.new_id::<crate::id::BucketNoun>()),
        buckets::name.eq(&new.name),
        settings.values()?,
        buckets::created_at.eq(tx.now()),
        buckets::updated_at.eq(tx.now()),
    );
    let insert = diesel::insert_into(buckets::table)
        .values(row)
        .on_conflict((buckets::tenant_id, buckets::name))
        .filter_target(buckets::deleted_at.is_null())
        .do_nothing()
        .returning(Row::as_returning());
    tx.find_result::<Row, _>(insert)?.map(Bucket::from).ok_or(Error::BucketExists)
}

fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// One bucket.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadBuckets>, name: &str) -> Result<Bucket, Error> {
    find(tx, name)
}

/// The same for whoever may do something in it.
pub(crate) fn find(tx: &mut impl TenantScope, name: &str) -> Result<Bucket, Error> {
    let query = buckets::table
        .filter(buckets::tenant_id.eq(tx.tenant()).and(buckets::name.eq(name)))
        .filter(buckets::deleted_at.is_null())
        .select(Row::as_select());
    tx.find_result::<Row, _>(query)?.map(Bucket::from).ok_or(Error::Absent("bucket"))
}

/// The same, and nobody deletes or changes it before the transaction ends.
pub(crate) fn hold(tx: &mut TenantTx<'_>, name: &str) -> Result<Bucket, Error> {
    let query = buckets::table
        .filter(buckets::tenant_id.eq(tx.tenant()).and(buckets::name.eq(name)))
        .filter(buckets::deleted_at.is_null())
        .select(Row::as_select())
        .for_share();
    tx.find_result::<Row, _>(query)?.map(Bucket::from).ok_or(Error::Absent("bucket"))
}

/// Buckets by name.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadBuckets>,
    page: &PageRequest<String>,
) -> Result<Page<Bucket>, Error> {
    let mut query = buckets::table
        .filter(buckets::tenant_id.eq(tx.tenant()).and(buckets::deleted_at.is_null()))
        .select(Row::as_select())
        .order(buckets::name)
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = &page.after {
        query = query.filter(buckets::name.gt(after));
    }
    let rows: Vec<Row> = tx.load(query)?;
    Ok(Page::new(page, rows.into_iter().map(Bucket::from).collect(), |bucket| bucket.name.clone()))
}

/// Changes a bucket's rules; what is absent stays. They hold for what is stored from now on.
///
/// # Errors
/// [`Error::VersionMismatch`] when it has none of `versions`.
pub fn update(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageBuckets>,
    name: &str,
    change: &BucketChange,
    versions: Option<&[i64]>,
    can_encrypt: bool,
) -> Result<Bucket, Error> {
    let bucket = changeable(tx, name, versions)?;
    let settings = bucket.settings.changed(change);
    let mut rules = Rules::default();
    settings.check("", &mut rules);
    change.check_encryption("", can_encrypt, &mut rules);
    rules.finish()?;
    let update = diesel::update(buckets::table.find((tx.tenant(), bucket.id)))
        .set((settings.values()?, buckets::version.eq(bucket.version + 1), buckets::updated_at.eq(tx.now())))
        .returning(Row::as_returning());
    let changed: Bucket = tx.get_result::<Row, _>(update)?.into();
    crate::purge::whole(tx, &bucket, &changed)?;
    Ok(changed)
}

/// Deletes a bucket that is empty. What was deleted from it can be restored no more.
///
/// # Errors
/// [`Error::BucketNotEmpty`] when it holds objects, or versions that are kept.
pub fn delete(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageBuckets>,
    name: &str,
    expected: Option<&[i64]>,
) -> Result<(), Error> {
    let bucket = changeable(tx, name, expected)?;
    let kept = versions::table
        .filter(versions::tenant_id.eq(tx.tenant()).and(versions::bucket_id.eq(bucket.id)))
        .filter(versions::deleted_at.is_null())
        .select(versions::version_id)
        .limit(1);
    if tx.find_result::<crate::id::VersionId, _>(kept)?.is_some() {
        return Err(Error::BucketNotEmpty);
    }
    lifecycle::forget(tx, bucket.id)?;
    let delete = diesel::update(buckets::table.find((tx.tenant(), bucket.id)))
        .set((buckets::deleted_at.eq(tx.now()), buckets::updated_at.eq(tx.now())));
    tx.execute(delete)?;
    Ok(())
}

/// A bucket that nobody else changes, nor puts anything into, before the transaction ends.
fn changeable(tx: &mut TenantTx<'_>, name: &str, versions: Option<&[i64]>) -> Result<Bucket, Error> {
    let query = buckets::table
        .filter(buckets::tenant_id.eq(tx.tenant()).and(buckets::name.eq(name)))
        .filter(buckets::deleted_at.is_null())
        .select(Row::as_select())
        .for_update();
    let bucket: Bucket = tx.find_result::<Row, _>(query)?.ok_or(Error::Absent("bucket"))?.into();
    match versions {
        Some(versions) if !versions.contains(&bucket.version) => Err(Error::VersionMismatch),
        _ => Ok(bucket),
    }
}
