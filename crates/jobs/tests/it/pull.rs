//! Pull queues below HTTP: what the database itself refuses, and how a wait ends.

use std::future::{pending, ready};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use serde_json::json;
use veza_core::{Caller, Db, Query, TenantScope, Write};
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

async fn sent(db: &Db, caller: &Caller, id: &'static str) -> bool {
    let permit = caller.permit().unwrap();
    let message: NewMessage = serde_json::from_value(json!({ "body": 1, "deduplication_id": id })).unwrap();
    let sent = db.tenant(caller, move |tx| pull::send(tx, &permit, "mail", &message)).await.unwrap();
    !sent.deduplicated
}

#[tenant_test(clock = "manual")]
async fn both_purges_take_the_same_and_leave_deduplication_ids_until_their_end(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    queue(db, alice, "mail").await;
    for way in ["messages", "queue"] {
        assert!(sent(db, alice, "one").await && sent(db, alice, "two").await);
        let permit = alice.permit().unwrap();
        let received = jobs.receive(alice, &permit, "mail", Receive::default(), ready(())).await.unwrap();
        assert_eq!(received.messages.len(), 1);
        let lane = veza_jobs::QueueName::pull("mail").unwrap();
        let removed = if way == "messages" {
            jobs.purge_messages(alice, &alice.permit().unwrap(), "mail").await.unwrap().removed
        } else {
            i64::try_from(jobs.purge_queue(alice, &lane).await.unwrap()).unwrap()
        };
        assert_eq!((removed, states(db, alice).await), (2, (0, 0, 0, 0, 0)), "{way}");
        assert!(!sent(db, alice, "one").await, "{way}: within five minutes");
        t.clock.advance(chrono::TimeDelta::minutes(6));
    }
}

#[tenant_test(clock = "manual")]
async fn an_id_that_a_redrive_took_ends_with_its_message(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let jobs = Jobs::new(db.clone(), config()).unwrap();
    queue(db, alice, "mail").await;
    assert!(sent(db, alice, "one").await);
    let permit = alice.permit().unwrap();
    let message =
        jobs.receive(alice, &permit, "mail", Receive::default(), ready(())).await.unwrap().messages.remove(0);
    t.clock.advance(chrono::TimeDelta::minutes(6));
    let (id, permit) = (message.message_id, alice.permit().unwrap());
    let back = db.tenant(alice, move |tx| {
        let sql = "SELECT count(*) FROM jobs.bury(now(), ARRAY[$1], ARRAY[$2], ARRAY(SELECT token FROM jobs.leases), \
                   ARRAY['rejected'], ARRAY['no'], ARRAY[NULL])";
        tx.execute(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id))?;
        let forgotten = "DELETE FROM jobs.unique_keys";
        tx.execute(diesel::sql_query(forgotten))?;
        veza_jobs::retry(tx, &permit, id)
    });
    back.await.unwrap();
    assert!(!sent(db, alice, "one").await, "its message is there again");
    jobs.purge_messages(alice, &alice.permit().unwrap(), "mail").await.unwrap();
    assert!(sent(db, alice, "one").await);
}
