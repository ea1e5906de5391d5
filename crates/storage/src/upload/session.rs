//! Uploads as rows.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::page::{Page, PageRequest};
use veza_core::{Caller, Permit, Query, TenantScope, TenantTx, Write};

use super::{Protocol, Tus, Upload};
use crate::bucket;
use crate::content;
use crate::crypt::DataKey;
use crate::id::{BucketId, ContentId, UploadId, VersionId};
use crate::keyring;
use crate::object::{Attributes, Condition};
use crate::permission::{ReadObjects, WriteObjects};
use crate::schema::{buckets, contents, uploads};
use crate::{Error, Storage};

/// What is kept until an upload is complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Options {
    pub(super) attributes: Attributes,
    pub(super) condition: Condition,
    #[serde(default)]
    pub(super) tus: Tus,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = uploads)]
pub(super) struct Row {
    pub(super) upload_id: UploadId,
    pub(super) bucket_id: BucketId,
    pub(super) key: String,
    pub(super) content_id: ContentId,
    protocol: String,
    pub(super) partial: bool,
    pub(super) length: Option<i64>,
    pub(super) received: i64,
    pub(super) fence: i64,
    options: Value,
    pub(super) version_id: Option<VersionId>,
    pub(super) created_by: String,
    created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

impl Row {
    pub(super) fn options(&self) -> Result<Options, Error> {
        serde_json::from_value(self.options.clone()).map_err(|_other| Error::Corrupt("an upload's options"))
    }

    /// Whether it can still become something.
    fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.version_id.is_none() && self.expires_at > now
    }

    pub(super) fn shown(self, bucket: String) -> Upload {
        Upload {
            // What we wrote can be read.
            tus: self.options().map(|options| options.tus).unwrap_or_default(),
            id: self.upload_id,
            bucket,
            key: self.key,
            protocol: if self.protocol == "tus" { Protocol::Tus } else { Protocol::Multipart },
            length: self.length,
            received: self.received,
            version_id: self.version_id,
            created_by: self.created_by,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

impl Storage {
    /// The key that an upload's bytes are encrypted with.
    pub(super) async fn upload_key(
        &self,
        caller: &Caller,
        content: ContentId,
    ) -> Result<Option<DataKey>, Error> {
        let found = self.db().read(caller, move |tx| keyring::key_of(tx, content)).await?;
        self.data_key(caller, content, found).await
    }
}

/// One upload.
pub fn get(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    bucket: &str,
    id: UploadId,
) -> Result<Upload, Error> {
    find(tx, bucket, id)
}

/// The same for whoever may do something with it.
///
/// # Errors
/// [`Error::Absent`] also when it is another bucket's, or has expired.
pub(crate) fn find(tx: &mut impl TenantScope, bucket: &str, id: UploadId) -> Result<Upload, Error> {
    let bucket = bucket::find(tx, bucket)?;
    let row = uploads::table
        .find((tx.tenant(), id))
        .filter(uploads::bucket_id.eq(bucket.id))
        .select(Row::as_select());
    let row: Option<Row> = tx.find_result(row)?;
    let there = row.filter(|row| row.version_id.is_some() || row.is_open(tx.now()));
    Ok(there.ok_or(Error::Absent("upload"))?.shown(bucket.name))
}

/// Uploads to a bucket that are under way, oldest first.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    bucket: &str,
    page: &PageRequest<UploadId>,
) -> Result<Page<Upload>, Error> {
    let bucket = bucket::find(tx, bucket)?;
    let mut query = uploads::table
        .filter(uploads::tenant_id.eq(tx.tenant()).and(uploads::bucket_id.eq(bucket.id)))
        .filter(uploads::version_id.is_null().and(uploads::expires_at.gt(tx.now())))
        .select(Row::as_select())
        .order(uploads::upload_id)
        .limit(page.fetch())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(uploads::upload_id.gt(after));
    }
    let rows: Vec<Row> = tx.load(query)?;
    let uploads = rows.into_iter().map(|row| row.shown(bucket.name.clone())).collect();
    Ok(Page::new(page, uploads, |upload: &Upload| upload.id))
}

/// Ends an upload without an object; what it stored is removed.
///
/// # Errors
/// [`Error::Absent`] also when it is complete.
pub fn abort(tx: &mut TenantTx<'_>, _: &Permit<WriteObjects>, id: UploadId) -> Result<(), Error> {
    end(tx, id)
}

/// The same for who obeys the rules of a bucket.
pub(crate) fn end(tx: &mut TenantTx<'_>, id: UploadId) -> Result<(), Error> {
    let row = lock(tx, id)?;
    if row.version_id.is_some() {
        return Err(Error::Absent("upload"));
    }
    tx.execute(diesel::delete(uploads::table.find((tx.tenant(), id))))?;
    content::give_up(tx, row.content_id)
}

/// An upload, which nobody else changes before the transaction ends.
pub(super) fn lock(tx: &mut TenantTx<'_>, id: UploadId) -> Result<Row, Error> {
    let row = uploads::table.find((tx.tenant(), id)).select(Row::as_select()).for_update();
    tx.find_result(row)?.ok_or(Error::Absent("upload"))
}

/// The same, while it is under way.
pub(super) fn lock_open(tx: &mut TenantTx<'_>, id: UploadId, protocol: Protocol) -> Result<Row, Error> {
    let row = lock(tx, id)?;
    if row.protocol == protocol.as_str() && row.is_open(tx.now()) {
        Ok(row)
    } else {
        Err(Error::Absent("upload"))
    }
}

/// Notes that something came.
pub(super) fn touch(
    tx: &mut TenantTx<'_>,
    row: &Row,
    received: i64,
    lifetime: chrono::TimeDelta,
) -> Result<(), Error> {
    let until = tx.now() + lifetime;
    let this = uploads::table.find((tx.tenant(), row.upload_id));
    tx.execute(diesel::update(this).set((uploads::received.eq(received), uploads::expires_at.eq(until))))?;
    let content = contents::table.find((tx.tenant(), row.content_id)).filter(contents::state.eq("pending"));
    if tx.execute(diesel::update(content).set(contents::due_at.eq(until)))? == 0 {
        return Err(Error::LeaseLost);
    }
    Ok(())
}

pub(super) fn bucket_name(tx: &mut impl TenantScope, id: BucketId) -> Result<String, Error> {
    let name = buckets::table.find((tx.tenant(), id)).select(buckets::name);
    Ok(tx.get_result(name)?)
}
