//! What a transaction has to tell the rest of its process once it is committed.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use crate::id::TenantId;

/// News of a committed transaction. It is a hint: a process that ends between the commit and the
/// telling tells nothing, so whoever listens also looks for itself now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Who is meant: the name of a noun.
    pub channel: &'static str,
    /// Whose news it is.
    pub tenant: TenantId,
    /// What changed, in the channel's own words: the name of a queue, the id of a room.
    pub subject: String,
    /// Where in the order of its subject.
    pub position: i64,
}

type Listener = Box<dyn Fn(&Signal) + Send + Sync>;

/// Who listens to what.
#[derive(Default)]
pub(crate) struct Signals {
    listeners: RwLock<Vec<(&'static str, Listener)>>,
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}

impl Signals {
    pub(crate) fn listen(&self, channel: &'static str, listener: Listener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push((channel, listener));
    }

    pub(crate) fn tell(&self, signals: &[Signal]) {
        if signals.is_empty() {
            return;
        }
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for signal in signals {
            for (_, listener) in listeners.iter().filter(|(channel, _)| *channel == signal.channel) {
                listener(signal);
            }
        }
    }
}
