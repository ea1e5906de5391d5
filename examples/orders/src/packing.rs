//! Packing: what happens to an order after the answer has gone out.

use serde::{Deserialize, Serialize};
use veza::jobs::{Context, Job, JobError, Outcome};

use crate::order::{self, Error, OrderId};

/// The job of packing an order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pack {
    /// The order.
    pub order: OrderId,
}

impl Job for Pack {
    const KIND: &'static str = "shop.order.pack";
    const QUEUE: &'static str = "packing";
}

/// Packs. If the process dies on the way, another one does it; what it writes is there once.
pub async fn pack(job: Pack, cx: Context) -> Result<Outcome, JobError> {
    cx.complete_in(move |tx| order::pack(tx, job.order)).await.map_err(|error: Error| JobError::retry(error))?;
    Ok(Outcome::Done)
}
