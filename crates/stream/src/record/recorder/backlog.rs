//! What waits on the local disk to be stored: how much of it there may be, of a recording and of a tenant.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use uuid::Uuid;

use super::RecordConfig;
use crate::record::reason::EndReason;

/// What waits of all recordings of the process.
#[derive(Debug)]
pub(super) struct Backlogs {
    per_recording: u64,
    per_tenant: u64,
    tenants: Mutex<HashMap<Uuid, u64>>,
}

/// What waits of one recording. Its bytes count until it is dropped.
#[derive(Debug)]
pub(super) struct Backlog {
    all: Arc<Backlogs>,
    tenant: Uuid,
    bytes: AtomicU64,
    /// Why nothing more of it will be stored.
    refused: OnceLock<EndReason>,
}

impl Backlogs {
    pub(super) fn new(config: &RecordConfig) -> Self {
        Self {
            per_recording: config.max_unstored_bytes,
            per_tenant: config.max_unstored_bytes_per_organization,
            tenants: Mutex::default(),
        }
    }

    /// Whether more may wait of a tenant.
    pub(super) fn has_room(&self, tenant: Uuid) -> bool {
        self.tenants().get(&tenant).is_none_or(|bytes| *bytes < self.per_tenant)
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Uuid, u64>> {
        // A sum is never left half done.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backlog {
    pub(super) fn new(all: &Arc<Backlogs>, tenant: Uuid) -> Self {
        Self { all: Arc::clone(all), tenant, bytes: AtomicU64::new(0), refused: OnceLock::new() }
    }

    /// So many bytes more wait.
    pub(super) fn add(&self, bytes: u64) {
        let mut tenants = self.all.tenants();
        *tenants.entry(self.tenant).or_default() += bytes;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many wait no more.
    pub(super) fn remove(&self, bytes: u64) {
        let mut tenants = self.all.tenants();
        // All changes are made under the lock.
        let bytes = bytes.min(self.bytes.load(Ordering::Relaxed));
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(sum) = tenants.get_mut(&self.tenant) {
            *sum = sum.saturating_sub(bytes);
            if *sum == 0 {
                tenants.remove(&self.tenant);
            }
        }
    }

    /// Nothing more of it will be stored.
    pub(super) fn refuse(&self, reason: EndReason) {
        // The first reason is the one.
        let _known = self.refused.set(reason);
    }

    /// Why nothing more may be recorded, if so.
    pub(super) fn verdict(&self) -> Option<EndReason> {
        let is_beyond = || {
            self.bytes.load(Ordering::Relaxed) >= self.all.per_recording || !self.all.has_room(self.tenant)
        };
        self.refused.get().copied().or_else(|| is_beyond().then_some(EndReason::BacklogFull))
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.remove(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlogs() -> Arc<Backlogs> {
        let config = RecordConfig {
            max_unstored_bytes: 100,
            max_unstored_bytes_per_organization: 150,
            ..RecordConfig::default()
        };
        Arc::new(Backlogs::new(&config))
    }

    #[test]
    fn a_recording_and_a_tenant_have_so_much() {
        let all = backlogs();
        let (alice, mallory) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (one, two, his) =
            (Backlog::new(&all, alice), Backlog::new(&all, alice), Backlog::new(&all, mallory));
        one.add(99);
        assert_eq!((one.verdict(), two.verdict()), (None, None));
        two.add(51);
        assert_eq!(one.verdict(), Some(EndReason::BacklogFull), "a tenant's are one");
        assert!(!all.has_room(alice) && all.has_room(mallory) && his.verdict().is_none());
        two.remove(50);
        assert_eq!(one.verdict(), None);
        one.add(1);
        assert_eq!((one.verdict(), two.verdict()), (Some(EndReason::BacklogFull), None));
        drop((one, two));
        assert!(all.tenants().is_empty());
        his.refuse(EndReason::QuotaExceeded);
        his.refuse(EndReason::Unfit);
        assert_eq!(his.verdict(), Some(EndReason::QuotaExceeded));
    }
}
