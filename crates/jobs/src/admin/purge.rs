//! Emptying a queue, and doing by steps what is too much for one transaction.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Caller, Permit, Query, TenantScope, TenantTx, Timestamp};

use crate::admin::cancel::end_waiting;
use crate::admin::dead::{self, BATCH, DeadFilter};
use crate::error::Error;
use crate::id::JobId;
use crate::permission::ManageJobs;
use crate::pull;
use crate::queue::QueueName;
use crate::service::Jobs;

/// How far a purge of a queue is. It begins with [`QueuePurge::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueuePurge {
    /// Jobs that were ended so far.
    pub jobs: usize,
    /// The last deferred job that was looked at; `None` until all that waits is gone.
    deferred: Option<JobId>,
    /// Nothing is left.
    pub finished: bool,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    job_id: Uuid,
    #[diesel(sql_type = Text)]
    queue: String,
}

/// Ends jobs of a queue that wait, now or for their time, and were enqueued at `until` or before. What
/// runs goes on, and what is dead stays. Messages of a pull queue go also when somebody has received them, whose
/// receipts are void then, and their deduplication ids stay for their five minutes. One step looks at a thousand
/// jobs of each state at most. [`Jobs::purge_queue`] does all of it.
pub fn purge_queue(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    queue: &QueueName,
    until: Timestamp,
    progress: QueuePurge,
) -> Result<QueuePurge, Error> {
    if queue.is_pull() {
        let removed = usize::try_from(pull::discard(tx, queue, until, false)?).unwrap_or(0);
        return Ok(QueuePurge { jobs: progress.jobs + removed, finished: removed == 0, ..progress });
    }
    if let Some(after) = progress.deferred {
        return purge_deferred(tx, queue, until, after, progress);
    }
    let found = diesel::sql_query(
        "SELECT job_id, queue::text AS queue FROM jobs.ready \
         WHERE tenant_id = $1 AND queue = $2 AND enqueued_at <= $3 \
         ORDER BY rank, job_id LIMIT $4 FOR UPDATE SKIP LOCKED",
    );
    let found = found
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(queue.as_str())
        .bind::<Timestamptz, _>(until)
        .bind::<BigInt, _>(BATCH);
    let found: Vec<Found> = tx.load(found)?;
    let ids: Vec<Uuid> = found.iter().map(|found| found.job_id).collect();
    let ended = end_waiting(tx, &ids)?.len();
    let deferred = ids.is_empty().then_some(JobId::from_uuid(Uuid::nil()));
    Ok(QueuePurge { jobs: progress.jobs + ended, deferred, finished: false })
}

fn purge_deferred(
    tx: &mut TenantTx<'_>,
    queue: &QueueName,
    until: Timestamp,
    after: JobId,
    progress: QueuePurge,
) -> Result<QueuePurge, Error> {
    let found = diesel::sql_query(
        "SELECT job_id, CASE WHEN enqueued_at <= $3 THEN queue::text ELSE '' END AS queue FROM jobs.deferred \
         WHERE tenant_id = $1 AND job_id > $2 ORDER BY job_id LIMIT $4",
    );
    let found = found
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(after)
        .bind::<Timestamptz, _>(until)
        .bind::<BigInt, _>(BATCH);
    let found: Vec<Found> = tx.load(found)?;
    let of_queue = found.iter().filter(|found| found.queue == queue.as_str());
    let ids: Vec<Uuid> = of_queue.map(|found| found.job_id).collect();
    let ended = end_waiting(tx, &ids)?.len();
    let last = found.last().map(|found| JobId::from_uuid(found.job_id));
    let finished = i64::try_from(found.len()).unwrap_or(i64::MAX) < BATCH;
    Ok(QueuePurge { jobs: progress.jobs + ended, deferred: last.or(Some(after)), finished })
}

impl Jobs {
    /// Ends all jobs of a queue that wait at this moment, now or for their time, in one transaction per
    /// thousand; gives their number. What is enqueued meanwhile stays. Of a pull queue, also what was received.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the permission [`ManageJobs`].
    pub async fn purge_queue(&self, caller: &Caller, queue: &QueueName) -> Result<usize, Error> {
        let until = self.db().clock().now();
        let mut progress = QueuePurge::default();
        while !progress.finished {
            let (permit, queue) = (caller.permit()?, queue.clone());
            let step = move |tx: &mut TenantTx<'_>| purge_queue(tx, &permit, &queue, until, progress);
            progress = self.db().tenant(caller, step).await?;
        }
        Ok(progress.jobs)
    }

    /// Deletes all dead letters that `filter` names, in one transaction per thousand; gives their number.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the permission [`ManageJobs`], [`Error::Invalid`] for a filter that
    /// breaks a rule.
    pub async fn purge_dead(&self, caller: &Caller, filter: &DeadFilter) -> Result<usize, Error> {
        let until = filter.until(self.db().clock().now());
        let filter = Arc::new(DeadFilter { died_until: Some(until), ..filter.clone() });
        let (mut jobs, mut from) = (0, None);
        loop {
            let (permit, filter) = (caller.permit()?, Arc::clone(&filter));
            let step = move |tx: &mut TenantTx<'_>| dead::purge_dead(tx, &permit, &filter, from);
            let purged = self.db().tenant(caller, step).await?;
            jobs += purged.jobs;
            from = purged.next;
            if from.is_none() {
                return Ok(jobs);
            }
        }
    }
}
