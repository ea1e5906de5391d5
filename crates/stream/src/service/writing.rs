//! Writing down what happened to sessions, for many tenants at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use veza_core::{Caller, Fault, Kind, TenantId, TenantTx};

use super::Streams;
use super::desk::{Batch, Desk, Written};
use crate::error::Error;
use crate::session::{self, Step};

/// Tenants whose steps are written at once.
const AT_ONCE: usize = 32;
/// The first pause before what the database refused is tried again. Each further one is twice as long,
const FIRST: Duration = Duration::from_millis(250);
/// and none is longer than this.
const LONGEST: Duration = Duration::from_secs(10);

/// What waits, and what is being written.
pub(super) struct Writing {
    streams: Streams,
    desk: Desk,
    under_way: FuturesUnordered<BoxFuture<'static, Written>>,
}

impl Writing {
    pub(super) fn new(streams: Streams) -> Self {
        Self { streams, desk: Desk::default(), under_way: FuturesUnordered::new() }
    }

    /// Something is to be written.
    pub(super) fn add(&mut self, tenant: TenantId, step: Step) {
        self.desk.add(tenant, step);
    }

    /// Whether all is written.
    pub(super) fn is_done(&self) -> bool {
        self.desk.is_empty()
    }

    /// Gets on with it; for ever while there is nothing to be written. It may be dropped and asked again.
    pub(super) async fn get_on(&mut self) {
        while self.under_way.len() < AT_ONCE
            && let Some(batch) = self.desk.next()
        {
            self.under_way.push(write_down(self.streams.clone(), batch).boxed());
        }
        match self.under_way.next().await {
            Some(written) => self.desk.done(written),
            None => std::future::pending().await,
        }
    }
}

async fn write_down(streams: Streams, batch: Batch) -> Written {
    let Batch { tenant, steps, failures } = batch;
    let left = match write(&streams, tenant, Arc::clone(&steps)).await {
        Ok(()) => Vec::new(),
        Err(error) if passes(&error) => {
            tracing::warn!(%error, tenant.id = %tenant, "what happened to sessions cannot be written down yet");
            steps.to_vec()
        }
        Err(_) => one_by_one(&streams, tenant, &steps).await,
    };
    if !left.is_empty() {
        tokio::time::sleep(FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST)).await;
    }
    Written { tenant, left }
}

/// Finds what cannot be written, which must not keep the rest from it. Answers what is to be tried again.
async fn one_by_one(streams: &Streams, tenant: TenantId, steps: &[Step]) -> Vec<Step> {
    for (place, step) in steps.iter().enumerate() {
        match write(streams, tenant, Arc::from([step.clone()])).await {
            Ok(()) => {}
            Err(error) if passes(&error) => return steps.get(place..).unwrap_or_default().to_vec(),
            // The row says that it goes on until it was not seen for long.
            Err(error) => tracing::error!(%error, ?step, "what happened to a session cannot be written down"),
        }
    }
    Vec::new()
}

async fn write(streams: &Streams, tenant: TenantId, steps: Arc<[Step]>) -> Result<(), Error> {
    let write = move |tx: &mut TenantTx<'_>| session::write(tx, &steps);
    streams.db().tenant(&Caller::system(tenant), write).await
}

/// Whether the same may succeed later.
fn passes(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Conflict)
}
