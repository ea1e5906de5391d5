//! Bringing back what a key showed before.

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Permit, Query, TenantScope, TenantTx};

use super::place::{self, Placement};
use super::row::{ContentRow, Row, VersionRow, all, read};
use super::{Condition, Object};
use crate::Error;
use crate::id::VersionId;
use crate::key::ObjectKey;
use crate::permission::DeleteObjects;
use crate::schema::versions;
use crate::{bucket, content, quota};

/// Makes an earlier version, or a deleted one, what its key shows, as a new version.
///
/// # Errors
/// [`Error::Absent`] also when it was deleted too long ago, [`Error::QuotaExceeded`].
pub fn restore(
    tx: &mut TenantTx<'_>,
    permit: &Permit<DeleteObjects>,
    bucket: &str,
    key: &ObjectKey,
    version: VersionId,
    limit: Option<i64>,
    window: TimeDelta,
) -> Result<Object, Error> {
    let bucket = bucket::hold(tx, bucket)?;
    place::lock(tx, &bucket, key)?;
    let query = all(tx.tenant())
        .filter(versions::version_id.eq(version).and(versions::bucket_id.eq(bucket.id)))
        .filter(versions::key.eq(key.as_str()))
        .select((VersionRow::as_select(), ContentRow::as_select()));
    let earlier =
        tx.find_result::<Row, _>(query)?.map(|row| read(&bucket, row)).ok_or(Error::Absent("version"))?;
    if earlier.ended_at.is_none() {
        return Ok(earlier);
    }
    let content = earlier.content;
    let replaced = super::current(tx, &bucket, key)?.map(|object| object.content);
    content::lock(tx, &[Some(content), replaced].into_iter().flatten().collect::<Vec<_>>())?;
    let revived = content::revive(tx, content)?;
    let by = permit.caller().principal().to_string();
    let placement = Placement {
        bucket: &bucket,
        key,
        content,
        attributes: &earlier.attributes,
        condition: &Condition::default(),
        created_by: &by,
        event: "object.restored",
        window,
    };
    let (object, freed) = super::place(tx, &placement)?;
    quota::change(tx, revived + freed, limit)?;
    Ok(object)
}
