//! How many connections each tenant has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use veza_core::TenantId;

use crate::error::Error;

/// Counts connections, in this process.
#[derive(Debug, Clone)]
pub(in crate::http) struct Sockets {
    counts: Arc<Mutex<HashMap<TenantId, u32>>>,
    max: u32,
}

/// One of them; it counts until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Seat {
    sockets: Sockets,
    tenant: TenantId,
}

impl Sockets {
    pub(in crate::http) fn new(max: u32) -> Self {
        Self { counts: Arc::default(), max }
    }

    /// # Errors
    /// [`Error::TooManyConnections`].
    pub(in crate::http) fn take(&self, tenant: TenantId) -> Result<Seat, Error> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(tenant).or_default();
        if *count >= self.max {
            return Err(Error::TooManyConnections(self.max));
        }
        *count += 1;
        metrics::gauge!("veza_chat_connections").increment(1);
        Ok(Seat { sockets: self.clone(), tenant })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.sockets.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.tenant);
            }
        }
        metrics::gauge!("veza_chat_connections").decrement(1);
    }
}
