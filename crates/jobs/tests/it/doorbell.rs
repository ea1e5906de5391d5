//! A worker in another process hears of a job long before it would look.

use veza_core::config::{Period, Secret};
use veza_core::db::{PoolConfig, Role};
use veza_core::{Db, Tasks};
use veza_jobs::{DoorbellKind, Jobs, JobsConfig, Options, Runtime};
use veza_testing::{DbTest, TestDatabase, db_test};

use crate::work::{Background, Work, Worker, enqueue, eventually};

/// Nobody looks by themselves while the test runs.
fn rarely(kind: DoorbellKind) -> JobsConfig {
    JobsConfig { doorbell: kind, poll: Period::from_secs(3_600), ..JobsConfig::default() }
}

/// Enqueues in one process and works in another; `Db`s share nothing.
async fn heard(database: &TestDatabase, config: JobsConfig, caller: &veza_core::Caller) {
    let open = || -> Db {
        database.open(PoolConfig { connections: 2, system_connections: 1, ..PoolConfig::default() })
    };
    let (here, there) = (open(), open());
    let worker = Worker::content();
    let elsewhere = Jobs::new(there, config.clone()).unwrap();
    let runtime = Runtime::builder(&elsewhere).handler::<Work, _>(worker.clone()).build().unwrap();
    let background = Background::start(runtime);
    let (jobs, tasks) = (Jobs::new(here.clone(), config).unwrap(), Tasks::new());
    jobs.start(&tasks);
    // Until the other side listens, a ring is lost; so it rings until it is heard.
    eventually("the bell is heard", async || {
        enqueue(&here, caller, "ding", Options::default()).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        !worker.seen().is_empty()
    })
    .await;
    background.stop().await;
    tasks.stop(std::time::Duration::from_secs(5)).await;
}

#[cfg(feature = "notify")]
#[db_test]
async fn over_notify(t: DbTest) {
    let url = Some(Secret::new(t.url(Role::Jobs)));
    heard(&t.database, JobsConfig { listen_url: url, ..rarely(DoorbellKind::Notify) }, &t.alice.caller).await;
}

#[cfg(feature = "redis")]
#[db_test]
async fn over_redis(t: DbTest) {
    let redis = veza_testing::redis();
    let url = Some(Secret::new(redis.url()));
    heard(&t.database, JobsConfig { redis_url: url, ..rarely(DoorbellKind::Redis) }, &t.alice.caller).await;
}
