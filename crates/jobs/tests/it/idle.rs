//! A worker that has nothing to do asks little, and still finds what comes without a doorbell.

use std::sync::Arc;
use std::time::Duration;

use veza_core::db::DatabaseConfig;
use veza_core::{Db, SystemClock, SystemRandom};
use veza_jobs::{DoorbellKind, Jobs, JobsConfig, Options, Runtime};
use veza_testing::{DbTest, TestDatabase, db_test};

use crate::work::{Background, Work, Worker, enqueue, eventually, states};

/// Calls of a function of the schema, as far as PostgreSQL has told.
fn calls(t: &DbTest, function: &str) -> i64 {
    t.database.superuser().count(&format!(
        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_user_functions WHERE funcname = '{function}'"
    ))
}

#[db_test]
async fn a_worker_without_work_only_looks_until_something_comes(t: DbTest) {
    // Of this database alone: other tests have the same role.
    t.database.superuser().execute(
        "DO 'BEGIN EXECUTE format($$ALTER ROLE veza_jobs IN DATABASE %I SET track_functions = pl$$, current_database()); END'",
    );
    let settings: DatabaseConfig = t.database.config(TestDatabase::small_pool());
    let there = Db::open_with(&settings, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    let config = JobsConfig { doorbell: DoorbellKind::Poll, ..JobsConfig::default() };
    let worker = Worker::content();
    let jobs = Jobs::new(there, config).unwrap();
    let background =
        Background::start(Runtime::builder(&jobs).handler::<Work, _>(worker.clone()).build().unwrap());
    eventually("it has looked", async || calls(&t, "look") >= 3).await;
    for function in ["promote", "backlog", "claim", "fold", "step_redrive"] {
        assert_eq!(calls(&t, function), 0, "{function}");
    }
    // Another process enqueues, and tells nobody.
    enqueue(&t.db, &t.alice.caller, "now", Options::default()).await;
    enqueue(&t.db, &t.alice.caller, "later", Options::default().delay(Duration::from_millis(1_500))).await;
    eventually("both are done", async || worker.names() == ["now", "later"]).await;
    eventually("nothing is left", async || states(&t.db, &t.alice.caller).await == (0, 0, 0, 0, 0)).await;
    background.stop().await;
}
