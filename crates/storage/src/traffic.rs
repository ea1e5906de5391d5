//! Requests for bytes, and the bytes that went, as the tenant's usage has them.
//!
//! A transfer costs one addition in memory when it ends, however it ends. Once a second the sums of each tenant become
//! events of `veza_core::usage`, and once more when the process stops. Who kills a process loses what it had not
//! written: a second's worth.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use veza_core::id::uuid_v7;
use veza_core::{Caller, Db, Tasks, TenantId, TenantTx, usage};

use crate::{Error, Storage};

/// How often sums are written.
const PERIOD: Duration = Duration::from_secs(1);

/// What usage events are called: requests, bytes that came, bytes that went.
pub const KINDS: [&str; 3] = ["storage.requests", "storage.received_bytes", "storage.sent_bytes"];

/// Sums that are not written yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    open: HashMap<TenantId, [u64; 3]>,
    /// Could not be written. It keeps its ids, so that it counts once if it was written all the same.
    late: Vec<Batch>,
}

/// Sums of a tenant on their way to the database.
#[derive(Debug, Clone, Copy)]
struct Batch {
    tenant: TenantId,
    counts: [u64; 3],
    events: [uuid::Uuid; 3],
}

/// A request for bytes, which counts when it is dropped.
#[derive(Debug)]
pub struct Transfer {
    traffic: Traffic,
    tenant: TenantId,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Transfer {
    /// Notes bytes that came.
    pub fn received(&self, bytes: &[u8]) {
        self.received.fetch_add(u64::try_from(bytes.len()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Notes bytes that went.
    pub fn sent(&self, bytes: &[u8]) {
        self.sent_by_another(u64::try_from(bytes.len()).unwrap_or(0));
    }

    /// Notes bytes that somebody else sends for us.
    pub fn sent_by_another(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(all(test, feature = "http"))]
impl Transfer {
    /// One that nobody writes down.
    pub(crate) fn alone() -> Self {
        let tenant = TenantId::from_verified(uuid::Uuid::nil());
        Self { traffic: Traffic::default(), tenant, received: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let counts = [1, *self.received.get_mut(), *self.sent.get_mut()];
        self.traffic.add(self.tenant, counts);
    }
}

impl Traffic {
    fn add(&self, tenant: TenantId, counts: [u64; 3]) {
        let [requests, received, sent] = counts;
        metrics::counter!("veza_storage_requests_total").increment(requests);
        metrics::counter!("veza_storage_received_bytes_total").increment(received);
        metrics::counter!("veza_storage_sent_bytes_total").increment(sent);
        let mut sums = self.sums();
        let open = sums.open.entry(tenant).or_default();
        for (sum, count) in open.iter_mut().zip(counts) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Takes all that is to be written.
    fn take(&self, db: &Db) -> Vec<Batch> {
        let (now, random) = (db.clock().now(), &**db.random());
        let mut sums = self.sums();
        let mut batches = std::mem::take(&mut sums.late);
        let open = std::mem::take(&mut sums.open).into_iter();
        batches.extend(open.map(|(tenant, counts)| {
            let events = [(); 3].map(|()| uuid_v7(now, random));
            Batch { tenant, counts, events }
        }));
        batches
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage {
    /// A request for bytes of a tenant's: the routes count themselves, who serves files in another way uses this.
    pub fn transfer(&self, tenant: TenantId) -> Transfer {
        let traffic = self.traffic().clone();
        Transfer { traffic, tenant, received: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// Starts what every process does that serves requests: it writes down what tenants transferred.
    pub fn start(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.spawn("storage.traffic", move |stop| async move {
            let mut ticks = tokio::time::interval(PERIOD);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                this.note_traffic().await;
            }
            this.note_traffic().await;
        });
    }

    async fn note_traffic(&self) {
        if let Err(error) = self.write_traffic().await {
            tracing::warn!(%error, "what tenants transferred cannot be written down yet");
        }
    }

    /// Writes down what tenants transferred since the last time.
    ///
    /// # Errors
    /// The database's own; what was not written is kept for the next time.
    pub async fn write_traffic(&self) -> Result<(), Error> {
        let mut failed = None;
        for batch in self.traffic().take(self.db()) {
            let caller = Caller::system(batch.tenant);
            let written = self.db().tenant(&caller, move |tx| write(tx, &batch)).await;
            if let Err(error) = written {
                self.traffic().sums().late.push(batch);
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

fn write(tx: &mut TenantTx<'_>, batch: &Batch) -> Result<(), Error> {
    for ((kind, count), event) in KINDS.into_iter().zip(batch.counts).zip(batch.events) {
        usage::record_once(tx, event, kind, i64::try_from(count).unwrap_or(i64::MAX))?;
    }
    Ok(())
}
