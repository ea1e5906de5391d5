//! Replays: kept events on their way to a binding once more.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp};

use super::binding;
use super::exchange::{self, Exchange};
use crate::error::Error;
use crate::id::{BindingId, ReplayId};
use crate::limit::within;
use crate::permission::{ManageJobs, ReadJobs};

/// Replays of one binding that are under way.
pub const MAX_REPLAYS: i64 = 5;

/// How far a replay stays behind the present: longer than a transaction may take, so that an event
/// whose publisher commits late is not passed by.
pub(super) const BEHIND: TimeDelta = TimeDelta::minutes(1);

/// Kept events on their way to a binding once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Replay {
    /// The replay.
    #[diesel(sql_type = SqlUuid, column_name = replay_id)]
    #[serde(rename = "replay_id")]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub id: ReplayId,
    /// Who gets them.
    #[diesel(sql_type = SqlUuid)]
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub binding_id: BindingId,
    /// What was published from then on.
    #[diesel(sql_type = Timestamptz, column_name = from_at)]
    pub from: DateTime<Utc>,
    /// And before then.
    #[diesel(sql_type = Timestamptz, column_name = to_at)]
    pub to: DateTime<Utc>,
    /// How many are in the queue so far.
    #[diesel(sql_type = BigInt)]
    pub replayed: i64,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it was through.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "replay_id, binding_id, from_at, to_at, replayed, created_at, finished_at";

/// Sends a binding the kept events that it wants and that were published from `from` on and before `to`,
/// in their order, whether or not it got them before. It begins within seconds, stays a minute behind the
/// present, goes on after restarts, and brings each event once. What is larger than the pull queue takes by now
/// is left out. What was published before the exchange
/// was made, or longer ago than it keeps events, is gone.
pub fn replay(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    id: BindingId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Replay, Error> {
    let binding = binding::find(tx, id)?;
    if from > to || from > tx.now() {
        return Err(Error::field("/from", "out_of_range", "not after `to`, and not in the future"));
    }
    if to > tx.now() {
        return Err(Error::field("/to", "out_of_range", "not in the future"));
    }
    let exchange = exchange::find(tx, &binding.exchange, "FOR UPDATE")?;
    let count = diesel::sql_query(
        "SELECT count(*) AS count FROM jobs.replays \
         WHERE tenant_id = $1 AND binding_id = $2 AND finished_at IS NULL",
    );
    let count = count.bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(id);
    within(tx, count, "replay", MAX_REPLAYS)?;
    insert(tx, &exchange, id, from, to, false)
}

/// What a new binding missed. It covers the present as well, because somebody may be publishing who
/// does not know the binding yet; who does, writes into the event that the binding has it.
pub(super) fn missed(
    tx: &mut TenantTx<'_>,
    exchange: &Exchange,
    id: BindingId,
    from: Timestamp,
) -> Result<Replay, Error> {
    if from > tx.now() {
        return Err(Error::field("/from", "out_of_range", "not in the future"));
    }
    let to = tx.now() + BEHIND;
    insert(tx, exchange, id, from, to, true)
}

fn insert(
    tx: &mut TenantTx<'_>,
    exchange: &Exchange,
    id: BindingId,
    from: Timestamp,
    to: Timestamp,
    only_missed: bool,
) -> Result<Replay, Error> {
    // So a replay never reaches back to an exchange of the same name that was removed.
    let from = from.max(exchange.kept_since(tx.now()));
    let insert = diesel::sql_query(format!(
        "INSERT INTO jobs.replays (tenant_id, replay_id, binding_id, from_at, to_at, only_missed, position_at, \
         position_id, worked_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $4, $7, $8, $8) RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(tx.new_id::<crate::id::ReplayNoun>())
    .bind::<SqlUuid, _>(id)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(to.max(from))
    .bind::<Bool, _>(only_missed)
    .bind::<SqlUuid, _>(Uuid::nil())
    .bind::<Timestamptz, _>(tx.now());
    Ok(tx.get_result(insert)?)
}

/// Replays of a binding, oldest first; those that are through are shown for a week.
///
/// # Errors
/// [`Error::NotFound`] when there is no such binding.
pub fn replays(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    binding: BindingId,
    page: &PageRequest<ReplayId>,
) -> Result<Page<Replay>, Error> {
    binding::find(tx, binding)?;
    let query = diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM jobs.replays WHERE tenant_id = $1 AND binding_id = $2 \
         AND ($3 IS NULL OR replay_id > $3) ORDER BY replay_id LIMIT $4"
    ))
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(binding)
    .bind::<Nullable<SqlUuid>, _>(page.after)
    .bind::<BigInt, _>(page.fetch());
    Ok(Page::new(page, tx.load(query)?, |replay: &Replay| replay.id))
}
