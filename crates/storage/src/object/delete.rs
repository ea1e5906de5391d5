//! Deleting: at once for those who look, and with a way back for a while.

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Permit, TenantScope, TenantTx, Write};

use super::place::{announce, end, lock};
use super::retention::Excuse;
use super::{Condition, current, find};
use crate::Error;
use crate::bucket::{self, Bucket};
use crate::id::VersionId;
use crate::key::ObjectKey;
use crate::permission::{DeleteObjects, ManageRetention};
use crate::schema::objects;
use crate::{purge, quota};

/// Deletes what a key shows. With versioning it stays as a version; without, it can be restored for `window`.
///
/// # Errors
/// [`Error::Absent`], [`Error::PreconditionFailed`], [`Error::Retained`].
pub fn delete(
    tx: &mut TenantTx<'_>,
    _: &Permit<DeleteObjects>,
    bucket: &str,
    key: &ObjectKey,
    condition: &Condition,
    window: TimeDelta,
) -> Result<(), Error> {
    let bucket = bucket::hold(tx, bucket)?;
    lock(tx, &bucket, key)?;
    let object = current(tx, &bucket, key)?.ok_or(Error::Absent("object"))?;
    condition.check(Some(&object))?;
    hide(tx, &bucket, key)?;
    let freed = end(tx, &bucket, &object, None, window)?;
    announce(tx, "object.removed", &object)?;
    purge::object(tx, &bucket, &object)?;
    quota::change(tx, freed, None)
}

/// Deletes one version, current or not; if it was what the key showed, the key shows nothing then. It can be
/// restored for `window`.
///
/// # Errors
/// [`Error::Absent`], [`Error::Retained`].
pub fn delete_version(
    tx: &mut TenantTx<'_>,
    _: &Permit<DeleteObjects>,
    bucket: &str,
    key: &ObjectKey,
    version: VersionId,
    window: TimeDelta,
) -> Result<(), Error> {
    delete_one(tx, bucket, key, version, window, Excuse::None)
}

/// The same for a version that is retained in governance mode.
///
/// # Errors
/// [`Error::Absent`], [`Error::Retained`] in compliance mode, and under legal hold.
pub fn delete_retained_version(
    tx: &mut TenantTx<'_>,
    _: &Permit<DeleteObjects>,
    _: &Permit<ManageRetention>,
    bucket: &str,
    key: &ObjectKey,
    version: VersionId,
    window: TimeDelta,
) -> Result<(), Error> {
    delete_one(tx, bucket, key, version, window, Excuse::Governance)
}

fn delete_one(
    tx: &mut TenantTx<'_>,
    bucket: &str,
    key: &ObjectKey,
    version: VersionId,
    window: TimeDelta,
    excuse: Excuse,
) -> Result<(), Error> {
    let bucket = bucket::hold(tx, bucket)?;
    lock(tx, &bucket, key)?;
    let object = find(tx, &bucket, key, Some(version))?;
    if object.ended_at.is_none() {
        hide(tx, &bucket, key)?;
    }
    let freed = end(tx, &bucket, &object, Some(excuse), window)?;
    announce(tx, "object.removed", &object)?;
    purge::object(tx, &bucket, &object)?;
    quota::change(tx, freed, None)
}

fn hide(tx: &mut TenantTx<'_>, bucket: &Bucket, key: &ObjectKey) -> Result<(), Error> {
    tx.execute(diesel::delete(objects::table.find((tx.tenant(), bucket.id, key.as_str()))))?;
    Ok(())
}
