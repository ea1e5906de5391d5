//! Cancelled jobs end: at once, or as soon as their handler hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use veza_core::{Caller, Db};
use veza_jobs::{Cancelled, Context, Error, JobError, JobId, Jobs, Options, Runtime, cancel};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::work::{Background, Work, config, enqueue, eventually, lane_counts, states};

async fn try_cancel(db: &Db, caller: &Caller, id: JobId) -> Result<Cancelled, Error> {
    let permit = caller.permit()?;
    db.tenant(caller, move |tx| cancel(tx, &permit, id)).await
}

#[tenant_test]
async fn what_waits_ends_at_once_and_frees_its_key(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let unique = Options::default().unique("1").keep();
    let first = enqueue(db, alice, "waiting", unique.clone()).await;
    let later = enqueue(db, alice, "later", Options::default().delay(Duration::from_mins(1))).await;
    assert!(matches!(try_cancel(db, &t.mallory.caller, first.id).await, Err(Error::NotFound("job"))));
    assert_eq!(states(db, alice).await, (1, 1, 0, 0, 0), "nobody else's to cancel");
    for id in [first.id, later.id] {
        assert_eq!(try_cancel(db, alice, id).await.unwrap(), Cancelled::Ended);
        assert!(matches!(try_cancel(db, alice, id).await, Err(Error::NotFound("job"))), "it has ended");
    }
    assert_eq!(states(db, alice).await, (0, 0, 0, 0, 1), "the one that asked for it is kept");
    let counts = lane_counts(db, alice).await;
    assert_eq!((counts.waiting, counts.deferred, counts.cancelled), (0, 0, 2));
    assert!(!enqueue(db, alice, "again", unique).await.existing);
}

#[tenant_test]
async fn cancelling_takes_the_permission(t: TenantTest) {
    let job = enqueue(&t.db, &t.alice.caller, "waiting", Options::default()).await;
    let reader = t.alice.caller_with(&["jobs.jobs.read"]);
    assert!(matches!(try_cancel(&t.db, &reader, job.id).await, Err(Error::Forbidden(_))));
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0));
}

#[db_test]
async fn a_running_job_stops_and_is_not_retried(t: DbTest) {
    let began = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&began);
    let handler = move |_: Work, cx: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            cx.cancelled().await;
            Err::<(), _>(JobError::retry("told to stop"))
        }
    };
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let background = Background::start(Runtime::builder(&jobs).handler::<Work, _>(handler).build().unwrap());
    let job = enqueue(&t.db, &t.alice.caller, "long", Options::default().attempts(9).keep()).await;
    eventually("it runs", async || began.load(Ordering::SeqCst) == 1).await;
    assert!(matches!(try_cancel(&t.db, &t.mallory.caller, job.id).await, Err(Error::NotFound("job"))));
    assert_eq!(try_cancel(&t.db, &t.alice.caller, job.id).await.unwrap(), Cancelled::Requested);
    eventually("it is over", async || states(&t.db, &t.alice.caller).await == (0, 0, 0, 0, 1)).await;
    background.stop().await;
    assert_eq!(began.load(Ordering::SeqCst), 1);
    assert_eq!(t.database.superuser().text("SELECT state FROM jobs.done").as_deref(), Some("cancelled"));
}
