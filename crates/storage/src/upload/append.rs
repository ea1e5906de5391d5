//! Bytes behind those that are there.

use diesel::prelude::*;
use veza_core::{Caller, Permit, TenantScope, TenantTx, Write};

use super::session::{Row, lock_open, touch};
use super::source::Source;
use super::{MAX_PARTS, Protocol};
use crate::content;
use crate::digest::Expected;
use crate::flow::{Flow, Ids, STEP};
use crate::id::UploadId;
use crate::permission::WriteObjects;
use crate::schema::uploads;
use crate::{BlobId, Body, Error, Storage};

/// Bytes of a blob. What is lost when a process dies is a part of one.
const CUT: u64 = 16 << 20;

/// How far appending is.
#[derive(Debug, Clone)]
struct Turn {
    row: Row,
    fence: i64,
    reserved: i64,
}

impl Storage {
    /// Stores bytes behind the `offset` that is there, and answers how many are there then. When the body breaks
    /// off, what came of it is kept. Of two who append at once the one who began later goes on.
    ///
    /// # Errors
    /// [`Error::OffsetMismatch`] when another number is there, [`Error::Length`] when it would be more than the
    /// upload's length, [`Error::LeaseLost`] when somebody else appends; as [`Storage::put_part`] otherwise.
    pub async fn append(
        &self,
        caller: &Caller,
        _: &Permit<WriteObjects>,
        upload: UploadId,
        offset: i64,
        body: Body,
    ) -> Result<i64, Error> {
        let source = Source::new(body);
        let mut row = self.take_turn(caller, upload, offset).await?;
        let (fence, data_key) = (row.fence, self.upload_key(caller, row.content_id).await?);
        while source.has_more().await {
            let blob = BlobId::generate(self.db().clock().now(), &**self.db().random());
            let left = row.length.map(|length| length - row.received);
            if left == Some(0) {
                let expected = row.length.unwrap_or_default().unsigned_abs();
                return Err(Error::Length { expected, actual: expected.saturating_add(1) });
            }
            let turn = self.begin_cut(caller, row, fence, blob).await?;
            let ids = Ids { content: turn.row.content_id, blob };
            let flow = Flow {
                ids,
                reserved: turn.reserved,
                prepaid: turn.row.length.is_some(),
                most: None,
                len: None,
                expected: Expected::default(),
            };
            let most = left.map_or(CUT, |left| CUT.min(left.unsigned_abs()));
            let arrived = match self.flow(caller, flow, data_key.as_ref(), source.take(most)).await {
                Ok(arrived) => arrived,
                Err(error) => {
                    self.drop_part(caller, ids).await;
                    return Err(error);
                }
            };
            let lifetime = self.config().lifetime();
            let settle = move |tx: &mut TenantTx<'_>| {
                let mut row = fenced(tx, upload, turn.fence)?;
                let size = content::size(arrived.sums.len)?;
                content::finish_blob(tx, ids.blob, &arrived.sums, arrived.header)?;
                if row.length.is_none() {
                    content::shrink(tx, ids.content, arrived.reserved - size)?;
                }
                row.received += size;
                touch(tx, &row, row.received, lifetime)?;
                Ok::<_, Error>(row)
            };
            row = self.db().tenant(caller, settle).await?;
        }
        match source.broken().await {
            Some(error) if row.received == offset => Err(error),
            _ => Ok(row.received),
        }
    }

    /// Becomes the one who appends.
    async fn take_turn(&self, caller: &Caller, upload: UploadId, offset: i64) -> Result<Row, Error> {
        let take = move |tx: &mut TenantTx<'_>| {
            let mut row = lock_open(tx, upload, Protocol::Tus)?;
            if row.received != offset {
                return Err(Error::OffsetMismatch { offset: row.received });
            }
            row.fence += 1;
            let this = uploads::table.find((tx.tenant(), upload));
            tx.execute(diesel::update(this).set(uploads::fence.eq(row.fence)))?;
            Ok(row)
        };
        self.db().tenant(caller, take).await
    }

    /// Writes down the next blob.
    async fn begin_cut(&self, caller: &Caller, row: Row, fence: i64, blob: BlobId) -> Result<Turn, Error> {
        let (lease, limit) = (self.config().lease(), self.config().quota_bytes);
        let upload = row.upload_id;
        let begin = move |tx: &mut TenantTx<'_>| {
            let row = fenced(tx, upload, fence)?;
            let number = 1 + super::part::count(tx, row.content_id)?;
            if number > MAX_PARTS {
                return Err(Error::LimitReached { noun: "part", max: MAX_PARTS.into() });
            }
            let reserved = match row.length {
                Some(_) => 0,
                None => content::grow_some(tx, row.content_id, STEP, limit)?,
            };
            content::begin_blob(tx, row.content_id, blob, number, reserved, lease)?;
            Ok(Turn { row, fence, reserved })
        };
        self.db().tenant(caller, begin).await
    }
}

/// The upload, while nobody else has begun to append.
fn fenced(tx: &mut TenantTx<'_>, upload: UploadId, fence: i64) -> Result<Row, Error> {
    let row = lock_open(tx, upload, Protocol::Tus)?;
    if row.fence == fence { Ok(row) } else { Err(Error::LeaseLost) }
}
