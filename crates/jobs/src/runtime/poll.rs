//! What a runtime asks the database once a second, whether or not a bell rang.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::Uuid as SqlUuid;
use veza_core::{DbError, DispatchTx, Query, TenantId, Timestamp};

use crate::admin::QueueCounts;
use crate::engine::{self, Backlog};
use crate::id::JobId;

/// What a runtime has to know.
#[derive(Debug, Default)]
pub(crate) struct Poll {
    pub(crate) backlog: Vec<Backlog>,
    /// Until the next deferred job is due.
    pub(crate) next_due: Option<Duration>,
    pub(crate) cancelled: HashSet<(TenantId, JobId)>,
    pub(crate) suspended: HashSet<TenantId>,
    totals: Vec<QueueCounts>,
}

#[derive(QueryableByName)]
struct Cancelled {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    job_id: JobId,
}

#[derive(QueryableByName)]
struct Suspended {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
}

/// Jobs moved from deferred to ready at once, and of one tenant when there are more.
const PROMOTED: i32 = 2_000;
const PROMOTED_PER_TENANT: i32 = 500;

/// Asks everything in one transaction.
pub(crate) fn poll(tx: &mut DispatchTx<'_>) -> Result<Poll, DbError> {
    let moved: i64 = engine::promote(tx, PROMOTED, None)?.iter().map(|lane| lane.count).sum();
    let more = moved >= i64::from(PROMOTED);
    if more {
        // So many that tenants would wait behind each other: now everybody has a turn.
        engine::promote(tx, PROMOTED, Some(PROMOTED_PER_TENANT))?;
    }
    let now = tx.now();
    let until = |at: Timestamp| (at - now).max(TimeDelta::zero()).to_std().unwrap_or_default();
    let next_due = if more { Some(Duration::ZERO) } else { engine::next_due(tx)?.map(until) };
    let cancelled = "SELECT tenant_id, job_id FROM jobs.cancellations";
    let suspended = "SELECT DISTINCT tenant_id FROM jobs.holds WHERE held_by = 'suspension'";
    let cancelled: Vec<Cancelled> = tx.load(diesel::sql_query(cancelled))?;
    let suspended: Vec<Suspended> = tx.load(diesel::sql_query(suspended))?;
    Ok(Poll {
        backlog: engine::backlog(tx)?,
        next_due,
        cancelled: cancelled.into_iter().map(|c| (c.tenant_id, c.job_id)).collect(),
        suspended: suspended.into_iter().map(|s| s.tenant_id).collect(),
        totals: tx.load(diesel::sql_query("SELECT * FROM jobs.totals"))?,
    })
}

impl Poll {
    /// Puts the numbers where `/metrics` shows them, for the queues that this program has.
    pub(crate) fn show<'q>(&self, queues: impl Iterator<Item = &'q str>, now: Timestamp) {
        let known: HashSet<&str> = queues.collect();
        let oldest = self.oldest();
        for total in
            self.totals.iter().filter(|total| known.contains(total.queue.as_str()) || total.queue == "pull")
        {
            show(total);
            let age = oldest.get(total.queue.as_str()).map_or(0, |at| (now - *at).num_milliseconds().max(0));
            metrics::gauge!("veza_jobs_oldest_seconds", "queue" => total.queue.clone()).set(seconds(age));
        }
    }

    /// Since when the first job of each queue waits; all queues that tenants made are one, as in the totals.
    fn oldest(&self) -> HashMap<&str, Timestamp> {
        let mut oldest: HashMap<&str, Timestamp> = HashMap::new();
        for lane in &self.backlog {
            let queue = if lane.queue.starts_with("pull:") { "pull" } else { lane.queue.as_str() };
            let first = oldest.entry(queue).or_insert(lane.ready_at);
            *first = lane.ready_at.min(*first);
        }
        oldest
    }
}

fn show(total: &QueueCounts) {
    let queue = || total.queue.clone();
    metrics::gauge!("veza_jobs_waiting", "queue" => queue()).set(number(total.waiting));
    metrics::gauge!("veza_jobs_deferred", "queue" => queue()).set(number(total.deferred));
    metrics::gauge!("veza_jobs_running", "queue" => queue()).set(number(total.running));
    metrics::gauge!("veza_jobs_dead", "queue" => queue()).set(number(total.dead));
    let since_ever = |jobs: i64| u64::try_from(jobs).unwrap_or(0);
    metrics::counter!("veza_jobs_enqueued_total", "queue" => queue()).absolute(since_ever(total.enqueued));
    metrics::counter!("veza_jobs_done_total", "queue" => queue()).absolute(since_ever(total.done));
    metrics::counter!("veza_jobs_failed_total", "queue" => queue()).absolute(since_ever(total.failed));
    metrics::counter!("veza_jobs_died_total", "queue" => queue()).absolute(since_ever(total.died));
    metrics::counter!("veza_jobs_cancelled_total", "queue" => queue()).absolute(since_ever(total.cancelled));
}

#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric is a float")]
fn number(jobs: i64) -> f64 {
    jobs as f64
}

fn seconds(milliseconds: i64) -> f64 {
    number(milliseconds) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_all_pull_queues_is_that_of_the_oldest() {
        let at = |second| Timestamp::from_timestamp(second, 0).unwrap();
        let lane = |queue: &str, second| Backlog {
            tenant_id: TenantId::from_verified(uuid::Uuid::nil()),
            queue: queue.to_owned(),
            rank: 0,
            ready_at: at(second),
            weight: 1,
            limited: false,
        };
        let backlog = vec![lane("mail", 5), lane("pull:a", 9), lane("pull:b", 7), lane("mail", 3)];
        let poll = Poll { backlog, ..Poll::default() };
        assert_eq!(poll.oldest(), HashMap::from([("mail", at(3)), ("pull", at(7))]));
    }
}
