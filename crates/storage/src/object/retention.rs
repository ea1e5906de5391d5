//! Retention and legal holds: what keeps a version from being deleted.
//!
//! The database keeps to the same rules by triggers, with a clock of its own; these here come first and say why.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use veza_core::{FieldError, Permit, Query, TenantScope, TenantTx, Write};

use super::place::lock;
use super::row::key_of;
use super::{Object, Retention, find};
use crate::bucket::{self, Bucket, RetentionMode};
use crate::id::VersionId;
use crate::permission::ManageRetention;
use crate::schema::versions;
use crate::{Error, ObjectKey};

/// The longest retention, in days: a hundred years.
const LONGEST: i64 = 36_500;

/// What somebody may end who deletes or shortens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// Nothing.
    None,
    /// Retention in governance mode.
    Governance,
}

/// # Errors
/// [`Error::Retained`] while it may not be deleted.
pub(super) fn check(version: &Object, now: DateTime<Utc>, excuse: Excuse) -> Result<(), Error> {
    let retained = version.retention.filter(|retention| retention.until > now);
    let excused =
        |retention: Retention| retention.mode == RetentionMode::Governance && excuse == Excuse::Governance;
    if version.legal_hold || retained.is_some_and(|retention| !excused(retention)) {
        Err(Error::Retained)
    } else {
        Ok(())
    }
}

/// Does something for somebody who may end governance and legal holds: the triggers let it pass.
pub(super) fn excused<T>(
    tx: &mut TenantTx<'_>,
    excuse: Excuse,
    f: impl FnOnce(&mut TenantTx<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    if excuse == Excuse::None {
        return f(tx);
    }
    let say = |word: &str| format!("SELECT set_config('veza.retention_bypass', '{word}', true)");
    tx.execute(diesel::sql_query(say("on")))?;
    let done = f(tx)?;
    tx.execute(diesel::sql_query(say("off")))?;
    Ok(done)
}

/// A version that is there, which nobody else changes before the transaction ends.
struct Held {
    bucket: Bucket,
    key: ObjectKey,
    version: Object,
}

fn hold(tx: &mut TenantTx<'_>, bucket: &str, version: VersionId) -> Result<Held, Error> {
    let key = key_of(tx, bucket, version)?;
    let bucket = bucket::hold(tx, bucket)?;
    lock(tx, &bucket, &key)?;
    let version = find(tx, &bucket, &key, Some(version))?;
    Ok(Held { bucket, key, version })
}

/// Retains a version. Until then it cannot be deleted: in governance mode but by those who may say so, in compliance
/// mode by nobody. What is retained already can be retained for longer; in governance mode also for a shorter time.
///
/// # Errors
/// [`Error::Absent`], [`Error::Invalid`] for a moment that is past or too far away, [`Error::Retained`] when it would
/// shorten what cannot be shortened.
pub fn retain(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageRetention>,
    bucket: &str,
    version: VersionId,
    new: Retention,
) -> Result<Object, Error> {
    let held = hold(tx, bucket, version)?;
    let now = tx.now();
    if new.until <= now || new.until > now + TimeDelta::days(LONGEST) {
        let rule = "in the future, at most 100 years from now";
        return Err(Error::Invalid(vec![FieldError::new("/until".to_owned(), "out_of_range", rule)]));
    }
    let before = held.version.retention.filter(|before| before.until > now);
    let weaker = |before: Retention| new.mode == RetentionMode::Governance || new.until < before.until;
    if before.is_some_and(|before| before.mode == RetentionMode::Compliance && weaker(before)) {
        return Err(Error::Retained);
    }
    set(tx, &held, Some(new))
}

/// Ends the retention of a version in governance mode.
///
/// # Errors
/// [`Error::Absent`], [`Error::Retained`] in compliance mode.
pub fn release(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageRetention>,
    bucket: &str,
    version: VersionId,
) -> Result<Object, Error> {
    let held = hold(tx, bucket, version)?;
    let now = tx.now();
    let compliance =
        |retention: Retention| retention.until > now && retention.mode == RetentionMode::Compliance;
    if held.version.retention.is_some_and(compliance) {
        return Err(Error::Retained);
    }
    set(tx, &held, None)
}

fn set(tx: &mut TenantTx<'_>, held: &Held, retention: Option<Retention>) -> Result<Object, Error> {
    let version = held.version.version_id;
    excused(tx, Excuse::Governance, |tx| {
        let this = versions::table.find((tx.tenant(), version));
        let update = diesel::update(this).set((
            versions::retention_mode.eq(retention.map(|retention| retention.mode.as_str())),
            versions::retain_until.eq(retention.map(|retention| retention.until)),
        ));
        tx.execute(update)?;
        Ok(())
    })?;
    find(tx, &held.bucket, &held.key, Some(version))
}

/// Puts a version under legal hold, or ends that: while it lasts nobody deletes the version.
///
/// # Errors
/// [`Error::Absent`].
pub fn set_legal_hold(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageRetention>,
    bucket: &str,
    version: VersionId,
    on: bool,
) -> Result<Object, Error> {
    let held = hold(tx, bucket, version)?;
    excused(tx, Excuse::Governance, |tx| {
        let this = versions::table.find((tx.tenant(), version));
        tx.execute(diesel::update(this).set(versions::legal_hold.eq(on)))?;
        Ok(())
    })?;
    find(tx, &held.bucket, &held.key, Some(version))
}
