//! How replays get on: a batch at a time, for all tenants in turn.

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{
    BigInt, Bool, Integer, Json, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use serde_json::Value;
use uuid::Uuid;
use veza_core::{DispatchTx, Query, TenantId, Timestamp, Write};

use super::binding::{scope, wants};
use super::event::{Event, Target, to_json};
use super::replay::BEHIND;
use crate::enqueue::store;
use crate::error::Error;
use crate::id::{EventId, ReplayId};
use crate::pull;

/// Events of one step; their payloads are in memory together.
const BATCH: usize = 32;

/// A lane to which a step brought something.
#[derive(Debug)]
pub(crate) struct Step {
    /// Whom to tell: tenant, queue and the least rank.
    pub(crate) lane: Option<(TenantId, String, i64)>,
}

#[derive(QueryableByName)]
struct Open {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    replay_id: ReplayId,
    #[diesel(sql_type = SqlUuid)]
    binding_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    to_at: Timestamp,
    #[diesel(sql_type = Bool)]
    only_missed: bool,
    #[diesel(sql_type = Timestamptz)]
    position_at: Timestamp,
    #[diesel(sql_type = SqlUuid)]
    position_id: Uuid,
    #[diesel(sql_type = BigInt)]
    replayed: i64,
    #[diesel(sql_type = Timestamptz)]
    created_at: Timestamp,
    #[diesel(sql_type = Text)]
    exchange: String,
    #[diesel(sql_type = Text)]
    pattern: String,
    #[diesel(sql_type = Nullable<Json>)]
    filter: Option<Value>,
    #[diesel(sql_type = Text)]
    filter_scope: String,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Nullable<SmallInt>)]
    max_attempts: Option<i16>,
    /// Of the pull queue.
    #[diesel(sql_type = Nullable<Integer>)]
    max_message_bytes: Option<i32>,
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = SqlUuid)]
    event_id: EventId,
    #[diesel(sql_type = Timestamptz)]
    published_at: Timestamp,
    #[diesel(sql_type = Text)]
    routing_key: String,
    #[diesel(sql_type = SmallInt)]
    hops: i16,
    #[diesel(sql_type = Json)]
    attributes: Value,
    #[diesel(sql_type = Json)]
    body: Value,
    #[diesel(sql_type = Bool)]
    delivered: bool,
    #[diesel(sql_type = Bool)]
    outside: bool,
}

/// Takes the replay that has waited longest one batch further; `None` when none can go on.
pub(crate) fn step(tx: &mut DispatchTx<'_>) -> Result<Option<Step>, Error> {
    let open = diesel::sql_query(
        "SELECT r.tenant_id, r.replay_id, r.binding_id, r.to_at, r.only_missed, r.position_at, r.position_id, r.replayed, \
                r.created_at, b.exchange, b.pattern, b.filter, b.filter_scope, b.queue, \
                q.max_receives::smallint AS max_attempts, q.max_message_bytes \
         FROM jobs.replays AS r JOIN jobs.bindings AS b ON b.tenant_id = r.tenant_id AND b.binding_id = r.binding_id \
         LEFT JOIN jobs.queues AS q \
           ON q.tenant_id = b.tenant_id AND q.name = substr(b.queue, 6) AND b.queue LIKE 'pull:%' \
         WHERE r.finished_at IS NULL AND (r.position_at < $1 - interval '1 second' OR r.to_at <= $1) AND NOT b.paused \
         ORDER BY r.worked_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED",
    );
    let settled = tx.now() - BEHIND;
    let Some(replay) = tx.find_result::<Open, _>(open.bind::<Timestamptz, _>(settled))? else {
        return Ok(None);
    };
    let horizon = replay.to_at.min(settled);
    let events = replay.events(tx, horizon)?;
    let target = Target::binding(replay.queue.clone(), replay.max_attempts, None);
    let mut jobs = Vec::new();
    for kept in &events {
        let event = replay.event(kept);
        let allowed = !kept.outside || target.queue.is_pull();
        if allowed && !(replay.only_missed && kept.delivered) && replay.wants(&event) {
            let payload = to_json(&event)?;
            // The queue may take less by now than when it was published.
            let max = replay.max_message_bytes.unwrap_or(i32::MAX);
            if pull::fits(&target.queue, max, payload.len(), "/body").is_err() {
                continue;
            }
            let mut job = target.job(tx, payload)?;
            // The order of a replay is that of its events, over all its steps.
            let place = replay.replayed + i64::try_from(jobs.len()).unwrap_or(0);
            job.rank = replay.created_at.timestamp_micros() + place;
            jobs.push(job);
        }
    }
    let lane = jobs.first().map(|job| (replay.tenant_id, replay.queue.clone(), job.rank));
    if !jobs.is_empty() {
        store(tx, replay.tenant_id, &jobs)?;
    }
    let position = match events.last() {
        Some(last) if events.len() == BATCH => (last.published_at, last.event_id.as_uuid()),
        // An event that is published at the horizon itself is still to come, unless that is the end.
        _ => (horizon, Uuid::nil()),
    };
    let through = events.len() < BATCH && horizon == replay.to_at;
    replay.advance(tx, position, jobs.len(), through)?;
    Ok(Some(Step { lane }))
}

impl Open {
    fn events(&self, tx: &mut DispatchTx<'_>, horizon: Timestamp) -> Result<Vec<Kept>, Error> {
        let query = diesel::sql_query(
            "SELECT e.event_id, e.published_at, e.routing_key, e.hops, e.attributes, e.body, \
                    $7 = ANY (e.delivered) AS delivered, e.outside \
             FROM jobs.events AS e \
             WHERE e.tenant_id = $1 AND e.exchange = $2 AND (e.published_at, e.event_id) > ($3, $4) \
               AND e.published_at < $5 \
             ORDER BY e.published_at, e.event_id LIMIT $6",
        )
        .bind::<SqlUuid, _>(self.tenant_id)
        .bind::<Text, _>(&self.exchange)
        .bind::<Timestamptz, _>(self.position_at)
        .bind::<SqlUuid, _>(self.position_id)
        .bind::<Timestamptz, _>(horizon)
        .bind::<BigInt, _>(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .bind::<SqlUuid, _>(self.binding_id);
        Ok(tx.load(query)?)
    }

    fn event(&self, kept: &Kept) -> Event {
        Event {
            event_id: kept.event_id,
            exchange: self.exchange.clone(),
            routing_key: kept.routing_key.clone(),
            published_at: kept.published_at,
            hops: u8::try_from(kept.hops).unwrap_or(u8::MAX),
            attributes: kept.attributes.as_object().cloned().unwrap_or_default(),
            body: kept.body.clone(),
        }
    }

    fn wants(&self, event: &Event) -> bool {
        wants(event, &self.pattern, self.filter.as_ref(), scope(&self.filter_scope))
    }

    fn advance(
        &self,
        tx: &mut DispatchTx<'_>,
        (at, id): (Timestamp, Uuid),
        jobs: usize,
        through: bool,
    ) -> Result<(), Error> {
        // The clock, not the transaction's moment: another replay has its turn next.
        let now = tx.clock().now();
        let statement = diesel::sql_query(
            "UPDATE jobs.replays SET position_at = $3, position_id = $4, replayed = replayed + $5, worked_at = $6, \
             finished_at = CASE WHEN $7 THEN $6 END WHERE tenant_id = $1 AND replay_id = $2",
        )
        .bind::<SqlUuid, _>(self.tenant_id)
        .bind::<SqlUuid, _>(self.replay_id)
        .bind::<Timestamptz, _>(at)
        .bind::<SqlUuid, _>(id)
        .bind::<BigInt, _>(i64::try_from(jobs).unwrap_or(i64::MAX))
        .bind::<Timestamptz, _>(now)
        .bind::<Bool, _>(through);
        tx.execute(statement)?;
        Ok(())
    }
}

/// The most days for which any exchange keeps its events.
pub(crate) fn longest_keep(tx: &mut DispatchTx<'_>) -> Result<i32, veza_core::DbError> {
    #[derive(QueryableByName)]
    struct Longest {
        #[diesel(sql_type = SmallInt)]
        days: i16,
    }
    let query = "SELECT coalesce(max(keep_days), 0)::smallint AS days FROM jobs.exchanges";
    Ok(tx.get_result::<Longest, _>(diesel::sql_query(query))?.days.into())
}

/// Forgets replays that were through a week ago.
pub(crate) fn sweep(tx: &mut DispatchTx<'_>) -> Result<(), veza_core::DbError> {
    let before = tx.now() - TimeDelta::days(7);
    let statement = diesel::sql_query("DELETE FROM jobs.replays WHERE finished_at < $1");
    tx.execute(statement.bind::<Timestamptz, _>(before)).map(drop)
}
