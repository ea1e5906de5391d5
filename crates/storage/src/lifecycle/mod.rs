//! The lifecycle of a bucket: rules by which objects, versions and uploads go, and bytes are moved to a cold tier.
//!
//! Rows say what is due; the backend is never listed. A step is one transaction: what it deletes, the events that
//! say so, and the sums.

mod act;
mod cold;
mod find;
mod preview;
mod rule;
mod run;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

pub use self::preview::{Preview, RulePreview, Sum, preview};
pub use self::rule::{Cold, MAX_RULES, Noncurrent, Rule};
pub use self::run::{Applied, ApplyLifecycle};
use crate::bucket;
use crate::id::BucketId;
use crate::input::Rules;
use crate::permission::{ManageBuckets, ReadBuckets};
use crate::schema::lifecycles;
use crate::{Error, Storage};

/// How often rules are looked at.
const EVERY: TimeDelta = TimeDelta::days(1);

/// The lifecycle of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Lifecycle {
    /// Its rules. All are obeyed.
    pub rules: Vec<Rule>,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When they are looked at next.
    pub run_at: DateTime<Utc>,
    /// When that was done last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran_at: Option<DateTime<Utc>>,
    /// When they were changed last.
    pub updated_at: DateTime<Utc>,
}

/// What makes a lifecycle.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewLifecycle {
    /// Its rules, in place of those there are.
    pub rules: Vec<Rule>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = lifecycles)]
struct Row {
    rules: Value,
    version: i64,
    run_at: DateTime<Utc>,
    ran_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Lifecycle {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let rules = serde_json::from_value(row.rules).map_err(|_other| Error::Corrupt("a bucket's rules"))?;
        let Row { version, run_at, ran_at, updated_at, .. } = row;
        Ok(Self { rules, version, run_at, ran_at, updated_at })
    }
}

impl Storage {
    /// Checks rules against what rules and this deployment's backend can say.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check_rules(&self, rules: &[Rule]) -> Result<(), Error> {
        let mut broken = Rules::default();
        rule::check(rules, self.backend().caps().tiers, &mut broken);
        broken.finish()
    }
}

/// The lifecycle of a bucket.
///
/// # Errors
/// [`Error::Absent`] also when the bucket has none.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadBuckets>, bucket: &str) -> Result<Lifecycle, Error> {
    let bucket = bucket::find(tx, bucket)?;
    let row = lifecycles::table.find((tx.tenant(), bucket.id)).select(Row::as_select());
    tx.find_result::<Row, _>(row)?.ok_or(Error::Absent("lifecycle"))?.try_into()
}

/// Gives a bucket these rules in place of those that it has. They are looked at soon, and then once a day.
///
/// # Errors
/// [`Error::Absent`], [`Error::Invalid`], [`Error::VersionMismatch`] when it has none of `versions`.
pub fn put(
    tx: &mut TenantTx<'_>,
    storage: &Storage,
    _: &Permit<ManageBuckets>,
    bucket: &str,
    new: &NewLifecycle,
    versions: Option<&[i64]>,
) -> Result<Lifecycle, Error> {
    let bucket = bucket::hold(tx, bucket)?;
    storage.check_rules(&new.rules)?;
    let version = expected(tx, bucket.id, versions)?.unwrap_or(0) + 1;
    let rules = serde_json::to_value(&new.rules).map_err(|error| Error::Setup(error.to_string()))?;
    let change = (
        lifecycles::rules.eq(&rules),
        lifecycles::version.eq(version),
        lifecycles::run_at.eq(tx.now()),
        lifecycles::updated_at.eq(tx.now()),
    );
    let key = (lifecycles::tenant_id.eq(tx.tenant()), lifecycles::bucket_id.eq(bucket.id));
    let put = diesel::insert_into(lifecycles::table)
        .values((key, change))
        .on_conflict((lifecycles::tenant_id, lifecycles::bucket_id))
        .do_update()
        .set(change)
        .returning(Row::as_returning());
    tx.get_result::<Row, _>(put)?.try_into()
}

/// Takes a bucket's rules away.
///
/// # Errors
/// [`Error::Absent`] also when it has none, [`Error::VersionMismatch`].
pub fn delete(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageBuckets>,
    bucket: &str,
    versions: Option<&[i64]>,
) -> Result<(), Error> {
    let bucket = bucket::hold(tx, bucket)?;
    expected(tx, bucket.id, versions)?.ok_or(Error::Absent("lifecycle"))?;
    forget(tx, bucket.id)
}

/// The version that is there, locked, which must be one of those expected.
fn expected(tx: &mut TenantTx<'_>, bucket: BucketId, versions: Option<&[i64]>) -> Result<Option<i64>, Error> {
    let this = lifecycles::table.find((tx.tenant(), bucket)).select(lifecycles::version).for_update();
    let there: Option<i64> = tx.find_result(this)?;
    match versions {
        Some(versions) if !there.is_some_and(|there| versions.contains(&there)) => {
            Err(Error::VersionMismatch)
        }
        _ => Ok(there),
    }
}

/// Takes the rules of a bucket away that goes.
pub(crate) fn forget(tx: &mut TenantTx<'_>, bucket: BucketId) -> Result<(), Error> {
    tx.execute(diesel::delete(lifecycles::table.find((tx.tenant(), bucket))))?;
    Ok(())
}
