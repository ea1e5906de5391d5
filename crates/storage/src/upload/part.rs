//! Parts of a multipart upload.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{Caller, Permit, Query, TenantScope, TenantTx};

use super::session::{find, lock_open, touch};
use super::{MAX_PARTS, NewPart, Protocol};
use crate::content;
use crate::flow::{Arrived, Flow, Ids, STEP};
use crate::id::{ContentId, UploadId};
use crate::input::{Rules, hex};
use crate::permission::{ReadObjects, WriteObjects};
use crate::schema::{blobs, uploads};
use crate::{BlobId, Body, Error, Storage};

/// A part that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Part {
    /// Its number.
    pub number: i32,
    /// Its bytes.
    pub size: i64,
    /// Names its bytes.
    pub etag: String,
}

/// A part as whoever completes an upload names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NamedPart {
    /// Its number.
    pub number: i32,
    /// The ETag that it was answered with.
    pub etag: String,
}

impl From<Part> for NamedPart {
    fn from(part: Part) -> Self {
        Self { number: part.number, etag: part.etag }
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = blobs)]
pub(super) struct Stored {
    pub(super) blob_id: BlobId,
    pub(super) number: i32,
    pub(super) size: i64,
    pub(super) sha256: Option<Vec<u8>>,
    pub(super) crc32c: Option<i32>,
    pub(super) crc64nvme: Option<i64>,
}

impl Stored {
    pub(super) fn etag(&self) -> String {
        hex(self.sha256.as_deref().and_then(|sum| sum.get(..16)).unwrap_or_default())
    }
}

impl Storage {
    /// Stores a part. It is there when this answers; storing it again replaces it.
    ///
    /// # Errors
    /// [`Error::Absent`] when the upload is complete, aborted, expired or another's, [`Error::Invalid`],
    /// [`Error::QuotaExceeded`], [`Error::DigestMismatch`], [`Error::Length`]; the backend's own.
    pub async fn put_part(
        &self,
        caller: &Caller,
        _: &Permit<WriteObjects>,
        upload: UploadId,
        part: NewPart,
        body: Body,
    ) -> Result<Part, Error> {
        let mut rules = Rules::default();
        rules.check("/part_number", (1..=MAX_PARTS).contains(&part.number), "out_of_range", "1 to 10000");
        rules.finish()?;
        let blob = BlobId::generate(self.db().clock().now(), &**self.db().random());
        let (lease, limit) = (self.config().lease(), self.config().quota_bytes);
        let guess = part.len.map_or(Ok(STEP), content::size)?;
        let begin = move |tx: &mut TenantTx<'_>| {
            let row = lock_open(tx, upload, Protocol::Multipart)?;
            let prepaid = row.length.is_some();
            let reserved = match (prepaid, part.len) {
                (true, _) => 0,
                (false, Some(_)) => content::grow(tx, row.content_id, guess, limit)?,
                (false, None) => content::grow_some(tx, row.content_id, guess, limit)?,
            };
            content::begin_blob(tx, row.content_id, blob, part.number, reserved, lease)?;
            Ok::<_, Error>((row, reserved, prepaid))
        };
        let (row, reserved, prepaid) = self.db().tenant(caller, begin).await?;
        let data_key = self.upload_key(caller, row.content_id).await?;
        let ids = Ids { content: row.content_id, blob };
        let flow = Flow { ids, reserved, prepaid, most: row.length, len: part.len, expected: part.expected };
        let arrived = self.flow(caller, flow, data_key.as_ref(), body).await;
        let lifetime = self.config().lifetime();
        let settled = match arrived {
            Ok(arrived) => {
                let settle = move |tx: &mut TenantTx<'_>| {
                    settle(tx, upload, ids, part.number, &arrived, prepaid, lifetime)
                };
                self.db().tenant(caller, settle).await
            }
            Err(error) => Err(error),
        };
        if settled.is_err() {
            self.drop_part(caller, ids).await;
        }
        settled
    }

    /// Lets a part that failed be removed.
    pub(super) async fn drop_part(&self, caller: &Caller, ids: Ids) {
        let dropped = self.db().tenant(caller, move |tx| content::drop_blob(tx, ids.blob)).await;
        if let Err(error) = dropped {
            tracing::warn!(%error, "a part that failed waits for its time-out");
        }
    }
}

/// Makes what arrived the part of its number.
fn settle(
    tx: &mut TenantTx<'_>,
    upload: UploadId,
    ids: Ids,
    number: i32,
    arrived: &Arrived,
    prepaid: bool,
    lifetime: chrono::TimeDelta,
) -> Result<Part, Error> {
    let row = lock_open(tx, upload, Protocol::Multipart)?;
    let size = content::size(arrived.sums.len)?;
    let replaced = replace(tx, ids.content, number)?;
    // Each part may be as long as the whole, but not all of them.
    if let Some(length) = row.length.filter(|length| row.received + size - replaced > *length) {
        let actual = (row.received + size - replaced).unsigned_abs();
        return Err(Error::Length { expected: length.unsigned_abs(), actual });
    }
    content::finish_blob(tx, ids.blob, &arrived.sums, arrived.header)?;
    if !prepaid {
        content::shrink(tx, ids.content, arrived.reserved - size + replaced)?;
    }
    touch(tx, &row, row.received + size - replaced, lifetime)?;
    Ok(Part { number, size, etag: hex(arrived.sums.sha256.get(..16).unwrap_or_default()) })
}

/// Abandons the part that has a number; answers its bytes.
fn replace(tx: &mut TenantTx<'_>, content: ContentId, number: i32) -> Result<i64, Error> {
    let these = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::number.eq(number).and(blobs::state.eq("live")));
    let update = diesel::update(these)
        .set((blobs::state.eq("abandoned"), blobs::due_at.eq(tx.now())))
        .returning(blobs::size);
    Ok(tx.find_result(update)?.unwrap_or(0))
}

/// How many parts are there.
pub(super) fn count(tx: &mut TenantTx<'_>, content: ContentId) -> Result<i32, Error> {
    let parts = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::state.eq("live"));
    Ok(i32::try_from(tx.get_result::<i64, _>(parts.count())?).unwrap_or(i32::MAX))
}

/// The parts of an upload that are there, by number.
pub(super) fn stored(tx: &mut impl TenantScope, content: ContentId) -> Result<Vec<Stored>, Error> {
    let parts = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::state.eq("live"))
        .order(blobs::number)
        .select(Stored::as_select());
    Ok(tx.load(parts)?)
}

/// The parts of an upload that are there, by number.
pub fn parts(
    tx: &mut impl TenantScope,
    _: &Permit<ReadObjects>,
    bucket: &str,
    upload: UploadId,
    page: &PageRequest<i32>,
) -> Result<Page<Part>, Error> {
    find(tx, bucket, upload)?;
    let content = uploads::table.find((tx.tenant(), upload)).select(uploads::content_id);
    let content: ContentId = tx.get_result(content)?;
    let parts = blobs::table
        .filter(blobs::tenant_id.eq(tx.tenant()).and(blobs::content_id.eq(content)))
        .filter(blobs::state.eq("live").and(blobs::number.gt(page.after.unwrap_or(0))))
        .order(blobs::number)
        .limit(page.fetch())
        .select(Stored::as_select());
    let parts: Vec<Stored> = tx.load(parts)?;
    let shown = |part: Stored| Part { number: part.number, size: part.size, etag: part.etag() };
    Ok(Page::new(page, parts.into_iter().map(shown).collect(), |part: &Part| part.number))
}
