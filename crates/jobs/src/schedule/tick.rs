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

/// Schedules of one transaction.
const BATCH: usize = 100;

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
    let query = diesel::sql_query(format!(
        "SELECT s.tenant_id, {COLUMNS} FROM jobs.schedules AS s \
         WHERE NOT s.paused AND s.next_at <= $1 \
           AND NOT EXISTS (SELECT FROM jobs.holds AS h \
                           WHERE h.tenant_id IN (s.tenant_id, '00000000-0000-0000-0000-000000000000') AND h.queue = '*') \
         ORDER BY s.next_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED"
    ))
    .bind::<Timestamptz, _>(tx.now())
    .bind::<BigInt, _>(i64::try_from(BATCH).unwrap_or(i64::MAX));
    let schedules: Vec<Due> = tx.load(query)?;
    let mut ticked = Ticked { more: schedules.len() == BATCH, ..Ticked::default() };
    for schedule in &schedules {
        if let Some((queue, rank)) = schedule.run(tx)? {
            ticked.lanes.push((schedule.tenant_id, queue, rank));
        }
    }
    ticked.next = next(tx)?;
    Ok(ticked)
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
    /// Enqueues the ticks that are due; gives the queue that got a job, and its rank.
    fn run(&self, tx: &mut DispatchTx<'_>) -> Result<Option<(String, i64)>, Error> {
        let now = tx.now();
        let timing = match self.row.timing() {
            Ok(timing) => timing,
            Err(error) => {
                // A zone that this machine does not know, for example. Another process may.
                tracing::error!(schedule.id = %self.row.schedule_id, %error, "a schedule cannot tick");
                self.advance(tx, Some(now + TimeDelta::hours(1)), None)?;
                return Ok(None);
            }
        };
        let first = self.row.next_at.unwrap_or(now).timestamp();
        let ticks = due(&timing, self.row.missed(), first, now.timestamp());
        let jobs = self.jobs(tx, &ticks)?;
        let lane = jobs.first().map(|job| (job.queue.as_str().to_owned(), job.rank));
        if !jobs.is_empty() {
            store(tx, self.tenant_id, &jobs)?;
        }
        let last = ticks.last().and_then(|tick| DateTime::from_timestamp(*tick, 0));
        self.advance(tx, timing.next(now), last)?;
        Ok(lane)
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
