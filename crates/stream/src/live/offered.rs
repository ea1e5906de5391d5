//! Counter-offers that wait for their answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use veza_core::Timestamp;

use super::Place;
use crate::Credentials;
use crate::id::SessionId;
use crate::sdp::CounterOffer;

/// For how long a counter-offer may be answered.
pub(crate) const VALID: TimeDelta = TimeDelta::seconds(30);

/// How many may wait at once, in one process. Each is a few kilobytes.
const MOST: usize = 10_000;

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

/// All that wait, by their URL.
#[derive(Debug, Default)]
pub(crate) struct Offered(Mutex<HashMap<String, Pending>>);

impl Offered {
    /// Keeps one; answers whether there was room.
    pub(crate) fn insert(&self, resource: String, pending: Pending, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, pending| pending.until > now);
        }
        let room = all.len() < MOST;
        if room {
            all.insert(resource, pending);
        }
        room
    }

    /// One that still holds.
    pub(crate) fn get(&self, resource: &str, now: Timestamp) -> Option<Pending> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(resource).filter(|pending| pending.until > now).cloned()
    }

    /// Takes one away; answers whether it was there, which it is once.
    pub(crate) fn take(&self, resource: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(resource).is_some()
    }

    /// Forgets those whose time has passed.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, pending| pending.until > now);
    }
}
