//! Results, progress and layers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::QueryableByName;
use diesel::sql_types::{Json, Nullable, Text};
use serde_json::{Value, json};
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder, ServiceExt};
use veza_core::{Caller, Db, Query};
use veza_jobs::{Context, Error, Execution, JobError, Jobs, Options, Outcome, Runtime};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{Work, Worker, config, enqueue, runtime, states};

#[derive(Debug, QueryableByName)]
struct Kept {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Json>)]
    result: Option<Value>,
}

async fn kept(db: &Db, caller: &Caller) -> Vec<(String, Option<Value>)> {
    let kept = db.read(caller, |tx| {
        let sql = "SELECT state, result FROM jobs.done ORDER BY job_id";
        Ok::<_, Error>(tx.load::<Kept, _>(diesel::sql_query(sql))?)
    });
    kept.await.unwrap().into_iter().map(|row| (row.state, row.result)).collect()
}

#[tenant_test]
async fn results_are_kept_for_whom_asks(t: TenantTest) {
    let worker = Worker::new(|job, _| Outcome::result(&json!({ "name": job.name })));
    let runtime = runtime(&t.db, &worker);
    enqueue(&t.db, &t.alice.caller, "forgotten", Options::default()).await;
    enqueue(&t.db, &t.alice.caller, "kept", Options::default().keep()).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    assert_eq!(kept(&t.db, &t.alice.caller).await, [("done".to_owned(), Some(json!({ "name": "kept" })))]);
    assert_eq!(kept(&t.db, &t.mallory.caller).await, []);
}

#[tenant_test]
async fn progress_shows_while_it_runs_and_not_for_who_lost_it(t: TenantTest) {
    #[derive(QueryableByName)]
    struct Shown {
        #[diesel(sql_type = Nullable<Json>)]
        progress: Option<Value>,
    }
    let handler = async |_: Work, cx: Context| {
        cx.progress(&json!({ "percent": 40 })).await?;
        let sql = "SELECT progress FROM jobs.leases";
        let shown =
            cx.read(move |tx| Ok::<_, Error>(tx.get_result::<Shown, _>(diesel::sql_query(sql))?)).await?;
        assert_eq!(shown.progress, Some(json!({ "percent": 40 })));
        // Within the same second it is dropped, and no error.
        cx.progress(&json!({ "percent": 41 })).await?;
        assert!(cx.progress(&"x".repeat(5_000)).await.is_ok(), "dropped before it is looked at");
        Ok::<_, JobError>(())
    };
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(handler).build().unwrap();
    enqueue(&t.db, &t.alice.caller, "long", Options::default().attempts(1)).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
}

#[tenant_test]
async fn layers_stand_around_handlers(t: TenantTest) {
    let entered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&entered);
    let counting = layer_fn(move |inner| {
        let counted = Arc::clone(&counted);
        ServiceBuilder::new()
            .map_request(move |execution: Execution| {
                assert!(execution.payload().contains("layered"));
                assert_eq!(execution.context().kind(), "test.work");
                counted.fetch_add(1, Ordering::SeqCst);
                execution
            })
            .service(inner)
    });
    // One that answers instead of the handler.
    let refusing = layer_fn(|inner| {
        tower::service_fn(move |execution: Execution| {
            let inner = Clone::clone(&inner);
            async move {
                if execution.context().attempt() > 0 {
                    refuse(inner, execution).await
                } else {
                    Ok(Outcome::Done)
                }
            }
        })
    });
    let worker = Worker::content();
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let runtime = Runtime::builder(&jobs)
        .handler::<Work, _>(worker.clone())
        .layer(refusing)
        .layer(counting)
        .build()
        .unwrap();
    enqueue(&t.db, &t.alice.caller, "layered", Options::default()).await;
    enqueue(&t.db, &t.alice.caller, "layered, refused", Options::default().attempts(1)).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    assert_eq!(entered.load(Ordering::SeqCst), 2);
    assert_eq!(worker.names(), ["layered"]);
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 1, 0));
}

async fn refuse<S>(inner: S, execution: Execution) -> Result<Outcome, JobError>
where
    S: Service<Execution, Response = Outcome, Error = JobError>,
{
    if execution.payload().contains("refused") {
        return Err(JobError::fatal("not through this layer"));
    }
    inner.oneshot(execution).await
}
