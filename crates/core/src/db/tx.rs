//! Transactions: what a closure may do while it holds a connection.

use std::time::Instant;

use diesel::PgConnection;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::query_dsl::methods::{ExecuteDsl, LoadQuery};

use super::error::DbError;
use super::instant;
use super::session::Session;
use super::signal::Signal;
use crate::clock::{Clock, Timestamp};
use crate::id::{Noun, TenantId, TypedId, uuid_v7};
use crate::random::Random;

/// An open transaction. The public types wrap it and say whose data it sees.
pub(crate) struct Open<'c> {
    session: &'c mut Session,
    clock: &'c dyn Clock,
    random: &'c dyn Random,
    now: Timestamp,
    deadline: Instant,
    trace: Option<&'c str>,
    pub(crate) marks: Marks,
    pub(crate) signals: Vec<Signal>,
}

/// What a transaction notes about itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Marks {
    /// A statement failed outside a savepoint, so PostgreSQL ignores all until ROLLBACK.
    pub(crate) failed: bool,
    /// The failure was a conflict that running again may resolve.
    pub(crate) conflicted: bool,
    savepoints: u32,
    /// There is room for one statement, and for none when it has begun.
    pub(crate) alone: Option<bool>,
}

impl<'c> Open<'c> {
    pub(crate) fn new(
        session: &'c mut Session,
        clock: &'c dyn Clock,
        random: &'c dyn Random,
        deadline: Instant,
        trace: Option<&'c str>,
    ) -> Self {
        Self {
            session,
            clock,
            random,
            now: clock.now(),
            deadline,
            trace,
            marks: Marks::default(),
            signals: Vec::new(),
        }
    }

    /// With room for one statement.
    pub(crate) fn alone(mut self) -> Self {
        self.marks.alone = Some(true);
        self
    }
}

/// The parts of an open transaction, without its lifetime.
pub(crate) struct Parts<'a> {
    session: &'a mut Session,
    marks: &'a mut Marks,
    deadline: Instant,
}

impl Parts<'_> {
    fn run<T>(self, query: impl FnOnce(&mut PgConnection) -> diesel::QueryResult<T>) -> Result<T, DbError> {
        if self.marks.alone.as_mut().is_some_and(|room| !std::mem::take(room)) {
            return Err(DbError::Aborted);
        }
        // Each statement has its own time-out; a transaction of many must end as well.
        let outcome = if instant() < self.deadline {
            query(&mut self.session.connection).map_err(DbError::from)
        } else {
            Err(DbError::DeadlineExceeded)
        };
        self.note(outcome)
    }

    fn statement(self, sql: &str) -> Result<(), DbError> {
        let outcome = self.session.batch(sql);
        self.note(outcome)
    }

    fn note<T>(self, outcome: Result<T, DbError>) -> Result<T, DbError> {
        outcome.inspect_err(|error| {
            // Not finding a row is an answer; everything else aborts the transaction.
            self.marks.failed |= !matches!(error, DbError::NotFound);
            self.marks.conflicted |= error.is_retryable();
            self.session.broken |= error.is_disconnect();
        })
    }
}

mod sealed {
    use super::{Open, Parts};

    /// Gives the open transaction to this crate and to nobody else: its name cannot be said outside.
    #[allow(private_interfaces, reason = "nobody outside this crate can call it")]
    pub trait Opened {
        fn parts(&mut self) -> Parts<'_>;
        fn open(&self) -> &Open<'_>;
    }
}

/// What every transaction can do: run diesel queries.
///
/// There is no way from here to the connection itself, so nothing outlives the transaction. Only raw
/// SQL (`sql_query`) could change the tenant or end the transaction: it is for text of the program's
/// own, never for input.
pub trait Query: sealed::Opened {
    /// All rows of a query.
    fn load<'q, U, Q>(&mut self, query: Q) -> Result<Vec<U>, DbError>
    where
        Q: LoadQuery<'q, PgConnection, U>,
    {
        self.parts().run(|connection| query.load(connection))
    }

    /// The first row of a query; [`DbError::NotFound`] when there is none.
    fn get_result<'q, U, Q>(&mut self, query: Q) -> Result<U, DbError>
    where
        Q: LoadQuery<'q, PgConnection, U>,
    {
        self.parts().run(|connection| query.get_result(connection))
    }

    /// The first row of a query, if there is one.
    fn find_result<'q, U, Q>(&mut self, query: Q) -> Result<Option<U>, DbError>
    where
        Q: LoadQuery<'q, PgConnection, U>,
    {
        match self.get_result(query) {
            Err(DbError::NotFound) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The moment at which the transaction began, the same for all it writes.
    fn now(&self) -> Timestamp {
        self.open().now
    }

    /// The clock, for what has to be later than a lock that was waited for.
    fn clock(&self) -> &dyn Clock {
        self.open().clock
    }

    /// A new id of this moment.
    fn new_id<N: Noun>(&self) -> TypedId<N> {
        TypedId::from_uuid(uuid_v7(self.now(), self.random()))
    }

    /// Where in a trace the task is that waits for this transaction, as a `traceparent`: see
    /// [`Db::trace_by`](super::Db::trace_by).
    fn trace(&self) -> Option<&str> {
        self.open().trace
    }

    /// Random bytes for secrets.
    fn random(&self) -> &dyn Random {
        self.open().random
    }
}

/// A transaction that may write.
pub trait Write: Query + Sized {
    /// Runs a statement and counts the rows it touched.
    fn execute<Q>(&mut self, statement: Q) -> Result<usize, DbError>
    where
        Q: QueryFragment<diesel::pg::Pg> + QueryId + RunQueryDsl<PgConnection> + ExecuteDsl<PgConnection>,
    {
        self.parts().run(|connection| statement.execute(connection))
    }

    /// Runs `step` so that its failure undoes only itself, and the transaction can go on.
    fn savepoint<T, E>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<DbError>,
    {
        let marks = self.parts().marks;
        marks.savepoints += 1;
        let name = format!("veza_{}", marks.savepoints);
        self.parts().statement(&format!("SAVEPOINT {name}"))?;
        let outcome = step(self);
        if outcome.is_ok() && !self.parts().marks.failed {
            self.parts().statement(&format!("RELEASE {name}"))?;
            return outcome;
        }
        // A conflict cannot be undone in part: the whole transaction runs again.
        let parts = self.parts();
        if !parts.marks.conflicted && !parts.session.broken {
            self.parts().statement(&format!("ROLLBACK TO {name}; RELEASE {name}"))?;
            self.parts().marks.failed = false;
        }
        outcome.and_then(|_ignored_a_failure| Err(DbError::Aborted.into()))
    }
}

/// A transaction inside one tenant: row-level security shows it that tenant's rows and no others.
pub trait TenantScope: Query {
    /// The tenant.
    fn tenant(&self) -> TenantId;
}

/// A transaction that reads and writes one tenant's data. Made by [`Db::tenant`](super::Db::tenant)
/// and by nothing else.
pub struct TenantTx<'c> {
    pub(crate) open: Open<'c>,
    pub(crate) tenant: TenantId,
}

/// A transaction that reads one tenant's data, possibly from a replica. Made by
/// [`Db::read`](super::Db::read).
pub struct ReadTx<'c> {
    pub(crate) open: Open<'c>,
    pub(crate) tenant: TenantId,
}

/// A transaction as the role `veza_system`, which sees what explicit policies allow it to see, of
/// all tenants. Made by [`Db::system`](super::Db::system).
pub struct SystemTx<'c> {
    pub(crate) open: Open<'c>,
}

macro_rules! transaction {
    ($name:ident) => {
        #[allow(private_interfaces, reason = "see the trait")]
        impl sealed::Opened for $name<'_> {
            fn parts(&mut self) -> Parts<'_> {
                let Open { session, marks, deadline, .. } = &mut self.open;
                Parts { session, marks, deadline: *deadline }
            }
            fn open(&self) -> &Open<'_> {
                &self.open
            }
        }
        impl Query for $name<'_> {}
        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
transaction!(TenantTx);
transaction!(ReadTx);
transaction!(SystemTx);

/// A transaction as the role `veza_jobs`, which sees the jobs of all tenants, and whose
/// commits do not wait for the disk: what a crash takes back is done again. Made by
/// [`Db::dispatch`](super::Db::dispatch).
pub struct DispatchTx<'c> {
    pub(crate) open: Open<'c>,
}
transaction!(DispatchTx);

/// One statement as the role `veza_jobs`, which is a transaction by itself; another is refused. Made by
/// [`Db::dispatch_statement`](super::Db::dispatch_statement).
pub struct DispatchStatement<'c> {
    pub(crate) open: Open<'c>,
}
transaction!(DispatchStatement);

/// A transaction that writes for the tenants it was opened for, all at once. Made by
/// [`Db::batch`](super::Db::batch).
pub struct BatchTx<'c> {
    pub(crate) open: Open<'c>,
}
transaction!(BatchTx);

impl Write for TenantTx<'_> {}
impl Write for SystemTx<'_> {}
impl Write for DispatchTx<'_> {}
impl Write for BatchTx<'_> {}

impl TenantTx<'_> {
    /// Lets one transaction of the tenant at a time do `what`, until it ends: of two that count at once, both would get
    /// past a limit. What is counted must be read by a later statement.
    pub fn one_at_a_time(&mut self, what: &'static str) -> Result<(), DbError> {
        let key = format!("hashtextextended('{what}:{}', 0)", self.tenant);
        sealed::Opened::parts(self).statement(&format!("SELECT pg_advisory_xact_lock({key})"))
    }

    /// Tells the listeners of this process (see [`Db::listen`](super::Db::listen)) once the
    /// transaction is committed, and never when it is not.
    pub fn signal(&mut self, channel: &'static str, subject: impl Into<String>, position: i64) {
        let signal = Signal { channel, tenant: self.tenant, subject: subject.into(), position };
        self.open.signals.push(signal);
    }
}

impl TenantScope for TenantTx<'_> {
    fn tenant(&self) -> TenantId {
        self.tenant
    }
}
impl TenantScope for ReadTx<'_> {
    fn tenant(&self) -> TenantId {
        self.tenant
    }
}
