//! Lanes: a tenant's share of a queue.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Deserializer, Serialize};
use veza_core::{FieldError, Query, TenantScope, TenantTx, Write};

use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::queue::QueueName;

/// A tenant's share of a queue, over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, QueryableByName)]
pub struct LaneLimits {
    /// Its share against other tenants, from 1 to 1000: one with 3 gets three times the time of one with 1.
    #[diesel(sql_type = Integer)]
    pub weight: i32,
    /// How many of its jobs run at once; `None` is as many as there are slots.
    #[diesel(sql_type = Nullable<Integer>)]
    pub max_running: Option<i32>,
    /// How many of its jobs begin per minute; `None` is no limit. What is not used is saved up, for a
    /// minute at most.
    #[diesel(sql_type = Nullable<Integer>)]
    pub per_minute: Option<i32>,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { weight: 1, max_running: None, per_minute: None }
    }
}

/// A change of a lane: `None` leaves it as it is, `Some(None)` takes the limit away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneChange {
    /// From 1 to 1000.
    pub weight: Option<i32>,
    /// From 1 to 1000000.
    #[serde(deserialize_with = "given")]
    pub max_running: Option<Option<i32>>,
    /// From 1 to 100000000.
    #[serde(deserialize_with = "given")]
    pub per_minute: Option<Option<i32>>,
}

/// A null that is there takes a limit away; a field that is not there does not.
#[allow(clippy::option_option, reason = "null and nothing differ")]
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<i32>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl LaneChange {
    fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        for (field, value, most, rule) in [
            ("/weight", self.weight, 1_000, "a number from 1 to 1000"),
            ("/max_running", self.max_running.flatten(), 1_000_000, "a number from 1 to 1000000"),
            ("/per_minute", self.per_minute.flatten(), 100_000_000, "a number from 1 to 100000000"),
        ] {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                broken.push(FieldError::new(field, "out_of_range", rule));
            }
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// What a tenant may have of a queue.
pub fn get_lane(tx: &mut impl TenantScope, queue: &QueueName) -> Result<LaneLimits, Error> {
    let lane = diesel::sql_query(
        "SELECT weight, max_running, per_minute FROM jobs.lanes WHERE tenant_id = $1 AND queue = $2",
    );
    let lane = lane.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue.as_str());
    Ok(tx.find_result(lane)?.unwrap_or_default())
}

/// Changes what a tenant may have of a queue: for operators, because tenants share the queue. Jobs that
/// run already count against a cap; none is stopped. A new rate begins with one second's worth.
///
/// # Errors
/// [`Error::Invalid`] for numbers out of range.
pub fn set_lane(tx: &mut TenantTx<'_>, queue: &QueueName, change: &LaneChange) -> Result<LaneLimits, Error> {
    change.check()?;
    let upsert = diesel::sql_query(
        "INSERT INTO jobs.lanes AS l (tenant_id, queue, weight, max_running, per_minute, tokens, refilled_at) \
         VALUES ($1, $2, coalesce($3, 1), $5, $7, greatest(1, $7 / 60.0), $8) \
         ON CONFLICT (tenant_id, queue) DO UPDATE SET \
             weight = coalesce($3, l.weight), \
             max_running = CASE WHEN $4 THEN excluded.max_running ELSE l.max_running END, \
             per_minute = CASE WHEN $6 THEN excluded.per_minute ELSE l.per_minute END, \
             tokens = CASE WHEN $6 AND excluded.per_minute IS DISTINCT FROM l.per_minute \
                           THEN excluded.tokens ELSE l.tokens END, \
             refilled_at = CASE WHEN $6 AND excluded.per_minute IS DISTINCT FROM l.per_minute \
                                THEN excluded.refilled_at ELSE l.refilled_at END \
         RETURNING weight, max_running, per_minute",
    );
    let upsert = upsert
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Text, _>(queue.as_str())
        .bind::<Nullable<Integer>, _>(change.weight)
        .bind::<Bool, _>(change.max_running.is_some())
        .bind::<Nullable<Integer>, _>(change.max_running.flatten())
        .bind::<Bool, _>(change.per_minute.is_some())
        .bind::<Nullable<Integer>, _>(change.per_minute.flatten())
        .bind::<Timestamptz, _>(tx.now());
    let limits: LaneLimits = tx.get_result(upsert)?;
    if limits.max_running.is_some() {
        let count = diesel::sql_query(
            "UPDATE jobs.leases SET limited = true WHERE tenant_id = $1 AND queue = $2 AND NOT limited",
        );
        tx.execute(count.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(queue.as_str()))?;
    }
    tx.signal(CHANNEL, queue.as_str(), i64::MAX);
    Ok(limits)
}
