//! Bytes behind those that are there.

use std::sync::Arc;

use diesel::prelude::*;
use veza_core::{Caller, Permit, Query, TenantScope, TenantTx, Write};

use super::complete;
use super::session::{Row, bucket_name, lock_open, touch};
use super::source::Source;
use super::{MAX_PARTS, Protocol, Upload};
use crate::bucket;
use crate::content;
use crate::crypt::DataKey;
use crate::digest::Expected;
use crate::flow::{Arrived, Flow, Ids, STEP};
use crate::id::UploadId;
use crate::permission::WriteObjects;
use crate::schema::uploads;
use crate::sniff::First;
use crate::{BlobId, Body, Error, Storage};

/// Bytes of a blob. What is lost when a process dies is a part of one.
const CUT: u64 = 16 << 20;

/// What is to be appended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chunk {
    /// Bytes that are there.
    pub offset: i64,
    /// All bytes of the upload, if that was not known when it began.
    pub length: Option<i64>,
    /// What the bytes must be. If anything is said of them, they are kept all together or not at all.
    pub expected: Expected,
}

/// How far appending is.
#[derive(Debug, Clone)]
struct Turn {
    row: Row,
    bucket: String,
    fence: i64,
    reserved: i64,
}

/// Who appends, and to what.
struct Append<'a> {
    storage: &'a Storage,
    caller: &'a Caller,
    chunk: Chunk,
    source: Source,
    data_key: Option<DataKey>,
}

impl Storage {
    /// Stores bytes behind those that are there, and answers how the upload is then. When the body breaks
    /// off, what came of it is kept. Of two who append at once the one who began later goes on. Who brings the last
    /// byte makes it an object, in the same moment, unless it is partial.
    ///
    /// # Errors
    /// [`Error::OffsetMismatch`] when another number is there, [`Error::Length`] when it would be more than the
    /// upload's length, [`Error::LeaseLost`] when somebody else appends, [`Error::DigestMismatch`]; as
    /// [`Storage::put_part`] and [`Storage::complete`] otherwise.
    pub async fn append(
        &self,
        caller: &Caller,
        _: &Permit<WriteObjects>,
        upload: UploadId,
        chunk: Chunk,
        body: Body,
    ) -> Result<Upload, Error> {
        let source = Source::new(body);
        // Who tells the length last may bring no byte.
        let first = match chunk.length {
            Some(length) if length == chunk.offset => self.first_bytes(caller, upload).await?,
            _ => Vec::new(),
        };
        let mut turn = self.take_turn(caller, upload, chunk, first).await?;
        let data_key = self.upload_key(caller, turn.row.content_id).await?;
        let append = Append { storage: self, caller, chunk, source, data_key };
        while append.source.has_more().await {
            turn = append.cut(turn).await?;
        }
        match append.source.broken().await {
            Some(error) if turn.row.received == chunk.offset => Err(error),
            _ => Ok(turn.row.shown(turn.bucket)),
        }
    }

    /// Becomes the one who appends.
    async fn take_turn(
        &self,
        caller: &Caller,
        upload: UploadId,
        chunk: Chunk,
        first: Vec<u8>,
    ) -> Result<Turn, Error> {
        let settlement = self.settlement();
        let take = move |tx: &mut TenantTx<'_>| {
            let mut row = lock_open(tx, upload, Protocol::Tus)?;
            if row.received != chunk.offset {
                return Err(Error::OffsetMismatch { offset: row.received });
            }
            let bucket = bucket_name(tx, row.bucket_id)?;
            row.fence += 1;
            let this = uploads::table.find((tx.tenant(), upload));
            tx.execute(diesel::update(this).set(uploads::fence.eq(row.fence)))?;
            if let Some(length) = chunk.length {
                declare(tx, &mut row, &bucket, length, settlement.limit)?;
            }
            complete_if_full(tx, &mut row, &first, settlement)?;
            Ok(Turn { fence: row.fence, row, bucket, reserved: 0 })
        };
        self.db().tenant(caller, take).await
    }
}

impl Append<'_> {
    /// Stores the next blob.
    async fn cut(&self, turn: Turn) -> Result<Turn, Error> {
        let left = turn.row.length.map(|length| length - turn.row.received);
        if left == Some(0) {
            let expected = turn.row.length.unwrap_or_default().unsigned_abs();
            return Err(Error::Length { expected, actual: expected.saturating_add(1) });
        }
        let blob = BlobId::generate(self.storage.db().clock().now(), &**self.storage.db().random());
        let turn = self.begin(turn, blob).await?;
        let ids = Ids { content: turn.row.content_id, blob };
        let settled = match self.flow(&turn, ids, left).await {
            Ok((arrived, first)) => self.settle(turn, ids, arrived, first).await,
            Err(error) => Err(error),
        };
        if settled.is_err() {
            self.storage.drop_part(self.caller, ids).await;
        }
        settled
    }

    async fn flow(&self, turn: &Turn, ids: Ids, left: Option<i64>) -> Result<(Arrived, First), Error> {
        let whole = self.chunk.expected != Expected::default();
        let flow = Flow {
            ids,
            reserved: turn.reserved,
            prepaid: turn.row.length.is_some(),
            most: None,
            len: None,
            expected: self.chunk.expected,
        };
        let cut = if whole { u64::MAX } else { cut(turn.row.length) };
        let most = left.map_or(cut, |left| cut.min(left.unsigned_abs()));
        let (body, first) = First::of(self.source.take(most));
        let flowed = self.storage.flow(self.caller, flow, self.data_key.as_ref(), body).await;
        // What broke off has another digest, but that is not why.
        match (flowed, whole) {
            (Err(error), true) => Err(self.source.broken().await.unwrap_or(error)),
            (flowed, _) => Ok((flowed?, first)),
        }
    }

    /// Writes down the next blob.
    async fn begin(&self, turn: Turn, blob: BlobId) -> Result<Turn, Error> {
        let (lease, limit) = (self.storage.config().lease(), self.storage.config().quota_bytes);
        let (upload, fence, bucket) = (turn.row.upload_id, turn.fence, Arc::new(turn.bucket));
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
            Ok(Turn { row, bucket: bucket.to_string(), fence, reserved })
        };
        self.storage.db().tenant(self.caller, begin).await
    }

    /// Makes what arrived a part of the upload, and the upload an object if nothing is missing.
    async fn settle(&self, turn: Turn, ids: Ids, arrived: Arrived, first: First) -> Result<Turn, Error> {
        let last =
            turn.row.length == Some(turn.row.received.saturating_add(content::size(arrived.sums.len)?));
        let first = match (last, turn.row.received) {
            (true, 0) => first.bytes(),
            (true, _) => self.storage.first_bytes(self.caller, turn.row.upload_id).await?,
            (false, _) => Vec::new(),
        };
        let (lifetime, settlement) = (self.storage.config().lifetime(), self.storage.settlement());
        let (upload, fence) = (turn.row.upload_id, turn.fence);
        let settle = move |tx: &mut TenantTx<'_>| {
            let mut row = fenced(tx, upload, fence)?;
            let size = content::size(arrived.sums.len)?;
            content::finish_blob(tx, ids.blob, &arrived.sums, arrived.header)?;
            row.received += size;
            row.expires_at = tx.now() + lifetime;
            touch(tx, &row, row.received, lifetime)?;
            if row.length.is_none() {
                content::shrink(tx, ids.content, arrived.reserved - size)?;
            }
            complete_if_full(tx, &mut row, &first, settlement)?;
            Ok::<_, Error>(row)
        };
        let row = self.storage.db().tenant(self.caller, settle).await?;
        Ok(Turn { row, ..turn })
    }
}

/// Bytes of a blob, so many that an upload has no more parts than it may have.
fn cut(length: Option<i64>) -> u64 {
    let parts = u64::from(MAX_PARTS.unsigned_abs()) / 2;
    length.map_or(CUT, |length| length.unsigned_abs().div_ceil(parts).max(CUT))
}

/// The upload, while nobody else has begun to append.
fn fenced(tx: &mut TenantTx<'_>, upload: UploadId, fence: i64) -> Result<Row, Error> {
    let row = lock_open(tx, upload, Protocol::Tus)?;
    if row.fence == fence { Ok(row) } else { Err(Error::LeaseLost) }
}

/// Notes how many bytes an upload will have, and sets aside what is missing.
fn declare(
    tx: &mut TenantTx<'_>,
    row: &mut Row,
    bucket: &str,
    length: i64,
    limit: Option<i64>,
) -> Result<(), Error> {
    let most = bucket::find(tx, bucket)?.settings.max_object_bytes;
    if let Some(max) = most.filter(|most| length > *most) {
        return Err(Error::ObjectTooLarge { max });
    }
    let said = row.length.unwrap_or(length);
    if said != length || length < row.received {
        let actual = said.max(row.received).unsigned_abs();
        return Err(Error::Length { expected: length.unsigned_abs(), actual });
    }
    if row.length.is_none() {
        content::grow(tx, row.content_id, length - row.received, limit)?;
        let this = uploads::table.find((tx.tenant(), row.upload_id));
        tx.execute(diesel::update(this).set(uploads::length.eq(length)))?;
        row.length = Some(length);
    }
    Ok(())
}

/// Makes an upload an object when all of its bytes are there, unless it is to be a part of one.
fn complete_if_full(
    tx: &mut TenantTx<'_>,
    row: &mut Row,
    first: &[u8],
    settlement: complete::Settlement,
) -> Result<(), Error> {
    if row.length == Some(row.received) && !row.partial {
        row.version_id = Some(complete::settle(tx, row, None, None, first, settlement)?.version_id);
    }
    Ok(())
}
