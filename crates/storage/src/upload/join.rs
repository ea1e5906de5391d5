//! An object of several uploads, one behind the other: the concatenation of tus.

use futures_util::{StreamExt, TryStreamExt, stream};
use veza_core::{Caller, Permit, Query, TenantTx};

use super::session::{Row, end, lock};
use super::{Chunk, NewUpload, Upload};
use crate::id::UploadId;
use crate::input::Rules;
use crate::permission::WriteObjects;
use crate::{Body, Error, Storage};

/// The most uploads that become one.
const MAX_JOINED: usize = 1_000;

impl Storage {
    /// Makes an object of partial uploads that are whole, named by `new.tus.joined`. Their bytes are read and
    /// stored once more, because each was encrypted with a key of its own; they are gone when the object is there.
    ///
    /// # Errors
    /// [`Error::Absent`] when one of them is not there, or no partial upload to this bucket;
    /// [`Error::OffsetMismatch`] when one is not whole; as [`Storage::put`] otherwise.
    pub async fn join_uploads(
        &self,
        caller: &Caller,
        permit: &Permit<WriteObjects>,
        mut new: NewUpload,
    ) -> Result<Upload, Error> {
        let mut rules = Rules::default();
        let fits = (1..=MAX_JOINED).contains(&new.tus.joined.len());
        rules.check("/joined", fits, "out_of_range", "1 to 1000 uploads");
        rules.finish()?;
        let (bucket, ids) = (new.bucket.clone(), new.tus.joined.clone());
        let rows = self.db().tenant(caller, move |tx| whole(tx, &bucket, &ids)).await?;
        let length = rows.iter().fold(0_i64, |sum, row| sum.saturating_add(row.received));
        new.length = Some(length);
        let joined = new.tus.joined.clone();
        let begun = self.begin_upload(caller, permit, new).await?;
        let appended = if length == 0 {
            Ok(begun.clone())
        } else {
            let body = self.bytes_of(caller, rows);
            self.append(caller, permit, begun.id, Chunk::default(), body).await
        };
        let full = appended.and_then(|upload| {
            let broken = || Error::Body("a partial upload cannot be read".into());
            if upload.version_id.is_some() { Ok(upload) } else { Err(broken()) }
        });
        let gone = if full.is_ok() { joined } else { vec![begun.id] };
        for id in gone {
            let ended = self.db().tenant(caller, move |tx| end(tx, id)).await;
            if let Err(error) = ended {
                tracing::warn!(%error, "an upload waits for its time-out");
            }
        }
        full
    }

    /// All bytes of uploads, one behind the other.
    fn bytes_of(&self, caller: &Caller, rows: Vec<Row>) -> Body {
        let (this, caller) = (self.clone(), caller.clone());
        let bodies = stream::iter(rows).then(move |row| {
            let (this, caller) = (this.clone(), caller.clone());
            async move {
                let opened = this.open_content(&caller, row.content_id).await?;
                opened.bytes(0..row.received.unsigned_abs()).await
            }
        });
        Box::pin(bodies.try_flatten())
    }
}

/// The rows of partial uploads to a bucket, which are whole.
fn whole(tx: &mut TenantTx<'_>, bucket: &str, ids: &[UploadId]) -> Result<Vec<Row>, Error> {
    let bucket = crate::bucket::find(tx, bucket)?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let row = lock(tx, *id)?;
        let fits = row.partial && row.bucket_id == bucket.id && row.expires_at > tx.now();
        if !fits {
            return Err(Error::Absent("upload"));
        }
        if row.length != Some(row.received) {
            return Err(Error::OffsetMismatch { offset: row.received });
        }
        rows.push(row);
    }
    Ok(rows)
}
