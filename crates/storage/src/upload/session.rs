//! Uploads as rows.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use veza_core::page::{Page, PageRequest};
use veza_core::{Caller, Permit, Query, TenantScope, TenantTx, Write};

use super::{NewUpload, Protocol, Upload};
use crate::bucket::{self, Bucket};
use crate::content::{self, Intent};
use crate::crypt::DataKey;
use crate::id::{BucketId, ContentId, UploadId, VersionId};
use crate::keyring;
use crate::object::{self, Attributes, Condition};
use crate::permission::{ReadObjects, WriteObjects};
use crate::schema::{buckets, contents, uploads};
use crate::{Error, Storage};

/// What is kept until an upload is complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Options {
    pub(super) attributes: Attributes,
    pub(super) condition: Condition,
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = uploads)]
pub(super) struct Row {
    pub(super) upload_id: UploadId,
    pub(super) bucket_id: BucketId,
    pub(super) key: String,
    pub(super) content_id: ContentId,
    protocol: String,
    pub(super) length: Option<i64>,
    pub(super) received: i64,
    pub(super) fence: i64,
    options: Value,
    pub(super) version_id: Option<VersionId>,
    pub(super) created_by: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Row {
    pub(super) fn options(&self) -> Result<Options, Error> {
        serde_json::from_value(self.options.clone()).map_err(|_other| Error::Corrupt("an upload's options"))
    }

    fn shown(self, bucket: String) -> Upload {
        Upload {
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
    /// Begins an upload in parts.
    ///
    /// # Errors
    /// As [`Storage::put`], as far as it is known by now.
    pub async fn begin_upload(
        &self,
        caller: &Caller,
        permit: &Permit<WriteObjects>,
        new: NewUpload,
    ) -> Result<Upload, Error> {
        let (now, random) = (self.db().clock().now(), &**self.db().random());
        let content = ContentId::generate(now, random);
        let kept_key = self.make_data_key(caller, content).await?.map(|(_, kept)| kept);
        let (new, by) = (Arc::new(new), permit.caller().principal().to_string());
        let (limit, lifetime, backend) =
            (self.config().quota_bytes, self.config().lifetime(), self.backend_name().to_owned());
        let begin = move |tx: &mut TenantTx<'_>| {
            let bucket = bucket::hold(tx, &new.bucket)?;
            object::check(&bucket, &new.attributes, new.length)?;
            new.condition.check(object::current(tx, &bucket, &new.key)?.as_ref())?;
            let intent = Intent {
                content,
                backend: backend.clone(),
                reserve: new.length.unwrap_or(0),
                guessed: false,
                key: kept_key.clone().filter(|_| bucket.settings.encryption),
                lease: lifetime,
                limit,
            };
            content::begin(tx, &intent)?;
            let row = insert(tx, &bucket, &new, &intent, &by)?;
            Ok::<_, Error>(row.shown(bucket.name))
        };
        self.db().tenant(caller, begin).await
    }

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

fn insert(
    tx: &mut TenantTx<'_>,
    bucket: &Bucket,
    new: &NewUpload,
    intent: &Intent,
    by: &str,
) -> Result<Row, Error> {
    let options = Options { attributes: new.attributes.clone(), condition: new.condition.clone() };
    let options = serde_json::to_value(options).map_err(|error| Error::Setup(error.to_string()))?;
    let row = (
        uploads::tenant_id.eq(tx.tenant()),
        uploads::upload_id.eq(tx.new_id::<crate::id::UploadNoun>()),
        uploads::bucket_id.eq(bucket.id),
        uploads::key.eq(new.key.as_str()),
        uploads::content_id.eq(intent.content),
        uploads::protocol.eq(new.protocol.as_str()),
        uploads::length.eq(new.length),
        uploads::options.eq(options),
        uploads::created_by.eq(by),
        uploads::created_at.eq(tx.now()),
        uploads::expires_at.eq(tx.now() + intent.lease),
    );
    Ok(tx.get_result(diesel::insert_into(uploads::table).values(row).returning(Row::as_returning()))?)
}

/// One upload.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadObjects>, id: UploadId) -> Result<Upload, Error> {
    let row = uploads::table.find((tx.tenant(), id)).select(Row::as_select());
    let row: Row = tx.find_result(row)?.ok_or(Error::Absent("upload"))?;
    let name = bucket_name(tx, row.bucket_id)?;
    Ok(row.shown(name))
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
        .filter(uploads::version_id.is_null())
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
    let open = row.version_id.is_none() && row.protocol == protocol.as_str() && row.expires_at > tx.now();
    if open { Ok(row) } else { Err(Error::Absent("upload")) }
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
