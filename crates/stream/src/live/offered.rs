//! Counter-offers that wait for their answers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use veza_core::{TenantId, Timestamp};

use super::Place;
use crate::Credentials;
use crate::id::SessionId;
use crate::sdp::CounterOffer;

/// For how long a counter-offer may be answered.
pub(crate) const VALID: TimeDelta = TimeDelta::seconds(30);

/// How many may wait at once, in one process. Each is a few kilobytes.
const MOST: usize = 10_000;

/// How many of them may be a tenant's.
pub(crate) const MOST_OF_TENANT: usize = 500;

/// A counter-offer that waits.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) place: Place,
    /// What it would show.
    pub(crate) source: SessionId,
    pub(crate) offer: CounterOffer,
    pub(crate) local: Credentials,
    /// The epoch of the token that it was asked for with.
    pub(crate) epoch: Option<i64>,
    pub(crate) until: Timestamp,
}

/// All that wait.
#[derive(Debug, Default)]
pub(crate) struct Offered(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    /// By their URL.
    pending: HashMap<String, Pending>,
    tenants: HashMap<TenantId, usize>,
}

/// Whose there are too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// Everybody's.
    All,
    /// The tenant's own.
    OfTenant,
}

impl Offered {
    /// Keeps one, if there is room. Those whose time has passed make room with the next [`Self::sweep`].
    pub(crate) fn insert(&self, resource: String, pending: Pending) -> Result<(), TooMany> {
        let mut all = self.all();
        if all.pending.len() >= MOST {
            return Err(TooMany::All);
        }
        let count = all.tenants.entry(pending.place.0).or_default();
        if *count >= MOST_OF_TENANT {
            return Err(TooMany::OfTenant);
        }
        *count += 1;
        all.pending.insert(resource, pending);
        Ok(())
    }

    /// One that still holds.
    pub(crate) fn get(&self, resource: &str, now: Timestamp) -> Option<Pending> {
        self.all().pending.get(resource).filter(|pending| pending.until > now).cloned()
    }

    /// Takes one away; answers whether it was there, which it is once.
    pub(crate) fn take(&self, resource: &str) -> bool {
        let mut all = self.all();
        let Some(pending) = all.pending.remove(resource) else { return false };
        if let Some(count) = all.tenants.get_mut(&pending.place.0) {
            *count = count.saturating_sub(1);
        }
        true
    }

    /// Forgets those whose time has passed.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let mut all = self.all();
        all.pending.retain(|_, pending| pending.until > now);
        let mut tenants = HashMap::new();
        for pending in all.pending.values() {
            *tenants.entry(pending.place.0).or_default() += 1;
        }
        all.tenants = tenants;
    }

    fn all(&self) -> MutexGuard<'_, All> {
        // What is done while it is held does not panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
