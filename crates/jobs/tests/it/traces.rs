//! A job's run is linked to where in a trace it was enqueued.

use std::sync::{Arc, Mutex};

use serde_json::json;
use veza_core::Db;
use veza_jobs::{JobError, Jobs, Options, Outcome, Runtime, pull};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{Work, Worker, config, enqueue};

const PLACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A program that is in a trace, or not.
type Place = Arc<Mutex<Option<&'static str>>>;

fn traced(db: &Db) -> Place {
    let place = Place::default();
    let asked = Arc::clone(&place);
    db.trace_by(move || asked.lock().unwrap().map(str::to_owned));
    place
}

#[tenant_test(clock = "manual")]
async fn each_attempt_is_linked_to_who_enqueued_it(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let place = traced(db);
    enqueue(db, alice, "untraced", Options::default()).await;
    *place.lock().unwrap() = Some(PLACE);
    enqueue(db, alice, "traced", Options::default()).await;
    *place.lock().unwrap() = None;
    let worker = Worker::new(|job, cx| match (job.name.as_str(), cx.attempt()) {
        ("traced", 1) => Err(JobError::retry("once more")),
        _ => Ok(Outcome::Done),
    });
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    let links = Arc::new(Mutex::new(Vec::new()));
    let linked = Arc::clone(&links);
    jobs.link_with(move |_span, place| linked.lock().unwrap().push(place.to_owned()));
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(worker.clone()).build().unwrap();
    for _ in 0..2 {
        runtime.drain(alice).await.unwrap();
        t.clock.advance(chrono::TimeDelta::hours(1));
    }
    assert_eq!(worker.seen().len(), 3);
    assert_eq!(*links.lock().unwrap(), [PLACE; 2], "both attempts at one of the two");
}

#[tenant_test]
async fn a_message_keeps_its_attributes_beside_its_trace(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    *traced(db).lock().unwrap() = Some(PLACE);
    let (manage, send) = (alice.permit().unwrap(), alice.permit().unwrap());
    let sent = db.tenant(alice, move |tx| {
        pull::create(tx, &manage, &serde_json::from_value(json!({ "name": "mail" })).unwrap())?;
        let message = json!({ "body": 1, "attributes": { "a": "b" } });
        pull::send(tx, &send, "mail", &serde_json::from_value(message).unwrap())
    });
    sent.await.unwrap();
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    let permit = alice.permit().unwrap();
    let ask = pull::Receive::default();
    let received = jobs.receive(alice, &permit, "mail", ask, std::future::ready(())).await.unwrap();
    assert_eq!(json!(received.messages[0].attributes), json!({ "a": "b" }));
}
