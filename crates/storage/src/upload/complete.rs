//! Parts that become an object.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{Context, SHA256};
use chrono::TimeDelta;
use crc_fast::{CrcAlgorithm, checksum_combine};
use diesel::prelude::*;
use futures_util::TryStreamExt;
use veza_core::{Caller, FieldError, Permit, Query, TenantScope, TenantTx, Write};

use super::part::{NamedPart, Stored, stored};
use super::session::{Row, bucket_name, lock};
use crate::content::{self, Facts};
use crate::id::UploadId;
use crate::input::hex;
use crate::object::{self, Condition, Object, Placement};
use crate::permission::WriteObjects;
use crate::quota;
use crate::schema::uploads;
use crate::sniff;
use crate::{Error, ObjectKey, Storage, bucket};

/// How what is complete is counted and kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settlement {
    /// The limit of the deployment.
    pub(super) limit: Option<i64>,
    /// How long what is replaced can be restored.
    pub(super) window: TimeDelta,
}

impl Storage {
    pub(super) fn settlement(&self) -> Settlement {
        Settlement { limit: self.config().quota_bytes, window: self.config().window() }
    }

    /// Makes an upload an object: of the `parts` that are named by number and ETag, or of all that are there. A
    /// `condition` holds in place of that which the upload began with. Doing it again gives the same object.
    ///
    /// # Errors
    /// [`Error::Part`] when a part that is named is not there, or is another one, [`Error::Length`] when they are not
    /// as many bytes as the upload's length; as [`Storage::put`] otherwise.
    pub async fn complete(
        &self,
        caller: &Caller,
        _: &Permit<WriteObjects>,
        upload: UploadId,
        parts: Option<Vec<NamedPart>>,
        condition: Option<Condition>,
    ) -> Result<Object, Error> {
        let (settlement, first) = (self.settlement(), self.first_bytes(caller, upload).await?);
        let complete = move |tx: &mut TenantTx<'_>| {
            let row = lock(tx, upload)?;
            if row.partial || (row.version_id.is_none() && row.expires_at <= tx.now()) {
                return Err(Error::Absent("upload"));
            }
            settle(tx, &row, parts.as_deref(), condition.as_ref(), &first, settlement)
        };
        self.db().tenant(caller, complete).await
    }
}

impl Storage {
    /// The first bytes that an upload has, if they are to show what it is.
    pub(super) async fn first_bytes(&self, caller: &Caller, upload: UploadId) -> Result<Vec<u8>, Error> {
        let find = move |tx: &mut veza_core::ReadTx<'_>| {
            let row = uploads::table.find((tx.tenant(), upload)).select(Row::as_select());
            Ok::<_, Error>(tx.find_result::<Row, _>(row)?)
        };
        // Who completes what is not there is told so, and what is complete stays as it is.
        let Some(row) = self.db().read(caller, find).await?.filter(|row| row.version_id.is_none()) else {
            return Ok(Vec::new());
        };
        if row.options()?.attributes.content_type != sniff::UNKNOWN {
            return Ok(Vec::new());
        }
        let opened = self.open_content(caller, row.content_id).await?;
        let look = u64::try_from(sniff::LOOK).unwrap_or(u64::MAX).min(row.received.unsigned_abs());
        Ok(opened.bytes(0..look).await?.try_collect::<Vec<_>>().await?.concat())
    }
}

/// Makes a locked upload an object; its `first` bytes show its type, if nobody said it.
pub(super) fn settle(
    tx: &mut TenantTx<'_>,
    row: &Row,
    parts: Option<&[NamedPart]>,
    condition: Option<&Condition>,
    first: &[u8],
    settlement: Settlement,
) -> Result<Object, Error> {
    let name = bucket_name(tx, row.bucket_id)?;
    let bucket = bucket::hold(tx, &name)?;
    // Another one may have its name by now.
    if bucket.id != row.bucket_id {
        return Err(Error::Absent("bucket"));
    }
    let key = ObjectKey::new(row.key.clone())?;
    if let Some(version) = row.version_id {
        return object::find(tx, &bucket, &key, Some(version));
    }
    let there = stored(tx, row.content_id)?;
    let chosen = choose(tx, there, parts)?;
    let facts = facts(&chosen);
    if let Some(length) = row.length.filter(|length| *length != facts.size) {
        let (expected, actual) = (length.unsigned_abs(), facts.size.unsigned_abs());
        return Err(Error::Length { expected, actual });
    }
    let mut options = row.options()?;
    options.attributes.content_type = sniff::refined(&options.attributes.content_type, first);
    object::check(&bucket, &options.attributes, Some(facts.size))?;
    let settled = content::finish(tx, row.content_id, &facts)?;
    let placement = Placement {
        bucket: &bucket,
        key: &key,
        content: row.content_id,
        attributes: &options.attributes,
        condition: condition.unwrap_or(&options.condition),
        created_by: &row.created_by,
        event: "object.created",
        window: settlement.window,
    };
    let (object, freed) = object::place(tx, &placement)?;
    let this = uploads::table.find((tx.tenant(), row.upload_id));
    tx.execute(diesel::update(this).set(uploads::version_id.eq(object.version_id)))?;
    quota::change(tx, settled + freed, settlement.limit)?;
    Ok(object)
}

/// The parts that are named, in the order of their numbers; the others are removed.
fn choose(
    tx: &mut TenantTx<'_>,
    there: Vec<Stored>,
    named: Option<&[NamedPart]>,
) -> Result<Vec<Stored>, Error> {
    let Some(named) = named else { return Ok(there) };
    let numbers: BTreeSet<i32> = named.iter().map(|part| part.number).collect();
    let right = numbers.len() == named.len() && (there.is_empty() || !named.is_empty());
    if !right {
        let rule = "each part once, and at least one; all that are there when it is absent";
        return Err(Error::Invalid(vec![FieldError::new("/parts", "parts", rule)]));
    }
    let found: BTreeMap<i32, &Stored> = there.iter().map(|stored| (stored.number, stored)).collect();
    for part in named {
        let number = u16::try_from(part.number).unwrap_or(0);
        match found.get(&part.number) {
            None => return Err(Error::Part { number, reason: "is missing" }),
            Some(stored) if stored.etag() != part.etag => {
                return Err(Error::Part { number, reason: "is another one" });
            }
            Some(_) => {}
        }
    }
    let (chosen, others): (Vec<_>, Vec<_>) =
        there.into_iter().partition(|stored| numbers.contains(&stored.number));
    for other in others {
        content::drop_blob(tx, other.blob_id)?;
    }
    Ok(chosen)
}

/// What the parts are together. CRCs combine; a SHA-256 of the whole would need all bytes again.
fn facts(parts: &[Stored]) -> Facts {
    let (mut size, mut crc32c, mut crc64nvme) = (0_i64, 0_u64, 0_u64);
    let mut names = Context::new(&SHA256);
    for part in parts {
        let len = part.size.unsigned_abs();
        let (next32, next64) = (part.crc32c.unwrap_or_default(), part.crc64nvme.unwrap_or_default());
        crc32c = checksum_combine(CrcAlgorithm::Crc32Iscsi, crc32c, next32.cast_unsigned().into(), len);
        crc64nvme = checksum_combine(CrcAlgorithm::Crc64Nvme, crc64nvme, next64.cast_unsigned(), len);
        names.update(part.sha256.as_deref().unwrap_or_default());
        size = size.saturating_add(part.size);
    }
    let name = names.finish();
    Facts {
        size,
        etag: format!("{}-{}", hex(name.as_ref().get(..16).unwrap_or_default()), parts.len()),
        sha256: None,
        crc32c: u32::try_from(crc32c).unwrap_or_default(),
        crc64nvme,
    }
}
