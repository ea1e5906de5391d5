//! A blob on its way to the backend: digested, encrypted, counted, and kept from being given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use veza_core::{Caller, TenantTx};

use crate::content::{self, size};
use crate::crypt::{DataKey, Header, Place, Sealer, sealed_len};
use crate::digest::{self, Expected, Sums};
use crate::id::ContentId;
use crate::{BlobId, BlobKey, Body, Error, Storage};

/// What is set aside at a time for a body of unknown length.
pub(crate) const STEP: i64 = 8 << 20;
/// A body of which nothing comes for so long has broken off.
pub(crate) const IDLE: Duration = Duration::from_mins(1);

/// A blob of a content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) content: ContentId,
    pub(crate) blob: BlobId,
}

/// How a blob is to flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    pub(crate) ids: Ids,
    /// Bytes that are set aside for it.
    pub(crate) reserved: i64,
    /// What it needs is set aside with its content.
    pub(crate) prepaid: bool,
    /// The most bytes that it may have.
    pub(crate) most: Option<i64>,
    /// Its bytes, where they are known.
    pub(crate) len: Option<u64>,
    pub(crate) expected: Expected,
}

/// A blob that is in the backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) sums: Sums,
    pub(crate) header: Option<Header>,
    /// Bytes that are set aside for it now.
    pub(crate) reserved: i64,
}

impl Storage {
    /// Lets a blob flow to the backend.
    pub(crate) async fn flow(
        &self,
        caller: &Caller,
        flow: Flow,
        data_key: Option<&DataKey>,
        body: Body,
    ) -> Result<Arrived, Error> {
        let key = BlobKey::new(caller.tenant(), flow.ids.blob);
        let reserved = Arc::new(AtomicI64::new(flow.reserved));
        let keeper = Keeper {
            storage: self.clone(),
            caller: caller.clone(),
            ids: flow.ids,
            reserved: Arc::clone(&reserved),
            prepaid: flow.prepaid,
            counted: 0,
            most: flow.most,
            kept: Instant::now(),
        };
        let expected = Expected { len: flow.len.or(flow.expected.len), ..flow.expected };
        let (body, receipt) = digest::check(kept(body, keeper), expected, false);
        let header = match data_key {
            None => {
                self.backend().put(key, flow.len, body).await?;
                None
            }
            Some(data_key) => {
                let sealer = Sealer::new(data_key, Place::whole(key), &**self.db().random())?;
                let (header, len) = (sealer.header(), flow.len.map(sealed_len).transpose()?);
                self.backend().put(key, len, sealer.seal(body)).await?;
                Some(header)
            }
        };
        let sums = receipt.sums().ok_or(Error::Corrupt("the backend did not read the whole body"))?;
        Ok(Arrived { sums, header, reserved: reserved.load(Ordering::Relaxed) })
    }
}

/// Keeps an upload from being given up while its body flows, and sets more aside as it grows.
struct Keeper {
    storage: Storage,
    caller: Caller,
    ids: Ids,
    /// Bytes that are set aside for this blob, for whoever settles it.
    reserved: Arc<AtomicI64>,
    prepaid: bool,
    counted: i64,
    most: Option<i64>,
    kept: Instant,
}

impl Keeper {
    async fn count(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.counted = self.counted.saturating_add(size(u64::try_from(chunk.len()).unwrap_or(u64::MAX))?);
        if let Some(max) = self.most
            && self.counted > max
        {
            return Err(Error::ObjectTooLarge { max });
        }
        let reserved = self.reserved.load(Ordering::Relaxed);
        let needed = if self.prepaid { 0 } else { (self.counted - reserved).max(0) };
        let due = self.kept.elapsed() > self.storage.config().upload_timeout.as_duration() / 3;
        if needed == 0 && !due {
            return Ok(());
        }
        let wanted = if needed == 0 { 0 } else { needed.max(reserved).clamp(STEP, 32 * STEP).max(needed) };
        match self.extend(wanted).await {
            // Near the limit, what is needed may still fit.
            Err(Error::QuotaExceeded) if wanted > needed => self.extend(needed).await,
            extended => extended,
        }
    }

    async fn extend(&mut self, more: i64) -> Result<(), Error> {
        let (ids, config) = (self.ids, self.storage.config());
        let (lease, limit) = (config.lease(), config.quota_bytes);
        let extend =
            move |tx: &mut TenantTx<'_>| content::extend(tx, ids.content, ids.blob, more, lease, limit);
        self.storage.db().tenant(&self.caller, extend).await?;
        self.reserved.fetch_add(more, Ordering::Relaxed);
        self.kept = Instant::now();
        Ok(())
    }
}

fn kept(body: Body, keeper: Keeper) -> Body {
    Box::pin(stream::try_unfold((body, keeper), |(mut body, mut keeper)| async move {
        let chunk = tokio::time::timeout(IDLE, body.next()).await;
        let chunk = chunk.map_err(|_idle| Error::Body("nothing came for a minute".into()))?;
        let Some(chunk) = chunk.transpose()? else { return Ok(None) };
        keeper.count(&chunk).await?;
        Ok(Some((chunk, (body, keeper))))
    }))
}
