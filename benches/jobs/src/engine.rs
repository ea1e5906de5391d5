//! The engine's two statements beside those of pgmq, over the same driver.

use std::sync::Barrier;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Json, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

use crate::Outcome;
use crate::machine::{nanos, seconds_since};
use crate::options::Options;
use crate::rounds::Rounds;
use crate::stage::{Stage, VEZA};
use crate::veza::tenant;

const CONNECTIONS: usize = 4;
const PAYLOAD: &str = r#"{"n":123456}"#;

/// What `jobs.claim` gives, and what the library reads of it.
#[derive(QueryableByName)]
#[expect(dead_code, reason = "reading it is part of the work")]
struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    job_id: Uuid,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = BigInt)]
    rank: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = SmallInt)]
    max_attempts: i16,
    #[diesel(sql_type = Integer)]
    timeout_ms: i32,
    #[diesel(sql_type = Timestamptz)]
    enqueued_at: Stamp,
    #[diesel(sql_type = Timestamptz)]
    ready_at: Stamp,
    #[diesel(sql_type = Timestamptz)]
    expires_at: Stamp,
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = Nullable<Json>)]
    meta: Option<serde_json::Value>,
    #[diesel(sql_type = Bool)]
    limited: bool,
}

/// What `pgmq.read` gives.
#[derive(QueryableByName)]
#[expect(dead_code, reason = "reading it is part of the work")]
struct Message {
    #[diesel(sql_type = BigInt)]
    msg_id: i64,
    #[diesel(sql_type = Integer)]
    read_ct: i32,
    #[diesel(sql_type = Timestamptz)]
    enqueued_at: Stamp,
    #[diesel(sql_type = Timestamptz)]
    vt: Stamp,
    #[diesel(sql_type = Jsonb)]
    message: serde_json::Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    headers: Option<serde_json::Value>,
}

type Stamp = diesel::pg::data_types::PgTimestamp;

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = SqlUuid)]
    #[expect(dead_code, reason = "reading it is part of the work")]
    job_id: Uuid,
}

#[derive(QueryableByName)]
struct Deleted {
    #[diesel(sql_type = BigInt)]
    #[expect(dead_code, reason = "reading it is part of the work")]
    msg_id: i64,
}

/// Takes and ends a batch; answers how many there were. `floor` is where the next look may begin.
type Step = fn(&mut PgConnection, batch: usize, floor: &mut i64) -> Outcome<usize>;

struct Way {
    name: &'static str,
    database: &'static str,
    role: &'static str,
    durable: bool,
    step: Step,
}

const WAYS: [Way; 4] = [
    Way {
        name: "veza, ends not awaited on disk (as its runtime)",
        database: VEZA,
        role: "veza_jobs",
        durable: false,
        step: veza,
    },
    Way { name: "veza, synchronous_commit on", database: VEZA, role: "veza_jobs", durable: true, step: veza },
    Way {
        name: "pgmq, as it comes",
        database: "pgmq",
        role: veza_postgres::SUPERUSER,
        durable: true,
        step: pgmq,
    },
    Way {
        name: "pgmq, synchronous_commit off",
        database: "pgmq",
        role: veza_postgres::SUPERUSER,
        durable: false,
        step: pgmq,
    },
];

pub fn run(options: &Options, stage: &Stage) -> Outcome {
    println!("### The engine's statements and pgmq's: {CONNECTIONS} connections, the same driver\n");
    let [veza, durable, pgmq, hasty] = WAYS.map(|way| way.name);
    for batch in [10, 100, 500] {
        // Small batches commit often.
        let jobs = if batch == 10 { options.jobs / 2 } else { options.jobs };
        let rounds = Rounds::run(options.rounds, &[veza, durable, pgmq, hasty], |name| {
            let way = WAYS.into_iter().find(|way| way.name == name).ok_or("no such way")?;
            measure(stage, &way, batch, jobs)
        })?;
        println!("Batches of {batch}:\n");
        let aims = [(veza, pgmq, "1.5"), (veza, hasty, ""), (durable, pgmq, "")];
        rounds.print("jobs/s", &aims);
    }
    Ok(())
}

fn measure(stage: &Stage, way: &Way, batch: usize, jobs: usize) -> Outcome<f64> {
    stage.clear(way.database)?;
    if way.database == VEZA {
        stage.fill(tenant(0), "noop", "bench.noop", PAYLOAD, jobs)?;
    } else {
        stage.connect(way.database)?.batch_execute(&format!(
            "SELECT pgmq.send_batch('noop', array_agg('{PAYLOAD}'::jsonb)) FROM generate_series(1, {jobs})"
        ))?;
    }
    stage.settle(way.database)?;
    let connect = |_| {
        let mut connection = stage.connect_as(way.role, way.database)?;
        let durable = if way.durable { "on" } else { "off" };
        connection.batch_execute(&format!("SET synchronous_commit = {durable}"))?;
        Ok(connection)
    };
    let connections: Vec<PgConnection> = (0..CONNECTIONS).map(connect).collect::<Outcome<_>>()?;
    let barrier = Barrier::new(CONNECTIONS + 1);
    let (began, done) = std::thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|mut connection| {
                let barrier = &barrier;
                scope.spawn(move || -> Outcome<usize> {
                    barrier.wait();
                    let (mut done, mut floor) = (0, 0);
                    loop {
                        match (way.step)(&mut connection, batch, &mut floor)? {
                            0 => return Ok(done),
                            some => done += some,
                        }
                    }
                })
            })
            .collect();
        barrier.wait();
        let began = nanos();
        let done = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_panic| "a thread panicked")?)
            .sum::<Outcome<usize>>();
        (began, done)
    });
    let seconds = seconds_since(began);
    match (done?, stage.left(way.database)?) {
        (done, 0) if done == jobs => Ok(jobs as f64 / seconds),
        (done, left) => Err(format!("{}: {done} of {jobs}, {left} left", way.name).into()),
    }
}

fn veza(connection: &mut PgConnection, batch: usize, floor: &mut i64) -> Outcome<usize> {
    let token = Uuid::from_u128(u128::from(nanos()));
    let claimed: Vec<Claimed> = diesel::sql_query(
        "SELECT tenant_id, job_id, queue, rank, kind, attempt, max_attempts, timeout_ms, enqueued_at, ready_at, \
         expires_at, payload::text, meta, limited FROM jobs.claim(NULL, $1, now(), NULL, $2, $3, $4, $5)",
    )
    .bind::<SqlUuid, _>(token)
    .bind::<Array<SqlUuid>, _>(vec![tenant(0)])
    .bind::<Array<Text>, _>(vec!["noop"])
    .bind::<Array<Integer>, _>(vec![i32::try_from(batch)?])
    .bind::<Array<BigInt>, _>(vec![*floor])
    .load(connection)?;
    if claimed.is_empty() {
        return Ok(0);
    }
    *floor = claimed.iter().map(|job| job.rank).max().unwrap_or(*floor);
    let ended: Vec<Ended> =
        diesel::sql_query("SELECT job_id FROM jobs.finish(now(), $1, $2, $3, $4, $5) AS f (job_id)")
            .bind::<Array<SqlUuid>, _>(claimed.iter().map(|job| job.tenant_id).collect::<Vec<_>>())
            .bind::<Array<SqlUuid>, _>(claimed.iter().map(|job| job.job_id).collect::<Vec<_>>())
            .bind::<Array<SqlUuid>, _>(vec![token; claimed.len()])
            .bind::<Array<Text>, _>(vec!["done"; claimed.len()])
            .bind::<Array<Nullable<Text>>, _>(vec![None::<&str>; claimed.len()])
            .load(connection)?;
    if ended.len() == claimed.len() { Ok(ended.len()) } else { Err("a lease was lost".into()) }
}

fn pgmq(connection: &mut PgConnection, batch: usize, _: &mut i64) -> Outcome<usize> {
    let read: Vec<Message> = diesel::sql_query(
        "SELECT msg_id, read_ct, enqueued_at, vt, message, headers FROM pgmq.read('noop', 300, $1)",
    )
    .bind::<Integer, _>(i32::try_from(batch)?)
    .load(connection)?;
    if read.is_empty() {
        return Ok(0);
    }
    let deleted: Vec<Deleted> = diesel::sql_query("SELECT msg_id FROM pgmq.delete('noop', $1) AS d (msg_id)")
        .bind::<Array<BigInt>, _>(read.iter().map(|message| message.msg_id).collect::<Vec<_>>())
        .load(connection)?;
    if deleted.len() == read.len() { Ok(deleted.len()) } else { Err("a message was lost".into()) }
}
