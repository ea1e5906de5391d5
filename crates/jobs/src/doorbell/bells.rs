//! The doorbell: who waits for jobs hears of new ones without asking.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use veza_core::TenantId;

/// A tenant's jobs in one queue.
pub(crate) type LaneKey = (String, TenantId);

/// What rang since somebody looked last: lanes, and the least rank that came. It holds a lane once
/// however often it rings, and it is a hint: whoever listens also looks for itself now and then.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    rung: Mutex<HashMap<LaneKey, i64>>,
    notify: Notify,
}

impl Bells {
    pub(crate) fn ring(&self, queue: &str, tenant: TenantId, rank: i64) {
        {
            let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            let least = rung.entry((queue.to_owned(), tenant)).or_insert(rank);
            *least = rank.min(*least);
        }
        self.notify.notify_one();
    }

    /// Waits until something rang, and gives all that did.
    pub(crate) async fn rung(&self) -> HashMap<LaneKey, i64> {
        loop {
            let rung = std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner));
            if !rung.is_empty() {
                return rung;
            }
            self.notify.notified().await;
        }
    }
}
