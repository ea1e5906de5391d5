//! No claim, receipt or handler reaches another tenant's jobs.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use veza_core::{Caller, Db, Query, TenantId};
use veza_jobs::{Context, Error, JobError, Jobs, Options, Runtime};
use veza_testing::{TenantTest, tenant_test};

use crate::work::{Work, Worker, config, enqueue, runtime, states, work};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Runs a counting statement as `caller`, with `$1` the tenant that it is after.
async fn attack(db: &Db, caller: &Caller, victim: TenantId, sql: &'static str) -> i64 {
    let outcome = db.tenant(caller, move |tx| {
        Ok::<_, Error>(tx.get_result::<Count, _>(diesel::sql_query(sql).bind::<SqlUuid, _>(victim))?.count)
    });
    // To be refused is as good as to get nothing.
    outcome.await.unwrap_or(0)
}

#[tenant_test]
async fn no_statement_of_the_engine_reaches_another_tenants_jobs(t: TenantTest) {
    enqueue(&t.db, &t.alice.caller, "hers", Options::default()).await;
    enqueue(&t.db, &t.alice.caller, "later", Options::default().delay(std::time::Duration::from_hours(1)))
        .await;
    let before = states(&t.db, &t.alice.caller).await;
    let claim = "SELECT count(*) FROM jobs.claim(NULL, gen_random_uuid(), now(), 1000, ARRAY[$1], ARRAY['work'], \
                 ARRAY[10], ARRAY[-9223372036854775808])";
    let enqueue_for_her = "SELECT count(*) FROM jobs.enqueue($1, now(), ARRAY[gen_random_uuid()], ARRAY['work'], \
                           ARRAY['test.work'], ARRAY['{}'], ARRAY[0::smallint], ARRAY[0::bigint], ARRAY[now()], \
                           ARRAY[1::smallint], ARRAY[1000], ARRAY[false], ARRAY[NULL], ARRAY[NULL])";
    for sql in [
        claim,
        enqueue_for_her,
        "SELECT count(*) FROM jobs.ready WHERE tenant_id = $1",
        "WITH gone AS (DELETE FROM jobs.ready WHERE tenant_id = $1 RETURNING 1) SELECT count(*) FROM gone",
        "WITH gone AS (DELETE FROM jobs.deferred WHERE tenant_id = $1 RETURNING 1) SELECT count(*) FROM gone",
        "SELECT count(*) FROM jobs.promote(now() + interval '1 day', 10, NULL, 1) WHERE tenant_id = $1",
        "SELECT count(*) FROM jobs.counts WHERE tenant_id = $1",
        "SELECT count(*) FROM jobs.deltas WHERE tenant_id = $1",
        "SELECT count(*) FROM jobs.totals WHERE $1 IS NOT NULL",
        "SELECT count(*) FROM jobs.processes WHERE $1 IS NOT NULL",
        "SELECT count(*) FROM jobs.rescue(now() + interval '1 day', '0 s', 10) WHERE tenant_id = $1",
        "SELECT count(*) FROM jobs.backlog() WHERE tenant_id = $1",
    ] {
        assert_eq!(attack(&t.db, &t.mallory.caller, t.alice.tenant, sql).await, 0, "{sql}");
    }
    assert_eq!(states(&t.db, &t.alice.caller).await, before);
    // The same statement gets them for their owner: the attack above was not merely malformed.
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, claim).await, 1);
}

#[tenant_test]
async fn a_known_lease_cannot_be_ended_by_another_tenant(t: TenantTest) {
    enqueue(&t.db, &t.alice.caller, "hers", Options::default()).await;
    let claim = "SELECT count(*) FROM jobs.claim(NULL, '00000000-0000-4000-8000-000000000001', now(), 60000, \
                 ARRAY[$1], ARRAY['work'], ARRAY[10], ARRAY[-9223372036854775808])";
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, claim).await, 1);
    // She knows everything: the tenant, the token, and a way to name all jobs of it.
    let keys = "ARRAY[$1], ARRAY(SELECT job_id FROM jobs.leases WHERE tenant_id = $1), \
                ARRAY['00000000-0000-4000-8000-000000000001'::uuid]";
    let ending = |function: &str, rest: &str| {
        let sql = format!("SELECT count(*) FROM jobs.{function}(now(), {keys}, {rest}) AS f (job_id)");
        &*Box::leak(sql.into_boxed_str())
    };
    for sql in [
        ending("finish", "ARRAY['done'], ARRAY[NULL]"),
        ending("put_back", "ARRAY[NULL::timestamptz], ARRAY[0::smallint], ARRAY[NULL]"),
        ending("bury", "ARRAY['fatal'], ARRAY[''], ARRAY[NULL]"),
        "WITH gone AS (DELETE FROM jobs.leases WHERE tenant_id = $1 RETURNING 1) SELECT count(*) FROM gone",
    ] {
        assert_eq!(attack(&t.db, &t.mallory.caller, t.alice.tenant, sql).await, 0, "{sql}");
        assert_eq!(states(&t.db, &t.alice.caller).await, (0, 0, 1, 0, 0), "{sql}");
    }
    let wrong = "SELECT count(*) FROM jobs.finish(now(), ARRAY[$1], \
                 ARRAY(SELECT job_id FROM jobs.leases WHERE tenant_id = $1), ARRAY[gen_random_uuid()], \
                 ARRAY['done'], ARRAY[NULL]) AS f (job_id)";
    assert_eq!(
        attack(&t.db, &t.alice.caller, t.alice.tenant, wrong).await,
        0,
        "nor by its owner without the token"
    );
    let right = ending("finish", "ARRAY['done'], ARRAY[NULL]");
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, right).await, 1);
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
}

#[tenant_test]
async fn a_handler_sees_its_own_tenant_and_enqueues_for_it(t: TenantTest) {
    let jobs = Jobs::new(t.db.clone(), config()).unwrap();
    let handler = async |_: Work, cx: Context| {
        let tenants = cx.tx(|tx| {
            veza_jobs::enqueue_with(tx, &work("next"), Options::default().queue("next"))?;
            let rows: Vec<Row> = tx.load(diesel::sql_query(
                "SELECT tenant_id FROM jobs.ready UNION SELECT tenant_id FROM jobs.leases",
            ))?;
            Ok::<_, Error>(rows.into_iter().map(|row| row.tenant_id).collect::<Vec<_>>())
        });
        assert_eq!(tenants.await?, [cx.tenant()]);
        Ok::<_, JobError>(())
    };
    let runtime = Runtime::builder(&jobs).handler::<Work, _>(handler).build().unwrap();
    enqueue(&t.db, &t.alice.caller, "hers", Options::default()).await;
    enqueue(&t.db, &t.mallory.caller, "mine", Options::default()).await;
    runtime.drain(&t.alice.caller).await.unwrap();
    assert_eq!(states(&t.db, &t.alice.caller).await, (1, 0, 0, 0, 0), "done, and the next waits");
    assert_eq!(states(&t.db, &t.mallory.caller).await, (1, 0, 0, 0, 0), "draining one leaves the other");
}

#[tenant_test]
async fn a_tenants_queue_never_gets_a_programs_jobs(t: TenantTest) {
    enqueue(&t.db, &t.alice.caller, "inner", Options::default()).await;
    let pull = "SELECT count(*) FROM jobs.claim(NULL, gen_random_uuid(), now(), 1000, ARRAY[$1], ARRAY['pull:work'], \
                ARRAY[10], ARRAY[-9223372036854775808])";
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, pull).await, 0);
    let worker = Worker::content();
    runtime(&t.db, &worker).drain(&t.alice.caller).await.unwrap();
    assert_eq!(worker.names(), ["inner"]);
}

#[tenant_test]
async fn who_knows_the_ids_of_another_tenants_jobs_moves_none(t: TenantTest) {
    let ready = enqueue(&t.db, &t.alice.caller, "ready", Options::default().unique("1")).await.id;
    let hour = Options::default().delay(std::time::Duration::from_hours(1));
    let later = enqueue(&t.db, &t.alice.caller, "later", hour).await.id;
    let dead = enqueue(&t.db, &t.alice.caller, "dead", Options::default()).await.id;
    let worker = Worker::new(|_, _| Err(JobError::Fatal("no".to_owned())));
    let held = "WITH h AS (INSERT INTO jobs.holds VALUES ($1, 'work', 'tenant', NULL, now()) RETURNING 1) SELECT count(*) FROM h";
    runtime(&t.db, &worker).drain(&t.alice.caller).await.unwrap();
    assert_eq!(states(&t.db, &t.alice.caller).await, (0, 1, 0, 2, 0));
    let ids = format!("ARRAY['{}', '{}', '{}']::uuid[]", ready.as_uuid(), later.as_uuid(), dead.as_uuid());
    for sql in [
        format!("SELECT count(*) FROM jobs.end_waiting(now(), $1, {ids}) AS e"),
        format!("SELECT count(*) FROM jobs.hasten(now(), 1, $1, {ids})"),
        format!("SELECT count(*) FROM jobs.revive(now(), 1, $1, {ids}, NULL)"),
        format!("SELECT count(*) FROM jobs.revive(now(), 1, $1, {ids}, 'pull:mine')"),
        "WITH c AS (INSERT INTO jobs.cancellations SELECT $1, gen_random_uuid(), now() RETURNING 1) SELECT count(*) FROM c".to_owned(),
        "WITH k AS (INSERT INTO jobs.unique_keys VALUES ($1, 'test.work:1', gen_random_uuid(), NULL) RETURNING 1) SELECT count(*) FROM k".to_owned(),
        "WITH d AS (INSERT INTO jobs.deltas (tenant_id, queue, waiting) VALUES ($1, 'work', 9) RETURNING 1) SELECT count(*) FROM d".to_owned(),
        "WITH l AS (INSERT INTO jobs.lanes (tenant_id, queue, max_running) VALUES ($1, 'work', 1) RETURNING 1) SELECT count(*) FROM l".to_owned(),
        held.to_owned(),
        "WITH h AS (INSERT INTO jobs.holds VALUES ('00000000-0000-0000-0000-000000000000', '*', 'operator', $1::text, now()) RETURNING 1) SELECT count(*) FROM h".to_owned(),
        "WITH s AS (INSERT INTO jobs.subscriptions VALUES ($1::text, 'e', '#', 'work', 1, 1, now()) RETURNING 1) SELECT count(*) FROM s".to_owned(),
    ] {
        let sql: &'static str = Box::leak(sql.into_boxed_str());
        assert_eq!(attack(&t.db, &t.mallory.caller, t.alice.tenant, sql).await, 0, "{sql}");
        assert_eq!(states(&t.db, &t.alice.caller).await, (0, 1, 0, 2, 0), "{sql}");
    }
    // For their owner the same ids are good, and so is the same statement for a hold of one's own.
    let own = format!("SELECT count(*) FROM jobs.revive(now(), 1, $1, {ids}, NULL)");
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, Box::leak(own.into_boxed_str())).await, 2);
    let hastened = format!("SELECT count(*) FROM jobs.hasten(now(), 1, $1, {ids})");
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, Box::leak(hastened.into_boxed_str())).await, 1);
    assert_eq!(attack(&t.db, &t.alice.caller, t.alice.tenant, held).await, 1);
}
