//! Pull queues below HTTP: what the database itself refuses, and how a wait ends.

use std::future::{pending, ready};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use serde_json::json;
use veza_core::{Caller, Db, Query, Write};
use veza_jobs::pull::{self, NewMessage, NewQueue, Receive};
use veza_jobs::{Error, Jobs};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{config, states};

fn new(name: &str) -> NewQueue {
    serde_json::from_value(json!({ "name": name })).unwrap()
}

async fn queue(db: &Db, caller: &Caller, name: &'static str) {
    let permit = caller.permit().unwrap();
    db.tenant(caller, move |tx| pull::create(tx, &permit, &new(name))).await.unwrap();
}

async fn send(db: &Db, caller: &Caller, name: &'static str) {
    let permit = caller.permit().unwrap();
    let message: NewMessage = serde_json::from_value(json!({ "body": name })).unwrap();
    db.tenant(caller, move |tx| pull::send(tx, &permit, name, &message)).await.unwrap();
}

#[derive(QueryableByName)]
struct Tried {
    #[diesel(sql_type = BigInt)]
    removed: i64,
    #[diesel(sql_type = Bool)]
    empty: bool,
}

#[tenant_test]
async fn the_database_lets_nobody_discard_what_is_not_theirs(t: TenantTest) {
    queue(&t.db, &t.alice.caller, "mail").await;
    send(&t.db, &t.alice.caller, "mail").await;
    let victim = t.alice.caller.tenant();
    let tried = t.db.tenant(&t.mallory.caller, move |tx| {
        let sql = "SELECT jobs.discard($1, 'pull:mail', 'infinity', true, 100) AS removed, \
                   jobs.is_empty($1, 'pull:mail') AS empty";
        Ok::<_, Error>(tx.get_result::<Tried, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(victim))?)
    });
    let tried = tried.await.unwrap();
    assert_eq!((tried.removed, tried.empty), (0, true), "mallory sees nothing of it");
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0));
    for sql in [
        "SELECT jobs.outdate($1, 'pull:mail', 'infinity', 100)",
        "SELECT jobs.expire(now(), '00000000-0000-0000-0000-000000000000', '', 100, 100)",
        "SELECT jobs.awaited(ARRAY[$1], ARRAY['pull:mail'])",
        "INSERT INTO jobs.queues (tenant_id, name, created_at, updated_at) VALUES ($1, 'hers', now(), now())",
    ] {
        let refused = t.db.tenant(&t.mallory.caller, move |tx| {
            Ok::<_, Error>(tx.execute(diesel::sql_query(sql).bind::<SqlUuid, _>(victim))?)
        });
        refused.await.unwrap_err();
    }
    let changed = t.db.tenant(&t.mallory.caller, move |tx| {
        let sql = "UPDATE jobs.queues SET removed_at = now() WHERE tenant_id = $1 AND name = $2";
        let statement = diesel::sql_query(sql).bind::<SqlUuid, _>(victim).bind::<Text, _>("mail");
        Ok::<_, Error>(tx.execute(statement)?)
    });
    assert_eq!(changed.await.unwrap(), 0);
}

#[tenant_test]
async fn no_program_s_jobs_are_discarded(t: TenantTest) {
    crate::work::enqueue(&t.db, &t.alice.caller, "job", veza_jobs::Options::default()).await;
    let own = t.alice.caller.tenant();
    let tried = t.db.tenant(&t.alice.caller, move |tx| {
        let sql = "SELECT jobs.discard($1, 'work', 'infinity', true, 100) AS removed, true AS empty";
        Ok::<_, Error>(tx.get_result::<Tried, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(own))?)
    });
    assert_eq!(tried.await.unwrap().removed, 0);
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0));
}

#[tenant_test]
async fn a_wait_ends_when_it_is_told_to(t: TenantTest) {
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    queue(&t.db, &t.alice.caller, "mail").await;
    let caller = &t.alice.caller;
    let ask = Receive { wait_seconds: Some(20), ..Receive::default() };
    let permit = caller.permit().unwrap();
    let stopped = jobs.receive(caller, &permit, "mail", ask, ready(()));
    let waiting = jobs.receive(caller, &permit, "mail", ask, pending());
    tokio::select! {
        received = stopped => assert!(received.unwrap().messages.is_empty()),
        received = waiting => panic!("the one that was not told ended first: {received:?}"),
    }
}

#[tenant_test]
async fn a_message_is_sent_with_its_transaction_or_not_at_all(t: TenantTest) {
    queue(&t.db, &t.alice.caller, "mail").await;
    let permit = t.alice.caller.permit().unwrap();
    let message: NewMessage = serde_json::from_value(json!({ "body": null })).unwrap();
    let undone: Result<(), Error> =
        t.db.tenant(&t.alice.caller, move |tx| {
            pull::send(tx, &permit, "mail", &message)?;
            Err(Error::LeaseLost)
        })
        .await;
    undone.unwrap_err();
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 0, 0, 0));
}
