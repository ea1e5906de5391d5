//! What a runtime asks the database for when a look says that there is something, whether or not a bell rang.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::Uuid as SqlUuid;
use veza_core::{DbError, DispatchTx, Query, TenantId, Timestamp};

use crate::engine::{self, Backlog};
use crate::id::JobId;
use crate::queue::counted_as;

/// What a runtime has to know.
#[derive(Debug, Default)]
pub(crate) struct Poll {
    pub(crate) backlog: Vec<Backlog>,
    /// Until the next deferred job is due.
    pub(crate) next_due: Option<Duration>,
    pub(crate) cancelled: HashSet<(TenantId, JobId)>,
    pub(crate) suspended: HashSet<TenantId>,
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
    })
}

impl Poll {
    /// Since when the first job of each queue waits; all queues that tenants made are one, as in the totals.
    pub(crate) fn oldest(&self) -> HashMap<String, Timestamp> {
        let mut oldest: HashMap<String, Timestamp> = HashMap::new();
        for lane in &self.backlog {
            let first = oldest.entry(counted_as(&lane.queue).to_owned()).or_insert(lane.ready_at);
            *first = lane.ready_at.min(*first);
        }
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::ALL_PULL;

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
        let backlog =
            vec![lane("mail", 5), lane("pull:a", 9), lane("pull:pull", 7), lane("pull", 8), lane("mail", 3)];
        let poll = Poll { backlog, ..Poll::default() };
        let oldest =
            [("mail", at(3)), ("pull", at(8)), (ALL_PULL, at(7))].map(|(name, at)| (name.to_owned(), at));
        assert_eq!(poll.oldest(), HashMap::from(oldest));
    }
}
