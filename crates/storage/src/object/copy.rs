//! Copies, which share their content: no byte is moved, and none is counted twice.

use chrono::TimeDelta;
use veza_core::{Permit, TenantTx};

use super::place::{self, Placement};
use super::{Attributes, Condition, Object, find};
use crate::Error;
use crate::bucket;
use crate::content;
use crate::id::VersionId;
use crate::key::ObjectKey;
use crate::permission::{ReadObjects, WriteObjects};
use crate::quota;

/// What is copied where.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The bucket it is in.
    pub from_bucket: String,
    /// Its key.
    pub from_key: ObjectKey,
    /// Which of its versions; the current one when absent.
    pub from_version: Option<VersionId>,
    /// The bucket to copy to.
    pub bucket: String,
    /// The key to copy to.
    pub key: ObjectKey,
    /// How the copy is served, and what goes with it; as the original when absent.
    pub attributes: Option<Attributes>,
    /// What must hold of the key that is copied to.
    pub condition: Condition,
}

/// Copies an object within the organisation.
///
/// # Errors
/// [`Error::Absent`], [`Error::PreconditionFailed`], and what the rules of the other bucket forbid.
pub fn copy(
    tx: &mut TenantTx<'_>,
    _: &Permit<ReadObjects>,
    permit: &Permit<WriteObjects>,
    copy: &Copy,
    window: TimeDelta,
) -> Result<Object, Error> {
    let source = bucket::find(tx, &copy.from_bucket)?;
    let target = bucket::hold(tx, &copy.bucket)?;
    let original = find(tx, &source, &copy.from_key, copy.from_version)?;
    let attributes = copy.attributes.as_ref().unwrap_or(&original.attributes);
    super::check(&target, attributes, Some(original.size))?;
    let content = original.content;
    place::lock(tx, &target, &copy.key)?;
    let replaced = super::current(tx, &target, &copy.key)?.map(|object| object.content);
    content::lock(tx, &[Some(content), replaced].into_iter().flatten().collect::<Vec<_>>())?;
    // It may have been deleted while we waited.
    find(tx, &source, &copy.from_key, Some(original.version_id))?;
    let by = permit.caller().principal().to_string();
    let placement = Placement {
        bucket: &target,
        key: &copy.key,
        content,
        attributes,
        condition: &copy.condition,
        created_by: &by,
        event: "object.created",
        window,
    };
    let (object, freed) = super::place(tx, &placement)?;
    quota::change(tx, freed, None)?;
    Ok(object)
}
