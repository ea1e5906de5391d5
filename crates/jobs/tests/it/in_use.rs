//! A pull queue stays as long as a binding or a schedule sends to it, also when both happen at once.

use serde_json::json;
use veza_core::{Caller, Db, TenantTx};
use veza_jobs::permission::ManageJobs;
use veza_jobs::schedule::{NewSchedule, Schedule, ScheduledJob, Timing, create_schedule, remove_schedule};
use veza_jobs::topic::{self, Binding, ExchangeKind, NewBinding};
use veza_jobs::{DeadFilter, Error, Jobs, QueueName, RedriveRequest, pull};
use veza_testing::{TenantTest, tenant_test};

use crate::topics::create;
use crate::work::config;

async fn make(db: &Db, caller: &Caller, name: &str) {
    let permit = caller.permit::<ManageJobs>().unwrap();
    let new = serde_json::from_value(json!({ "name": name })).unwrap();
    db.tenant(caller, move |tx| pull::create(tx, &permit, &new)).await.unwrap();
}

async fn bind(db: &Db, caller: &Caller, queue: &str) -> Result<Binding, Error> {
    let (permit, new) = (caller.permit()?, NewBinding::new(format!("pull:{queue}")));
    db.tenant(caller, move |tx: &mut TenantTx<'_>| topic::bind(tx, &permit, "events", &new)).await
}

async fn schedule(db: &Db, caller: &Caller, queue: &str) -> Result<Schedule, Error> {
    let (permit, job) = (caller.permit()?, ScheduledJob::message(queue, json!(1))?);
    let new = NewSchedule::new(queue, Timing::cron("@daily", "UTC")?, job);
    db.tenant(caller, move |tx: &mut TenantTx<'_>| create_schedule(tx, &permit, &new)).await
}

async fn remove(jobs: &Jobs, caller: &Caller, queue: &str) -> Result<(), Error> {
    jobs.remove_queue(caller, &caller.permit()?, queue, true, None).await
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, named: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, Error::Invalid(fields) if fields[0].field == named), "{error:?}");
}

#[tenant_test]
async fn who_is_sent_to_stays(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    create(db, alice, "events", ExchangeKind::Topic, 0).await;
    make(db, &t.mallory.caller, "inbox").await;
    refused(bind(db, alice, "inbox").await, "/queue");
    refused(schedule(db, alice, "inbox").await, "/queue");
    make(db, alice, "inbox").await;
    let (binding, schedule) =
        (bind(db, alice, "inbox").await.unwrap(), schedule(db, alice, "inbox").await.unwrap());
    assert!(matches!(remove(&jobs, alice, "inbox").await, Err(Error::QueueInUse)));
    let permit = alice.permit::<ManageJobs>().unwrap();
    db.tenant(alice, move |tx| topic::unbind(tx, &permit, binding.id)).await.unwrap();
    assert!(matches!(remove(&jobs, alice, "inbox").await, Err(Error::QueueInUse)));
    let permit = alice.permit::<ManageJobs>().unwrap();
    db.tenant(alice, move |tx| remove_schedule(tx, &permit, schedule.id, None)).await.unwrap();
    remove(&jobs, &t.mallory.caller, "inbox").await.unwrap();
    remove(&jobs, alice, "inbox").await.unwrap();
    refused(bind(db, alice, "inbox").await, "/queue");
    let filter = DeadFilter::of(QueueName::pull("inbox").unwrap());
    let request = RedriveRequest { filter, per_minute: None, to: None };
    let permit = alice.permit::<ManageJobs>().unwrap();
    refused(db.tenant(alice, move |tx| veza_jobs::redrive(tx, &permit, &request)).await, "/queue");
}

#[tenant_test]
async fn of_a_removal_and_a_binding_at_once_one_fails(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    create(db, alice, "events", ExchangeKind::Topic, 0).await;
    for round in 0..40 {
        let name = format!("q{round}");
        make(db, alice, &name).await;
        let sender = async {
            if round % 2 == 0 {
                bind(db, alice, &name).await.map(drop)
            } else {
                schedule(db, alice, &name).await.map(drop)
            }
        };
        let (sent, removed) = tokio::join!(sender, remove(&jobs, alice, &name));
        match (sent, removed) {
            (Ok(()), Err(Error::QueueInUse)) | (Err(Error::Invalid(_)), Ok(())) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}
