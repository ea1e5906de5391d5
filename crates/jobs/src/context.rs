//! What a handler has at hand.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::sql_types::{Text, Uuid as SqlUuid};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use veza_core::{Caller, Db, DbError, ReadTx, TenantId, TenantScope, TenantTx, Timestamp, Write};

use crate::engine::{self, Claimed, Ending, Lease};
use crate::error::Error;
use crate::id::{JobId, Token};

/// What a handler has at hand: its job's tenant, and nobody else's. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    caller: Caller,
    lease: Lease,
    kind: String,
    queue: String,
    attempt: u16,
    max_attempts: u16,
    enqueued_at: Timestamp,
    deadline: Timestamp,
    cancel: CancellationToken,
    /// The lease was ended by [`Context::complete_in`].
    completed: AtomicBool,
    /// When progress was written last, and what it was.
    progress: Mutex<Option<Timestamp>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("job", &self.inner.lease.job)
            .field("tenant", &self.inner.lease.tenant)
            .field("attempt", &self.inner.attempt)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(db: &Db, job: &Claimed, token: Token, cancel: CancellationToken) -> Self {
        let timeout = chrono::TimeDelta::milliseconds(i64::from(job.timeout_ms));
        let positive = |number: i16| u16::try_from(number).unwrap_or(0);
        let inner = Inner {
            db: db.clone(),
            caller: Caller::system(job.tenant_id),
            lease: Lease { tenant: job.tenant_id, job: job.job_id, token },
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            attempt: positive(job.attempt),
            max_attempts: positive(job.max_attempts),
            enqueued_at: job.enqueued_at,
            deadline: db.clock().now() + timeout,
            cancel,
            completed: AtomicBool::new(false),
            progress: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The tenant whose job it is.
    pub fn tenant(&self) -> TenantId {
        self.inner.lease.tenant
    }

    /// Veza itself, acting for that tenant.
    pub fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    /// The job. It stays the same over all attempts, so it is a good idempotency key for others.
    pub fn job(&self) -> JobId {
        self.inner.lease.job
    }

    /// The job's kind.
    pub fn kind(&self) -> &str {
        &self.inner.kind
    }

    /// The queue it came from.
    pub fn queue(&self) -> &str {
        &self.inner.queue
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u16 {
        self.inner.attempt
    }

    /// Attempts in all.
    pub fn max_attempts(&self) -> u16 {
        self.inner.max_attempts
    }

    /// When it was enqueued.
    pub fn enqueued_at(&self) -> Timestamp {
        self.inner.enqueued_at
    }

    /// When this attempt ends as a failure.
    pub fn deadline(&self) -> Timestamp {
        self.inner.deadline
    }

    /// The time until then.
    pub fn remaining(&self) -> Duration {
        (self.inner.deadline - self.inner.db.clock().now()).to_std().unwrap_or_default()
    }

    /// Ends when the job should stop: it was cancelled, the process stops, or the lease was lost. What
    /// a handler returns soon after counts; later it is dropped.
    pub async fn cancelled(&self) {
        self.inner.cancel.cancelled().await;
    }

    /// Whether the job should stop.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancel.is_cancelled()
    }

    /// The database. Through [`Context::caller`] it shows this job's tenant.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// Reads and writes the tenant's data in one transaction.
    pub async fn tx<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.inner.db.tenant(&self.inner.caller, f).await
    }

    /// Reads the tenant's data.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut ReadTx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.inner.db.read(&self.inner.caller, f).await
    }

    /// Does the job's writes and ends the job in one transaction, so that the writes happen exactly
    /// once however often the job runs. Return [`Outcome::Done`](crate::Outcome::Done) afterwards.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the job was given to somebody else meanwhile; then nothing is written.
    pub async fn complete_in<T, E, F>(&self, mut f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + From<Error> + Send + 'static,
        F: FnMut(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
    {
        let lease = self.inner.lease;
        let done = move |tx: &mut TenantTx<'_>| {
            let value = f(tx)?;
            let ended = engine::end(tx, &[(lease, Ending::Done { result: None })])?;
            if ended.is_empty() { Err::<T, E>(Error::LeaseLost.into()) } else { Ok(value) }
        };
        let value = self.inner.db.tenant(&self.inner.caller, done).await?;
        self.inner.completed.store(true, Ordering::Release);
        Ok(value)
    }

    /// Shows how far the job is. At most one a second is written, the others are dropped.
    pub async fn progress(&self, progress: &impl Serialize) -> Result<(), Error> {
        let now = self.inner.db.clock().now();
        {
            let mut last = self.inner.progress.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| now - last < chrono::TimeDelta::seconds(1)) {
                return Ok(());
            }
            *last = Some(now);
        }
        let text = serde_json::to_string(progress)
            .map_err(|error| Error::Unserializable { kind: "progress", error: error.to_string() })?;
        if text.len() > 4_096 {
            return Err(Error::TooLarge { size: text.len(), max: 4_096, fields: Vec::new() });
        }
        let lease = self.inner.lease;
        let written = self.tx(move |tx| {
            let statement = diesel::sql_query(
                "UPDATE jobs.leases SET progress = $1::json WHERE tenant_id = $2 AND job_id = $3 AND token = $4",
            );
            let statement = statement
                .bind::<Text, _>(text.as_str())
                .bind::<SqlUuid, _>(tx.tenant())
                .bind::<SqlUuid, _>(lease.job)
                .bind::<SqlUuid, _>(lease.token.0);
            Ok::<_, Error>(tx.execute(statement)?)
        });
        if written.await? == 0 { Err(Error::LeaseLost) } else { Ok(()) }
    }

    pub(crate) fn lease(&self) -> Lease {
        self.inner.lease
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.inner.completed.load(Ordering::Acquire)
    }
}
