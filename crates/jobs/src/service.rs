//! Queues of one deployment, and what is asked of them.

use std::sync::Arc;

use veza_core::Db;

use crate::bells::Bells;
use crate::config::JobsConfig;
use crate::enqueue::CHANNEL;

/// The queues of one deployment. Cheap to clone. Enqueueing needs none: [`enqueue`](crate::enqueue())
/// takes a transaction.
#[derive(Debug, Clone)]
pub struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    config: JobsConfig,
}

impl Jobs {
    /// Prepares the service.
    pub fn new(db: Db, config: JobsConfig) -> Self {
        Self { inner: Arc::new(Inner { db, config }) }
    }

    /// The database behind it.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The configuration in force.
    pub fn config(&self) -> &JobsConfig {
        &self.inner.config
    }

    /// A doorbell that rings for what this process enqueues from now on.
    pub(crate) fn bells(&self) -> Arc<Bells> {
        let bells = Arc::new(Bells::default());
        let ringing = Arc::downgrade(&bells);
        self.db().listen(CHANNEL, move |signal| {
            if let Some(bells) = ringing.upgrade() {
                bells.ring(&signal.subject, signal.tenant, signal.position);
            }
        });
        bells
    }
}
