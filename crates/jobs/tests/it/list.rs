//! Jobs are found wherever they are, page by page, and by their tenant alone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, Query, Reason};
use veza_jobs::{
    Error, JobError, JobFilter, JobId, JobState, JobView, Options, Outcome, QueueName, get, list, operator,
};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::work::{Worker, enqueue, lane_counts, look, runtime};

fn of(state: JobState) -> JobFilter {
    JobFilter { state, queue: None, kind: None }
}

/// The whole list, by pages of `limit`.
async fn pages(db: &Db, caller: &Caller, filter: &JobFilter, limit: u32) -> Vec<JobView> {
    let (mut jobs, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = PageRequest::new(Some(limit), cursor.as_deref()).unwrap();
        let (permit, filter) = (caller.permit().unwrap(), filter.clone());
        let page = db.tenant(caller, move |tx| list(tx, &permit, &filter, &page)).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        jobs.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return jobs;
        }
    }
}

fn ids(jobs: &[JobView]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

#[tenant_test]
async fn a_job_is_seen_in_every_state_by_its_tenant_alone(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let worker = Worker::new(|job, _| match job.name.as_str() {
        "dead" => Err(JobError::fatal("of no use")),
        "cancelled" => Ok(Outcome::Cancel),
        _ => Ok(Outcome::Result(json!({ "sum": 42 }))),
    });
    let mut jobs = Vec::new();
    for (name, state) in
        [("dead", JobState::Dead), ("cancelled", JobState::Cancelled), ("done", JobState::Done)]
    {
        jobs.push((enqueue(db, alice, name, Options::default().keep()).await.id, state));
    }
    runtime(db, &worker).drain(alice).await.unwrap();
    jobs.push((enqueue(db, alice, "waiting", Options::default()).await.id, JobState::Waiting));
    let delay = Options::default().delay(Duration::from_hours(1));
    jobs.push((enqueue(db, alice, "deferred", delay).await.id, JobState::Deferred));
    for (id, state) in jobs {
        let view = look(db, alice, id).await;
        assert_eq!((view.state, view.queue.as_str()), (state, "work"));
        let ended = matches!(state, JobState::Done | JobState::Cancelled);
        let payload = (!ended).then(|| json!({ "name": state.as_str() }));
        assert_eq!(view.payload, payload);
        let listed = pages(db, alice, &of(state), 10).await;
        assert_eq!(listed, [JobView { payload: None, ..view.clone() }]);
        let known = match state {
            JobState::Dead => view.reason.as_deref() == Some("fatal") && view.errors[0].error == "of no use",
            JobState::Done => view.result == Some(json!({ "sum": 42 })) && view.claimed_at.is_some(),
            JobState::Deferred => view.run_at > Some(view.enqueued_at),
            _ => true,
        };
        assert!(known, "{view:?}");
        assert_eq!(pages(db, &t.mallory.caller, &of(state), 10).await, []);
        let permit = t.mallory.caller.permit().unwrap();
        let stranger = db.tenant(&t.mallory.caller, move |tx| get(tx, &permit, id)).await;
        assert!(matches!(stranger, Err(Error::NotFound("job"))));
        let found = db.dispatch(Reason("test"), move |tx| operator::find(tx, id)).await.unwrap();
        assert_eq!(found, Some(t.alice.tenant));
        let seen = t.alice.tenant;
        assert_eq!(db.dispatch(Reason("test"), move |tx| operator::get(tx, seen, id)).await.unwrap(), view);
    }
    assert_eq!(lane_counts(db, &t.mallory.caller).await.enqueued, 0);
    assert_eq!(lane_counts(db, alice).await.enqueued, 5);
}

#[tenant_test]
async fn pages_miss_and_repeat_nothing(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let fatal = Worker::new(|_, _| Err(JobError::fatal("of no use")));
    let mut expected = Vec::new();
    for state in [JobState::Dead, JobState::Deferred, JobState::Waiting] {
        let mut enqueued = BTreeSet::new();
        for number in 0..7 {
            // All at the same time and in two queues, so that only their ids tell them apart.
            let queue = if number % 2 == 0 { "work" } else { "rest" };
            let options = Options::default().queue(queue);
            let options = if state == JobState::Deferred {
                options.run_at(chrono::DateTime::from_timestamp(4_000_000_000, 0).unwrap())
            } else {
                options
            };
            enqueued.insert(enqueue(db, alice, "x", options).await.id);
        }
        if state == JobState::Dead {
            let jobs = veza_jobs::Jobs::new(db.clone(), crate::work::config()).unwrap();
            let both = veza_jobs::Runtime::builder(&jobs).queue("rest", veza_jobs::Concurrency::new(1));
            both.handler::<crate::work::Work, _>(fatal.clone()).build().unwrap().drain(alice).await.unwrap();
        }
        expected.push((state, enqueued));
    }
    for (state, enqueued) in expected {
        for limit in [1, 2, 3, 7, 8] {
            let listed = ids(&pages(db, alice, &of(state), limit).await);
            assert_eq!(listed.len(), 7, "{state} {limit}");
            assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), enqueued, "{state} {limit}");
            let work = JobFilter { queue: Some(QueueName::new("work").unwrap()), ..of(state) };
            let of_queue = pages(db, alice, &work, limit).await;
            assert_eq!(of_queue.len(), 4, "{state} {limit}");
            assert!(of_queue.iter().all(|job| job.queue == "work"));
            let kind = JobFilter { kind: Some("test.other".to_owned()), ..of(state) };
            assert_eq!(pages(db, alice, &kind, limit).await, []);
        }
    }
}

/// Twelve thousand jobs of each sort, one in six thousand of another kind.
fn fill(t: &DbTest) {
    let tenant = t.alice.tenant;
    let columns = "tenant_id, job_id, queue, rank, kind, priority, attempt, max_attempts, timeout_ms, keep, \
                   enqueued_at, ready_at, unique_key, payload, meta";
    let values = format!(
        "'{tenant}', gen_random_uuid(), 'work', n, CASE n % 6000 WHEN 0 THEN 'rare' ELSE 'usual' END, 0, 0, 1, 1000, \
         false, now(), now(), NULL, '{{}}', NULL"
    );
    t.database.superuser().execute(&format!(
        "INSERT INTO jobs.ready ({columns}) SELECT {values} FROM generate_series(1, 12000) AS n; \
         INSERT INTO jobs.deferred ({columns}, run_at) \
             SELECT {values}, now() + interval '1 day' FROM generate_series(1, 12000) AS n; \
         INSERT INTO jobs.dead ({columns}, died_at, reason, error) \
             SELECT {values}, now(), 'failed', 'x' FROM generate_series(1, 12000) AS n; \
         ANALYZE"
    ));
}

#[db_test]
async fn a_list_of_few_among_many_looks_at_few_at_a_time(t: DbTest) {
    fill(&t);
    for state in [JobState::Waiting, JobState::Deferred, JobState::Dead] {
        let rare = JobFilter { kind: Some("rare".to_owned()), ..of(state) };
        assert_eq!(pages(&t.db, &t.alice.caller, &rare, 10).await.len(), 2, "{state}");
        let first = PageRequest::new(Some(10), None).unwrap();
        let none = JobFilter { kind: Some("none".to_owned()), ..of(state) };
        let permit = t.alice.caller.permit().unwrap();
        let page = t.db.tenant(&t.alice.caller, move |tx| list(tx, &permit, &none, &first)).await.unwrap();
        assert!(page.items.is_empty() && page.next_cursor.is_some(), "it did not look at all: {page:?}");
    }
}

/// Rows of tables of jobs that this connection has read so far.
fn rows_read(tx: &mut veza_core::TenantTx<'_>) -> Result<i64, Error> {
    #[derive(diesel::QueryableByName)]
    struct Rows {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    let rows = diesel::sql_query(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS rows FROM pg_stat_xact_user_tables \
         WHERE schemaname = 'jobs' AND relname IN ('ready', 'deferred', 'dead', 'leases')",
    );
    Ok(tx.get_result::<Rows, _>(rows)?.rows)
}

#[db_test]
async fn a_page_reads_as_many_rows_as_it_shows(t: DbTest) {
    fill(&t);
    for state in [JobState::Waiting, JobState::Deferred, JobState::Dead] {
        for queue in [None, Some(QueueName::new("work").unwrap())] {
            let filter = JobFilter { queue, ..of(state) };
            // Pages far into the list are as cheap as the first.
            let mut cursor = None::<String>;
            for _ in 0..3 {
                let page = PageRequest::new(Some(200), cursor.as_deref()).unwrap();
                let (permit, asked) = (t.alice.caller.permit().unwrap(), filter.clone());
                let counted = t.db.tenant(&t.alice.caller, move |tx| {
                    let before = rows_read(tx)?;
                    let page = list(tx, &permit, &asked, &page)?;
                    Ok::<_, Error>((page.next_cursor, rows_read(tx)? - before))
                });
                let (next, read) = counted.await.unwrap();
                assert!((201..=210).contains(&read), "{filter:?} read {read} rows");
                assert!(next.is_some());
                cursor = next;
            }
        }
    }
}
