//! What would go, and is only counted.

use serde::Serialize;
use veza_core::{Permit, TenantScope};

use super::NewLifecycle;
use super::find::{Action, Look, Summed};
use crate::bucket;
use crate::permission::ManageBuckets;
use crate::{Error, Storage};

/// The most that is counted of a rule.
const MOST: i64 = 100_000;
/// Keys that are named.
const KEYS: i32 = 10;

/// What rules would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Preview {
    /// Each of them on its own: what two rules apply to counts for both.
    pub rules: Vec<RulePreview>,
}

/// What a rule would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct RulePreview {
    /// The rule's name.
    pub id: String,
    /// Objects that would be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire: Option<Sum>,
    /// Versions that would be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noncurrent: Option<Sum>,
    /// Uploads that would be ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_uploads: Option<Sum>,
    /// Contents that would be moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold: Option<Sum>,
}

/// How much would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Sum {
    /// How many; at most 100,000 are counted.
    pub count: i64,
    /// Bytes of those that were counted.
    pub bytes: i64,
    /// There are more.
    pub more: bool,
    /// Some of their keys, oldest first.
    pub keys: Vec<String>,
}

/// Says what rules would do now, and does nothing. Retained versions would stay and do not count.
///
/// # Errors
/// [`Error::Absent`], [`Error::Invalid`].
pub fn preview(
    tx: &mut impl TenantScope,
    storage: &Storage,
    _: &Permit<ManageBuckets>,
    bucket: &str,
    new: &NewLifecycle,
) -> Result<Preview, Error> {
    let bucket = bucket::find(tx, bucket)?;
    storage.check_rules(&new.rules)?;
    let mut rules = Vec::new();
    for rule in &new.rules {
        let mut sum = |action| {
            let Some(look) = Look::new(tx, &bucket, (rule, 0), action, MOST + 1)? else { return Ok(None) };
            let Summed { count, bytes, keys } = look.sum(tx, KEYS)?;
            Ok::<_, Error>(Some(Sum { count: count.min(MOST), bytes, more: count > MOST, keys }))
        };
        rules.push(RulePreview {
            expire: sum(Action::Expire)?,
            noncurrent: sum(Action::Noncurrent)?,
            abort_uploads: sum(Action::Abort)?,
            cold: sum(Action::Cold)?,
            id: rule.id.clone(),
        });
    }
    Ok(Preview { rules })
}
