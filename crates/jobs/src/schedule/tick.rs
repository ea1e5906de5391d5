//! The tick: due schedules, their jobs and their next times in one transaction.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{DbError, DispatchTx, Query, TenantId, Timestamp, Write};

use super::due::due;
use super::row::{COLUMNS, Row};
use crate::enqueue::{NewJob, store};
use crate::error::Error;
use crate::id::ScheduleId;

/// Schedules of one transaction, and bytes of payloads after which it takes no more: it must end within its
/// deadline, or it would begin again with the same ones for ever.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Of those that are due, so many of the oldest take turns by tenant: one tenant may have a thousand.
const IN_TURN: i64 = 5_000;

/// What a tick did.
#[derive(Debug, Default)]
pub(crate) struct Ticked {
    /// To whom jobs came: tenant, queue and the least rank.
    pub(crate) lanes: Vec<(TenantId, String, i64)>,
    /// More may be due.
    pub(crate) more: bool,
    /// When the next one is due that is not due yet.
    pub(crate) next: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(embed)]
    row: Row,
}

/// Enqueues what is due. A tenant that is suspended, or on hold as a whole, does not tick; when that is
/// lifted its ticks were missed.
pub(crate) fn tick(tx: &mut DispatchTx<'_>) -> Result<Ticked, Error> {
    let due = due_now(tx)?;
    let (mut ticked, mut bytes) = (Ticked::default(), 0);
    for place in &due {
        if bytes > BATCH_BYTES {
            ticked.more = true;
            break;
        }
        let Some(schedule) = lock(tx, place)? else { continue };
        // Where all are another process's there is no hurry.
        ticked.more |= due.len() == BATCH;
        if let Some(enqueued) = schedule.run_or_put_off(tx)? {
            bytes += enqueued.bytes;
            ticked.lanes.push((schedule.tenant_id, enqueued.queue, enqueued.rank));
        }
    }
    ticked.next = next(tx)?;
    Ok(ticked)
}

/// What a schedule enqueued.
struct Enqueued {
    queue: String,
    rank: i64,
    bytes: usize,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    schedule_id: ScheduleId,
}

/// Schedules that are due: first one of each tenant, then another of each, and so on.
fn due_now(tx: &mut DispatchTx<'_>) -> Result<Vec<Place>, Error> {
    let query = diesel::sql_query(
        "SELECT d.tenant_id, d.schedule_id FROM ( \
             SELECT s.tenant_id, s.schedule_id, s.next_at FROM jobs.schedules AS s \
             WHERE NOT s.paused AND s.next_at <= $1 \
               AND NOT EXISTS (SELECT FROM jobs.holds AS h \
                               WHERE h.tenant_id IN (s.tenant_id, '00000000-0000-0000-0000-000000000000') AND h.queue = '*') \
             ORDER BY s.next_at LIMIT $2 \
         ) AS d \
         ORDER BY row_number() OVER (PARTITION BY d.tenant_id ORDER BY d.next_at), d.next_at LIMIT $3",
    )
    .bind::<Timestamptz, _>(tx.now())
    .bind::<BigInt, _>(IN_TURN)
    .bind::<BigInt, _>(i64::try_from(BATCH).unwrap_or(i64::MAX));
    Ok(tx.load(query)?)
}

/// The schedule, unless another process is at it or has been.
fn lock(tx: &mut DispatchTx<'_>, place: &Place) -> Result<Option<Due>, Error> {
    let query = diesel::sql_query(format!(
        "SELECT s.tenant_id, {COLUMNS} FROM jobs.schedules AS s \
         WHERE s.tenant_id = $1 AND s.schedule_id = $2 AND NOT s.paused AND s.next_at <= $3 \
         FOR UPDATE OF s SKIP LOCKED"
    ))
    .bind::<SqlUuid, _>(place.tenant_id)
    .bind::<SqlUuid, _>(place.schedule_id)
    .bind::<Timestamptz, _>(tx.now());
    Ok(tx.find_result(query)?)
}

fn next(tx: &mut DispatchTx<'_>) -> Result<Option<Timestamp>, Error> {
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        at: Option<Timestamp>,
    }
    let query = "SELECT min(next_at) AS at FROM jobs.schedules WHERE NOT paused AND next_at > $1";
    let query = diesel::sql_query(query).bind::<Timestamptz, _>(tx.now());
    Ok(tx.get_result::<Next, _>(query)?.at)
}

impl Due {
    /// Runs it; one that cannot tick lets the others.
    fn run_or_put_off(&self, tx: &mut DispatchTx<'_>) -> Result<Option<Enqueued>, Error> {
        match self.run(tx) {
            Err(error @ Error::Db(_)) => Err(error),
            Err(error) => {
                // A zone that this machine does not know, for example. Another process may.
                tracing::error!(schedule.id = %self.row.schedule_id, %error, "a schedule cannot tick");
                self.advance(tx, Some(tx.now() + TimeDelta::hours(1)), None)?;
                Ok(None)
            }
            ran => ran,
        }
    }

    /// Enqueues the ticks that are due.
    fn run(&self, tx: &mut DispatchTx<'_>) -> Result<Option<Enqueued>, Error> {
        let (now, timing) = (tx.now(), self.row.timing()?);
        let first = self.row.next_at.unwrap_or(now).timestamp();
        let ticks = due(&timing, self.row.missed(), first, now.timestamp());
        let jobs = self.jobs(tx, &ticks)?;
        let bytes = jobs.iter().map(|job| job.payload.len()).sum();
        let enqueued =
            jobs.first().map(|job| Enqueued { queue: job.queue.as_str().to_owned(), rank: job.rank, bytes });
        if !jobs.is_empty() {
            store(tx, self.tenant_id, &jobs)?;
        }
        let last = ticks.last().and_then(|tick| DateTime::from_timestamp(*tick, 0));
        self.advance(tx, timing.next(now), last)?;
        Ok(enqueued)
    }

    /// The jobs of those ticks that nobody has enqueued yet, in their order.
    fn jobs(&self, tx: &mut DispatchTx<'_>, ticks: &[i64]) -> Result<Vec<NewJob>, Error> {
        let job = self.row.job();
        let mut jobs = Vec::new();
        for (tick, place) in ticks.iter().zip(0_i64..) {
            let mut job = job.now(tx, self.row.schedule_id, Some(*tick))?;
            job.rank += place;
            jobs.push(job);
        }
        let ids = jobs.iter().map(|job| job.id.as_uuid()).collect();
        let ours = self.record(tx, ticks, ids)?;
        jobs.retain(|job| ours.contains(&job.id.as_uuid()));
        Ok(jobs)
    }

    /// Writes ticks down; gives the jobs of those that were not there.
    fn record(
        &self,
        tx: &mut DispatchTx<'_>,
        ticks: &[i64],
        jobs: Vec<Uuid>,
    ) -> Result<HashSet<Uuid>, Error> {
        #[derive(QueryableByName)]
        struct Recorded {
            #[diesel(sql_type = SqlUuid)]
            job_id: Uuid,
        }
        let moments: Vec<Timestamp> =
            ticks.iter().filter_map(|tick| DateTime::from_timestamp(*tick, 0)).collect();
        let statement = diesel::sql_query(
            "INSERT INTO jobs.schedule_ticks (tenant_id, schedule_id, tick_at, job_id) \
             SELECT $1, $2, n.tick_at, n.job_id FROM unnest($3, $4) AS n (tick_at, job_id) \
             ON CONFLICT DO NOTHING RETURNING job_id",
        )
        .bind::<SqlUuid, _>(self.tenant_id)
        .bind::<SqlUuid, _>(self.row.schedule_id)
        .bind::<Array<Timestamptz>, _>(moments)
        .bind::<Array<SqlUuid>, _>(jobs);
        Ok(tx.load::<Recorded, _>(statement)?.into_iter().map(|recorded| recorded.job_id).collect())
    }

    fn advance(
        &self,
        tx: &mut DispatchTx<'_>,
        next: Option<Timestamp>,
        last: Option<Timestamp>,
    ) -> Result<(), Error> {
        let statement = diesel::sql_query(
            "UPDATE jobs.schedules SET next_at = $3, last_at = coalesce($4, last_at) \
             WHERE tenant_id = $1 AND schedule_id = $2",
        )
        .bind::<SqlUuid, _>(self.tenant_id)
        .bind::<SqlUuid, _>(self.row.schedule_id)
        .bind::<Nullable<Timestamptz>, _>(next)
        .bind::<Nullable<Timestamptz>, _>(last);
        tx.execute(statement)?;
        Ok(())
    }
}

/// Forgets ticks of a week ago: schedules never go back that far.
pub(crate) fn sweep(tx: &mut DispatchTx<'_>) -> Result<(), DbError> {
    let before = tx.now() - TimeDelta::days(7);
    let statement = diesel::sql_query("DELETE FROM jobs.schedule_ticks WHERE tick_at < $1");
    tx.execute(statement.bind::<Timestamptz, _>(before)).map(drop)
}
