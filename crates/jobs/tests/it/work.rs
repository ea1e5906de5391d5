//! Jobs for tests, and ways to look at what became of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use veza_core::config::Period;
use veza_core::{Caller, Db, Query, TenantScope};
use veza_jobs::{
    Context, Enqueued, Error, Handler, Job, JobError, Jobs, JobsConfig, Options, Outcome, Runtime,
    enqueue_with,
};

/// A job that does what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) name: String,
}

impl Job for Work {
    const KIND: &'static str = "test.work";
    const QUEUE: &'static str = "work";
}

pub(crate) fn work(name: &str) -> Work {
    Work { name: name.to_owned() }
}

type Answer = dyn Fn(&Work, &Context) -> Result<Outcome, JobError> + Send + Sync;

/// Writes down what it did, and does what a closure says.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) seen: Arc<Mutex<Vec<(String, u16)>>>,
    answer: Arc<Answer>,
}

impl Worker {
    pub(crate) fn new(
        answer: impl Fn(&Work, &Context) -> Result<Outcome, JobError> + Send + Sync + 'static,
    ) -> Self {
        Self { seen: Arc::default(), answer: Arc::new(answer) }
    }

    pub(crate) fn content() -> Self {
        Self::new(|_, _| Ok(Outcome::Done))
    }

    pub(crate) fn seen(&self) -> Vec<(String, u16)> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.seen().into_iter().map(|(name, _)| name).collect()
    }
}

impl Handler<Work> for Worker {
    async fn run(&self, job: Work, cx: Context) -> Result<Outcome, JobError> {
        self.seen.lock().unwrap().push((job.name.clone(), cx.attempt()));
        (self.answer)(&job, &cx)
    }
}

pub(crate) fn config() -> JobsConfig {
    JobsConfig { poll: Period::from_millis(200), silence: Period::from_secs(6), ..JobsConfig::default() }
}

/// A runtime that has `worker` alone.
pub(crate) fn runtime(db: &Db, worker: &Worker) -> Runtime {
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    Runtime::builder(&jobs).handler::<Work, _>(worker.clone()).build().unwrap()
}

pub(crate) async fn enqueue(db: &Db, caller: &Caller, name: &str, options: Options) -> Enqueued {
    let job = work(name);
    db.tenant(caller, move |tx| enqueue_with(tx, &job, options.clone())).await.unwrap()
}

/// How many jobs a tenant has in each state.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub(crate) struct States {
    #[diesel(sql_type = BigInt)]
    pub(crate) ready: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) deferred: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) leased: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) dead: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) done: i64,
}

/// Ready, deferred, leased, dead, done.
pub(crate) async fn states(db: &Db, caller: &Caller) -> (i64, i64, i64, i64, i64) {
    let states = db.tenant(caller, |tx| {
        let sql = "SELECT (SELECT count(*) FROM jobs.ready WHERE tenant_id = $1) AS ready, \
                   (SELECT count(*) FROM jobs.deferred WHERE tenant_id = $1) AS deferred, \
                   (SELECT count(*) FROM jobs.leases WHERE tenant_id = $1) AS leased, \
                   (SELECT count(*) FROM jobs.dead WHERE tenant_id = $1) AS dead, \
                   (SELECT count(*) FROM jobs.done WHERE tenant_id = $1) AS done";
        Ok::<_, Error>(tx.get_result::<States, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()))?)
    });
    let s = states.await.unwrap();
    (s.ready, s.deferred, s.leased, s.dead, s.done)
}

/// The reasons and errors of a tenant's dead letters.
pub(crate) async fn deaths(db: &Db, caller: &Caller) -> Vec<(String, String)> {
    #[derive(QueryableByName)]
    struct Death {
        #[diesel(sql_type = Text)]
        reason: String,
        #[diesel(sql_type = Text)]
        error: String,
    }
    let deaths = db.tenant(caller, |tx| {
        let sql = "SELECT reason, error FROM jobs.dead WHERE tenant_id = $1 ORDER BY rank";
        Ok::<_, Error>(tx.load::<Death, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()))?)
    });
    deaths.await.unwrap().into_iter().map(|death| (death.reason, death.error)).collect()
}

/// A runtime at work in the background.
pub(crate) struct Background {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Background {
    #[allow(clippy::disallowed_methods, reason = "a test has no tasks")]
    pub(crate) fn start(runtime: Runtime) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move { runtime.run_until(stopped.cancelled_owned()).await });
        Self { stop, task }
    }

    /// Stops in order.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Ends as a process does that is killed: at any point, and with nothing said.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Waits until `holds`, thirty seconds at most.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within thirty seconds: {what}");
}

/// What a tenant's counts of the queue `work` say.
pub(crate) async fn lane_counts(db: &Db, caller: &Caller) -> veza_jobs::QueueCounts {
    let permit = caller.permit().unwrap();
    let counts = db.tenant(caller, move |tx| veza_jobs::counts(tx, &permit)).await.unwrap();
    counts.into_iter().find(|counts| counts.queue == "work").unwrap_or_default()
}

/// One job as its tenant sees it.
pub(crate) async fn look(db: &Db, caller: &Caller, id: veza_jobs::JobId) -> veza_jobs::JobView {
    let permit = caller.permit().unwrap();
    db.tenant(caller, move |tx| veza_jobs::get(tx, &permit, id)).await.unwrap()
}
