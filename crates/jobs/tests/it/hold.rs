//! Nothing begins while somebody holds it, and each holder lifts its own hold alone.

use veza_core::page::PageRequest;
use veza_core::{Db, Reason};
use veza_jobs::hold::{self, HeldBy};
use veza_jobs::{Error, HoldScope, Options, QueueName, list_holds, pause, resume};
use veza_testing::{DbTest, TenantTest, TestTenant, db_test, tenant_test};

use crate::work::{Background, Worker, enqueue, eventually, runtime};

fn queue() -> QueueName {
    QueueName::new("work").unwrap()
}

async fn set_paused(db: &Db, tenant: &TestTenant, paused: bool) {
    let permit = tenant.caller.permit().unwrap();
    let change = move |tx: &mut veza_core::TenantTx<'_>| {
        if paused {
            pause(tx, &permit, &queue(), Some("a reason"))
        } else {
            resume(tx, &permit, &queue()).map(drop)
        }
    };
    db.tenant(&tenant.caller, change).await.unwrap();
}

async fn holders(db: &Db, tenant: &TestTenant) -> Vec<(HeldBy, Option<String>)> {
    let permit = tenant.caller.permit().unwrap();
    let page = PageRequest { limit: 200, after: None };
    let holds = db.tenant(&tenant.caller, move |tx| list_holds(tx, &permit, &page)).await.unwrap();
    holds.items.into_iter().map(|hold| (hold.held_by, hold.reason)).collect()
}

#[tenant_test]
async fn a_paused_queue_waits_and_another_tenants_does_not(t: TenantTest) {
    let worker = Worker::content();
    let runtime = runtime(&t.db, &worker);
    for tenant in [&t.alice, &t.mallory] {
        enqueue(&t.db, &tenant.caller, "work", Options::default()).await;
    }
    set_paused(&t.db, &t.alice, true).await;
    set_paused(&t.db, &t.alice, true).await;
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 0);
    assert_eq!(runtime.drain(&t.mallory.caller).await.unwrap().attempts, 1);
    assert_eq!(holders(&t.db, &t.alice).await, [(HeldBy::Tenant, Some("a reason".to_owned()))]);
    assert_eq!(holders(&t.db, &t.mallory).await, []);
    set_paused(&t.db, &t.mallory, false).await;
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 0, "her hold is hers to lift");
    set_paused(&t.db, &t.alice, false).await;
    assert_eq!(runtime.drain(&t.alice.caller).await.unwrap().attempts, 1);
    let permit = t.alice.caller.permit().unwrap();
    let long =
        t.db.tenant(&t.alice.caller, move |tx| pause(tx, &permit, &queue(), Some(&"x".repeat(501)))).await;
    assert!(matches!(long, Err(Error::Invalid(_))), "{long:?}");
}

#[db_test]
async fn an_operator_holds_a_queue_a_tenant_or_both(t: DbTest) {
    let worker = Worker::content();
    let runtime = runtime(&t.db, &worker);
    let (tenant, queue) = (Some(t.alice.tenant), Some(queue()));
    for (scope, mallory_runs) in [
        (HoldScope { tenant: None, queue: queue.clone() }, 0),
        (HoldScope::default(), 0),
        (HoldScope { tenant, queue: None }, 1),
        (HoldScope { tenant, queue: queue.clone() }, 1),
        (HoldScope { tenant: Some(t.mallory.tenant), queue: Some(QueueName::new("other").unwrap()) }, 1),
    ] {
        let alice_waits = scope.tenant != Some(t.mallory.tenant);
        for tenant in [&t.alice, &t.mallory] {
            enqueue(&t.db, &tenant.caller, "work", Options::default()).await;
        }
        let held = scope.clone();
        t.db.dispatch(Reason("test"), move |tx| hold::hold(tx, &held, Some("maintenance"))).await.unwrap();
        let alice = runtime.drain(&t.alice.caller).await.unwrap().attempts;
        assert_eq!(alice, usize::from(!alice_waits), "{scope:?}");
        let mallory = runtime.drain(&t.mallory.caller).await.unwrap().attempts;
        assert_eq!(mallory, mallory_runs, "{scope:?}");
        // A tenant cannot lift it, and does not see what an operator wrote.
        set_paused(&t.db, &t.alice, false).await;
        assert!(holders(&t.db, &t.alice).await.iter().all(|hold| *hold == (HeldBy::Operator, None)));
        let all = t.db.dispatch(Reason("test"), hold::all_holds).await.unwrap();
        assert_eq!((all.len(), all[0].tenant, all[0].held_by), (1, scope.tenant, HeldBy::Operator));
        assert_eq!(all[0].reason.as_deref(), Some("maintenance"));
        let lift = scope.clone();
        let lifted = t.db.dispatch(Reason("test"), move |tx| hold::release(tx, &lift)).await.unwrap();
        assert!(lifted, "{scope:?}");
        for tenant in [&t.alice, &t.mallory] {
            runtime.drain(&tenant.caller).await.unwrap();
        }
    }
    assert_eq!(worker.seen().len(), 10, "nothing was lost");
}

#[db_test]
async fn what_is_resumed_goes_on_and_a_suspension_is_its_own_hold(t: DbTest) {
    let worker = Worker::content();
    set_paused(&t.db, &t.alice, true).await;
    let alice = t.alice.tenant;
    t.db.system(Reason("test"), move |tx| hold::suspend(tx, alice)).await.unwrap();
    t.db.system(Reason("test"), move |tx| hold::suspend(tx, alice)).await.unwrap();
    let background = Background::start(runtime(&t.db, &worker));
    enqueue(&t.db, &t.alice.caller, "held", Options::default()).await;
    enqueue(&t.db, &t.mallory.caller, "free", Options::default()).await;
    eventually("the other ran", async || worker.names() == ["free"]).await;
    set_paused(&t.db, &t.alice, false).await;
    assert_eq!(holders(&t.db, &t.alice).await, [(HeldBy::Suspension, None)]);
    enqueue(&t.db, &t.mallory.caller, "free too", Options::default()).await;
    eventually("the other ran", async || worker.names() == ["free", "free too"]).await;
    t.db.system(Reason("test"), move |tx| hold::unsuspend(tx, alice)).await.unwrap();
    eventually("it ran", async || worker.names() == ["free", "free too", "held"]).await;
    background.stop().await;
}

#[tenant_test]
async fn the_database_itself_keeps_tenants_from_others_holds(t: TenantTest) {
    use diesel::sql_types::Uuid as SqlUuid;
    use veza_core::{TenantScope, Write};
    let alice = t.alice.tenant;
    t.db.system(Reason("test"), move |tx| hold::suspend(tx, alice)).await.unwrap();
    let gone = t.db.tenant(&t.alice.caller, |tx| {
        let delete = diesel::sql_query("DELETE FROM jobs.holds WHERE tenant_id = $1");
        Ok::<_, Error>(tx.execute(delete.bind::<SqlUuid, _>(tx.tenant()))?)
    });
    assert_eq!(gone.await.unwrap(), 0);
    let forged = t.db.tenant(&t.alice.caller, |tx| {
        let insert = diesel::sql_query(
            "INSERT INTO jobs.holds (tenant_id, queue, held_by, held_at) VALUES ($1, '*', 'operator', now())",
        );
        Ok::<_, Error>(tx.execute(insert.bind::<SqlUuid, _>(tx.tenant()))?)
    });
    forged.await.unwrap_err();
}
