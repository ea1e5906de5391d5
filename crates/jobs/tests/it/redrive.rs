//! Redrives take dead letters back in order, at their rate, and survive their process.

use chrono::TimeDelta;
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, Reason};
use veza_jobs::{
    DeadFilter, Error, JobError, Options, Outcome, QueueName, Redrive, RedriveId, RedriveRequest,
    RedriveState, cancel_redrive, enqueue_many, get_redrive, list_redrives, operator, redrive,
};
use veza_testing::{DbTest, TenantTest, db_test, tenant_test};

use crate::work::{Background, Work, Worker, enqueue, eventually, lane_counts, runtime, states, work};

fn all() -> RedriveRequest {
    let filter = DeadFilter::of(QueueName::new("work").unwrap());
    RedriveRequest { filter, per_minute: None, to: None }
}

async fn begin(db: &Db, caller: &Caller, request: RedriveRequest) -> Result<Redrive, Error> {
    let permit = caller.permit()?;
    db.tenant(caller, move |tx| redrive(tx, &permit, &request)).await
}

async fn look(db: &Db, caller: &Caller, id: RedriveId) -> Result<Redrive, Error> {
    let permit = caller.permit()?;
    db.tenant(caller, move |tx| get_redrive(tx, &permit, id)).await
}

/// Jobs of these names that died, each a second after the one before.
async fn bury(t: &DbTest, caller: &Caller, jobs: usize) {
    let batch: Vec<Work> = (0..jobs).map(|number| work(&format!("{number:04}"))).collect();
    t.db.tenant(caller, move |tx| enqueue_many(tx, &batch)).await.unwrap();
    // What happens to a job whose worker is gone after its last attempt.
    t.database.superuser().execute(&format!(
        "INSERT INTO jobs.dead SELECT r.*, r.enqueued_at - interval '1 day' + make_interval(secs => \
             row_number() OVER (ORDER BY rank)), 'lost', 'gone' FROM jobs.ready AS r WHERE tenant_id = '{tenant}'; \
         DELETE FROM jobs.ready WHERE tenant_id = '{tenant}'; \
         INSERT INTO jobs.deltas (tenant_id, queue, waiting, dead) VALUES ('{tenant}', 'work', -{jobs}, {jobs})",
        tenant = caller.tenant()
    ));
}

fn sorted(worker: &Worker) -> Vec<String> {
    let mut names = worker.names();
    names.sort();
    names
}

fn expected(jobs: usize) -> Vec<String> {
    (0..jobs).map(|number| format!("{number:04}")).collect()
}

#[db_test(clock = "manual")]
async fn a_redrive_survives_its_process_and_loses_and_doubles_nothing(t: DbTest) {
    let alice = &t.alice.caller;
    bury(&t, alice, 250).await;
    // A hundred per second, and the clock stands still.
    let begun = begin(&t.db, alice, RedriveRequest { per_minute: Some(6_000), ..all() }).await.unwrap();
    assert_eq!((begun.state, begun.moved), (RedriveState::Running, 0));
    let worker = Worker::content();
    for moved in [100, 200] {
        let background = Background::start(runtime(&t.db, &worker));
        eventually("a step", async || look(&t.db, alice, begun.id).await.unwrap().moved == moved).await;
        background.kill().await;
        let half = look(&t.db, alice, begun.id).await.unwrap();
        assert_eq!((half.state, half.moved, half.skipped), (RedriveState::Running, moved, 0));
        t.clock.advance(TimeDelta::seconds(1));
    }
    // What the killed processes had begun counts as lost once they are missed.
    t.database.superuser().execute("DELETE FROM jobs.processes");
    let background = Background::start(runtime(&t.db, &worker));
    eventually("the end", async || states(&t.db, alice).await == (0, 0, 0, 0, 0)).await;
    background.stop().await;
    let ended = look(&t.db, alice, begun.id).await.unwrap();
    assert_eq!((ended.state, ended.moved, ended.skipped), (RedriveState::Finished, 250, 0));
    let mut names = sorted(&worker);
    names.dedup();
    assert_eq!(names, expected(250), "every job ran");
    let counts = lane_counts(&t.db, alice).await;
    assert_eq!((counts.waiting, counts.running, counts.dead, counts.done), (0, 0, 0, 250));
}

#[db_test]
async fn many_processes_take_turns_and_move_each_job_once_in_order(t: DbTest) {
    bury(&t, &t.alice.caller, 2_500).await;
    bury(&t, &t.mallory.caller, 10).await;
    let idle = Worker::content();
    let second = t.database.open(veza_testing::TestDatabase::small_pool());
    let elsewhere = RedriveRequest { to: Some(QueueName::new("quiet").unwrap()), ..all() };
    let alices = begin(&t.db, &t.alice.caller, elsewhere).await.unwrap();
    let processes = [Background::start(runtime(&t.db, &idle)), Background::start(runtime(&second, &idle))];
    let finished =
        async || look(&t.db, &t.alice.caller, alices.id).await.unwrap().state == RedriveState::Finished;
    eventually("all are moved", finished).await;
    for process in processes {
        process.stop().await;
    }
    assert_eq!(look(&t.db, &t.alice.caller, alices.id).await.unwrap().moved, 2_500);
    assert_eq!(states(&t.db, &t.alice.caller).await, (2_500, 0, 0, 0, 0));
    assert_eq!(states(&t.db, &t.mallory.caller).await, (0, 0, 0, 10, 0), "nobody asked for hers");
    let order = "SELECT string_agg(payload->>'name', ' ' ORDER BY rank, job_id) FROM jobs.ready WHERE queue = 'quiet'";
    let order = t.database.superuser().text(order).unwrap();
    assert_eq!(order.split(' ').collect::<Vec<_>>(), expected(2_500), "oldest death first");
    let lanes = t.db.dispatch(Reason("test"), |tx| operator::lanes(tx, None, None)).await.unwrap();
    let lane = |queue| lanes.iter().find(|l| l.tenant == t.alice.tenant && l.queue == queue).unwrap();
    assert_eq!((lane("quiet").waiting, lane("work").dead), (2_500, 0));
}

#[db_test]
async fn a_taken_key_is_skipped_and_what_dies_again_stays_dead(t: DbTest) {
    let alice = &t.alice.caller;
    let failing = Worker::new(|job, _| match job.name.as_str() {
        "good" => Ok(Outcome::Done),
        _ => Err(JobError::fatal("for ever")),
    });
    let unique = Options::default().unique("1");
    enqueue(&t.db, alice, "unique", unique.clone()).await;
    enqueue(&t.db, alice, "plain", Options::default()).await;
    runtime(&t.db, &failing).drain(alice).await.unwrap();
    enqueue(&t.db, alice, "good", unique.delay(std::time::Duration::from_hours(1))).await;
    let begun = begin(&t.db, alice, all()).await.unwrap();
    let background = Background::start(runtime(&t.db, &failing));
    eventually("plain died again", async || failing.seen().len() == 3).await;
    eventually("both are dead", async || states(&t.db, alice).await == (0, 1, 0, 2, 0)).await;
    background.stop().await;
    let ended = look(&t.db, alice, begun.id).await.unwrap();
    assert_eq!((ended.state, ended.moved, ended.skipped), (RedriveState::Finished, 1, 1));
}

#[db_test(clock = "manual")]
async fn a_cancelled_redrive_stops_where_it_is(t: DbTest) {
    let alice = &t.alice.caller;
    bury(&t, alice, 50).await;
    let begun = begin(&t.db, alice, RedriveRequest { per_minute: Some(600), ..all() }).await.unwrap();
    let worker = Worker::content();
    let background = Background::start(runtime(&t.db, &worker));
    eventually("a step", async || worker.seen().len() == 10).await;
    let permit = t.mallory.caller.permit().unwrap();
    let stranger = t.db.tenant(&t.mallory.caller, move |tx| cancel_redrive(tx, &permit, begun.id)).await;
    assert!(matches!(stranger, Err(Error::NotFound("redrive"))));
    for _ in 0..2 {
        let permit = alice.permit().unwrap();
        let cancelled = t.db.tenant(alice, move |tx| cancel_redrive(tx, &permit, begun.id)).await.unwrap();
        assert_eq!((cancelled.state, cancelled.moved), (RedriveState::Cancelled, 10));
    }
    t.clock.advance(TimeDelta::minutes(1));
    // Whoever looks for redrives has looked again when a new one is done.
    let mut more = all();
    more.filter.kind = Some("test.other".to_owned());
    let other = begin(&t.db, alice, more).await.unwrap();
    let finished = async || look(&t.db, alice, other.id).await.unwrap().state == RedriveState::Finished;
    eventually("the other is done", finished).await;
    background.stop().await;
    assert_eq!(states(&t.db, alice).await, (0, 0, 0, 40, 0));
    assert_eq!(sorted(&worker), expected(10));
}

#[db_test]
async fn tenants_take_turns_however_many_redrives_one_begins(t: DbTest) {
    for (caller, redrives) in [(&t.alice.caller, 3), (&t.mallory.caller, 1)] {
        bury(&t, caller, 10).await;
        for _ in 0..redrives {
            begin(&t.db, caller, all()).await.unwrap();
        }
    }
    let mut superuser = t.database.superuser();
    superuser.execute("SET ROLE veza_jobs");
    let mut turns = Vec::new();
    for _ in 0..6 {
        let turn = superuser
            .text("SELECT tenant_id FROM jobs.step_redrive(clock_timestamp(), 60000000, 2)")
            .unwrap();
        turns.push(turn == t.alice.tenant.to_string());
    }
    // Who begins is open, because neither has had a turn.
    assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
    for caller in [&t.alice.caller, &t.mallory.caller] {
        assert_eq!(states(&t.db, caller).await.0, 6, "two of ten each time");
    }
}

#[tenant_test]
async fn redrives_are_their_tenants_and_keep_to_rules(t: TenantTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let begun = begin(db, alice, all()).await.unwrap();
    assert!(matches!(look(db, &t.mallory.caller, begun.id).await, Err(Error::NotFound("redrive"))));
    let list = async |caller: &Caller| {
        let permit = caller.permit().unwrap();
        let page = PageRequest::new(None, None).unwrap();
        db.tenant(caller, move |tx| list_redrives(tx, &permit, &page)).await.unwrap().items
    };
    assert_eq!(list(alice).await, [begun]);
    assert_eq!(list(&t.mallory.caller).await, []);
    let to_pull = RedriveRequest { to: Some(QueueName::pull("work").unwrap()), ..all() };
    let from_pull = RedriveRequest {
        filter: DeadFilter::of(QueueName::pull("work").unwrap()),
        to: Some(QueueName::new("work").unwrap()),
        per_minute: None,
    };
    for wrong in [to_pull, from_pull, RedriveRequest { per_minute: Some(0), ..all() }] {
        assert!(matches!(begin(db, alice, wrong).await, Err(Error::Invalid(_))));
    }
    for _ in 1..20 {
        begin(db, alice, all()).await.unwrap();
    }
    assert!(matches!(begin(db, alice, all()).await, Err(Error::RedriveLimit)));
    begin(db, &t.mallory.caller, all()).await.unwrap();
    let reader = t.alice.caller_with(&["jobs.jobs.read"]);
    assert!(matches!(begin(db, &reader, all()).await, Err(Error::Forbidden(_))));
}
