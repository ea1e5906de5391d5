//! Access to PostgreSQL, one tenant at a time.

mod check;
mod config;
mod embedded;
mod error;
mod executor;
mod migrate;
mod queue;
mod session;
mod signal;
mod tx;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use self::check::{
    CatalogueException, DatabaseReport, Finding, check_catalogue, check_server, check_serving_role, examine,
};
pub use self::config::{DatabaseConfig, PoolConfig, Role};
pub use self::error::DbError;
pub use self::migrate::{Migration, MigrationError, Migrator, Progress, bootstrap};
pub use self::signal::Signal;
pub use self::tx::{
    BatchTx, DispatchStatement, DispatchTx, Query, ReadTx, SystemTx, TenantScope, TenantTx, Write,
};

use self::executor::{Executor, Lane};
use self::signal::Signals;
use self::tx::{Marks, Open};
use self::work::{Answer, Body, Task};
use crate::caller::Caller;
use crate::clock::{Clock, SystemClock};
use crate::id::TenantId;
use crate::random::{Random, SystemRandom};

/// Why the boundary between tenants is crossed; the label of the metric that counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason(pub &'static str);

/// The database. Cheap to clone.
///
/// Closures are plain functions of a transaction: they cannot wait for anything but PostgreSQL.
/// They may run more than once (after a serialisation failure or deadlock), so they take what they
/// use by reference. A caller that goes away before its transaction began takes it back; one that
/// goes away later does not stop it.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    app: Executor,
    system: Executor,
    jobs: Executor,
    batch: Executor,
    replica: Option<Replica>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pool: PoolConfig,
    signals: Arc<Signals>,
    place: OnceLock<Place>,
}

/// Reads of a tenant that wrote a moment ago stay on the primary.
struct Replica {
    executor: Executor,
    lag: Duration,
    writers: Mutex<HashMap<TenantId, Instant>>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

#[allow(clippy::disallowed_methods, reason = "deadlines are measured, not decided, here")]
fn instant() -> Instant {
    Instant::now()
}

impl Db {
    /// Starts the threads. Nothing is connected yet, so this succeeds while PostgreSQL is down.
    pub fn open(config: &DatabaseConfig) -> Result<Self, DbOpenError> {
        Self::open_with(config, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// The same with another clock and randomness.
    pub fn open_with(
        config: &DatabaseConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, DbOpenError> {
        let pool = config.pool.clone();
        let url = |role| config.url_for(role).ok_or(DbOpenError::NoUrl);
        let start = |name, url: &crate::config::Secret, connections: u32, setup| {
            Executor::start(name, url.expose(), connections.max(1), &pool, setup)
                .map_err(DbOpenError::Threads)
        };
        let app = start("veza-app", &url(Role::App)?, pool.connections, "")?;
        let system = start("veza-system", &url(Role::System)?, pool.system_connections, "")?;
        let jobs =
            start("veza-jobs", &url(Role::Jobs)?, pool.jobs_connections, "SET synchronous_commit = off")?;
        let batch = start("veza-batch", &url(Role::Jobs)?, pool.batch_connections, "")?;
        let replica = match &config.replica_url {
            None => None,
            Some(url) => Some(Replica {
                executor: start("veza-replica", url, pool.connections, "")?,
                lag: config.replica_lag.as_duration(),
                writers: Mutex::default(),
            }),
        };
        let (signals, place) = (Arc::default(), OnceLock::new());
        Ok(Self {
            inner: Arc::new(Inner { app, system, jobs, batch, replica, clock, random, pool, signals, place }),
        })
    }

    /// Reads and writes `caller`'s tenant in one transaction.
    pub async fn tenant<T, E, F>(&self, caller: &Caller, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
    {
        let tenant = caller.tenant();
        if let Some(replica) = &self.inner.replica {
            replica.wrote(&[tenant]);
        }
        self.run(&self.inner.app, Lane::Tenant(tenant), InTenant { tenant, f }).await
    }

    /// Reads `caller`'s tenant in a read-only transaction, on the replica when there is one, it is
    /// up, and the tenant did not write through this process a moment ago.
    pub async fn read<T, E, F>(&self, caller: &Caller, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut ReadTx<'_>) -> Result<T, E> + Send + 'static,
    {
        let tenant = caller.tenant();
        let mut body = Reading { tenant, f };
        if let Some(replica) = self.inner.replica.as_ref().filter(|replica| replica.serves(tenant)) {
            match self.submit(&replica.executor, Lane::Tenant(tenant), body, true).await {
                Answer::Done(outcome) => return outcome,
                Answer::Moved(back) => body = back,
            }
        }
        self.run(&self.inner.app, Lane::Tenant(tenant), body).await
    }

    /// Works across tenants, as far as the policies of `veza_system` allow; counted by `reason`.
    pub async fn system<T, E, F>(&self, reason: Reason, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut SystemTx<'_>) -> Result<T, E> + Send + 'static,
    {
        metrics::counter!("veza_core_system_transactions_total", "reason" => reason.0).increment(1);
        tracing::debug!(reason = reason.0, "system transaction");
        self.run(&self.inner.system, Lane::System(reason.0), AsSystem { f }).await
    }

    /// Works on the jobs of all tenants, as the role `veza_jobs`. The commit does
    /// not wait for the disk: after a crash of PostgreSQL the last half second of it may not have happened.
    pub async fn dispatch<T, E, F>(&self, reason: Reason, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut DispatchTx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.run(&self.inner.jobs, Lane::System(reason.0), AsDispatcher { f }).await
    }

    /// The same for a single statement, in one round trip instead of three. It may take
    /// `database.pool.statement_timeout` whatever is left of its deadline, and where the connection turns out to
    /// be gone nobody knows whether it was done.
    pub async fn dispatch_statement<T, E, F>(&self, reason: Reason, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut DispatchStatement<'_>) -> Result<T, E> + Send + 'static,
    {
        self.run(&self.inner.jobs, Lane::System(reason.0), OneStatement { f }).await
    }

    /// Writes for several tenants in one transaction, so that one commit does for all of them. It runs as the role
    /// `veza_jobs`, on connections of its own, and sees of the tables that allow it the rows of `tenants` alone. Whoever
    /// takes the tenants from verified callers may call it.
    pub async fn batch<T, E, F>(&self, reason: Reason, tenants: &[TenantId], f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnMut(&mut BatchTx<'_>) -> Result<T, E> + Send + 'static,
    {
        if let Some(replica) = &self.inner.replica {
            replica.wrote(tenants);
        }
        let tenants = tenants.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        self.run(&self.inner.batch, Lane::System(reason.0), InBatch { tenants, f }).await
    }

    /// Calls `listener` for each signal on `channel` that a transaction of this process has committed.
    /// It is called between commit and answer, so it must be quick.
    pub fn listen(&self, channel: &'static str, listener: impl Fn(&Signal) + Send + Sync + 'static) {
        self.inner.signals.listen(channel, Box::new(listener));
    }

    /// Says how to find out where in a trace a task is, as a W3C `traceparent`; who says it first is heard.
    pub fn trace_by(&self, place: impl Fn() -> Option<String> + Send + Sync + 'static) {
        let _said_before = self.inner.place.set(Box::new(place));
    }

    /// Whether PostgreSQL answers, as a readiness probe asks.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.system(Reason("ping"), |_tx| Ok(())).await
    }

    /// How many transactions wait for a connection.
    pub fn waiting(&self) -> usize {
        let all = &self.inner;
        all.app.waiting() + all.system.waiting() + all.jobs.waiting() + all.batch.waiting()
    }

    /// The clock that transactions read.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The randomness that ids and secrets are made of.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.inner.random
    }

    async fn run<T, E, B>(&self, executor: &Executor, lane: Lane, body: B) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        B: Body<T, E> + 'static,
    {
        match self.submit(executor, lane, body, false).await {
            Answer::Done(outcome) => outcome,
            Answer::Moved(_) => Err(DbError::Unavailable.into()),
        }
    }

    /// Queues a transaction and waits for it.
    async fn submit<T, E, B>(
        &self,
        executor: &Executor,
        lane: Lane,
        body: B,
        movable: bool,
    ) -> Answer<T, E, B>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        B: Body<T, E> + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let task = Task {
            body,
            deadline: instant() + self.inner.pool.deadline.as_duration(),
            statement_timeout: self.inner.pool.statement_timeout.as_duration(),
            clock: Arc::clone(&self.inner.clock),
            random: Arc::clone(&self.inner.random),
            trace: self.inner.place.get().and_then(|place| place()),
            outcome: None,
            news: Vec::new(),
            signals: Arc::clone(&self.inner.signals),
            movable,
            answer,
        };
        executor.submit(lane, Box::new(task));
        outcome.await.unwrap_or_else(|_dropped| Answer::Done(Err(DbError::Unavailable.into())))
    }
}

impl Replica {
    fn wrote(&self, tenants: &[TenantId]) {
        let now = instant();
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if writers.len() > 10_000 {
            writers.retain(|_, wrote| now.duration_since(*wrote) < self.lag);
        }
        writers.extend(tenants.iter().map(|tenant| (*tenant, now)));
    }

    fn serves(&self, tenant: TenantId) -> bool {
        let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.get(&tenant).is_none_or(|wrote| wrote.elapsed() >= self.lag) && self.executor.is_up()
    }
}

/// See [`Db::trace_by`].
type Place = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// Fails loudly where it is missing, ends with the transaction, and needs no escaping: a UUID.
/// `SELECT set_config(…)` would do the same, but is planned and answers with a row: a quarter more of
/// PostgreSQL's time for a read by key.
fn set_tenant(begin: &str, tenant: TenantId) -> String {
    format!("{begin}; SET LOCAL veza.tenant_id = '{tenant}'")
}

macro_rules! body {
    ($name:ident { $($field:ident: $type:ty),* } $([$own:ident: $owned:ty])?, $tx:ident, |$self:ident| $opening:expr $(, $alone:ident)?) => {
        struct $name<F> { $($field: $type,)* $($own: $owned,)? f: F }

        impl<T, E, F> Body<T, E> for $name<F>
        where
            F: FnMut(&mut $tx<'_>) -> Result<T, E> + Send,
        {
            fn call(&mut self, open: Open<'_>) -> (Result<T, E>, Marks, Vec<Signal>) {
                $(let open = open.$alone();)?
                let mut tx = $tx { open, $($field: self.$field),* };
                let outcome = (self.f)(&mut tx);
                (outcome, tx.open.marks, tx.open.signals)
            }
            fn opening(&$self) -> Option<String> {
                $opening
            }
        }
    };
}
body!(InTenant { tenant: TenantId }, TenantTx, |self| Some(set_tenant("BEGIN", self.tenant)));
body!(Reading { tenant: TenantId }, ReadTx, |self| Some(set_tenant("BEGIN READ ONLY", self.tenant)));
body!(AsSystem {}, SystemTx, |self| Some("BEGIN".to_owned()));
// Behind a pooler, connections of one role are anybody's: what a dispatcher's begins with is taken back.
body!(InBatch {} [tenants: String], BatchTx, |self| Some(format!(
    "BEGIN; SET LOCAL synchronous_commit TO DEFAULT; SET LOCAL veza.tenant_ids = '{}'", self.tenants
)));
body!(AsDispatcher {}, DispatchTx, |self| Some("BEGIN; SET LOCAL synchronous_commit = off".to_owned()));
body!(OneStatement {}, DispatchStatement, |self| None, alone);

/// The database access cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbOpenError {
    /// No URL is configured.
    #[error("database.url is not set; set it, or VEZA_DATABASE__URL, or use `veza up`")]
    NoUrl,
    /// The operating system gave no thread.
    #[error("cannot start a database thread: {0}")]
    Threads(#[source] std::io::Error),
}
