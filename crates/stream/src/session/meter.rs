//! What sessions use.
//!
//! A session's row has what it used so far, in absolute numbers. What is told again counts once: the difference to the
//! row is what is metered, in the transaction that writes the row.

use chrono::{Datelike, NaiveDate};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;
use veza_core::{Query, TenantScope, TenantTx, Write, usage};

use super::SessionKind;
use crate::error::Error;
use crate::id::SessionId;
use crate::schema::months;

/// What a session has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Seconds for which media could flow.
    pub(crate) seconds: i64,
    /// Bytes from the peer.
    pub(crate) received: i64,
    /// Bytes to the peer.
    pub(crate) sent: i64,
}

/// What came of noting.
#[derive(Debug, QueryableByName)]
pub(crate) struct Noted {
    #[diesel(sql_type = BigInt)]
    published_seconds: i64,
    #[diesel(sql_type = BigInt)]
    watched_seconds: i64,
    #[diesel(sql_type = BigInt)]
    received: i64,
    #[diesel(sql_type = BigInt)]
    sent: i64,
    /// Those that have not ended: somebody else may have ended others.
    #[diesel(sql_type = Array<SqlUuid>)]
    open: Vec<Uuid>,
}

impl Noted {
    /// Whether a session goes on.
    pub(crate) fn goes_on(&self, session: SessionId) -> bool {
        self.open.contains(&session.as_uuid())
    }
}

const NOTE: &str = "
WITH told AS (
    SELECT * FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[]) AS t (session_id, seconds, received, sent)
), before AS MATERIALIZED (
    SELECT s.session_id, s.kind, s.seconds, s.received_bytes, s.sent_bytes, s.ended_at
    FROM stream.sessions AS s JOIN told AS t ON s.session_id = t.session_id
    WHERE s.tenant_id = $1
    ORDER BY s.session_id FOR NO KEY UPDATE OF s
), noted AS (
    UPDATE stream.sessions AS s
    SET seconds = greatest(s.seconds, t.seconds), received_bytes = greatest(s.received_bytes, t.received),
        sent_bytes = greatest(s.sent_bytes, t.sent), seen_at = $2
    FROM told AS t JOIN before AS b ON b.session_id = t.session_id
    WHERE s.tenant_id = $1 AND s.session_id = t.session_id
)
SELECT coalesce(sum(greatest(t.seconds - b.seconds, 0)) FILTER (WHERE b.kind = 'publisher'), 0)::bigint AS published_seconds,
       coalesce(sum(greatest(t.seconds - b.seconds, 0)) FILTER (WHERE b.kind = 'viewer'), 0)::bigint AS watched_seconds,
       coalesce(sum(greatest(t.received - b.received_bytes, 0)), 0)::bigint AS received,
       coalesce(sum(greatest(t.sent - b.sent_bytes, 0)), 0)::bigint AS sent,
       coalesce(array_agg(b.session_id) FILTER (WHERE b.ended_at IS NULL), '{}') AS open
FROM before AS b JOIN told AS t ON t.session_id = b.session_id";

/// Notes what sessions did, that they are alive, and meters the difference. Also of one that somebody else has ended: its media
/// goes on until the process that holds it hears of that.
pub(crate) fn note(tx: &mut TenantTx<'_>, readings: &[(SessionId, Reading)]) -> Result<Noted, Error> {
    let ids: Vec<Uuid> = readings.iter().map(|(id, _)| id.as_uuid()).collect();
    let of =
        |number: fn(&Reading) -> i64| readings.iter().map(|(_, reading)| number(reading)).collect::<Vec<_>>();
    let query = diesel::sql_query(NOTE)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<Timestamptz, _>(tx.now())
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<BigInt>, _>(of(|reading| reading.seconds))
        .bind::<Array<BigInt>, _>(of(|reading| reading.received))
        .bind::<Array<BigInt>, _>(of(|reading| reading.sent));
    let noted: Noted = tx.get_result(query)?;
    usage::record(tx, "stream.published_seconds", noted.published_seconds)?;
    usage::record(tx, "stream.watched_seconds", noted.watched_seconds)?;
    usage::record(tx, "stream.received_bytes", noted.received)?;
    usage::record(tx, "stream.sent_bytes", noted.sent)?;
    add(tx, noted.published_seconds, noted.watched_seconds)?;
    Ok(noted)
}

/// What a tenant used in a month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable)]
pub(crate) struct Month {
    published_seconds: i64,
    watched_seconds: i64,
}

impl Month {
    /// The seconds of one kind of session.
    pub(crate) fn of(self, kind: SessionKind) -> i64 {
        match kind {
            SessionKind::Publisher => self.published_seconds,
            SessionKind::Viewer => self.watched_seconds,
        }
    }
}

/// What the tenant used in this month.
pub(crate) fn month(tx: &mut impl TenantScope) -> Result<Month, Error> {
    let this = months::table
        .find((tx.tenant(), first_day(tx)))
        .select((months::published_seconds, months::watched_seconds));
    Ok(tx.find_result::<Month, _>(this)?.unwrap_or_default())
}

fn first_day(tx: &impl Query) -> NaiveDate {
    let today = tx.now().date_naive();
    today.with_day(1).unwrap_or(today)
}

fn add(tx: &mut TenantTx<'_>, published: i64, watched: i64) -> Result<(), Error> {
    if published == 0 && watched == 0 {
        return Ok(());
    }
    let row = (
        months::tenant_id.eq(tx.tenant()),
        months::month.eq(first_day(tx)),
        months::published_seconds.eq(published),
        months::watched_seconds.eq(watched),
    );
    let insert = diesel::insert_into(months::table)
        .values(row)
        .on_conflict((months::tenant_id, months::month))
        .do_update()
        .set((
            months::published_seconds.eq(months::published_seconds + published),
            months::watched_seconds.eq(months::watched_seconds + watched),
        ));
    tx.execute(insert)?;
    Ok(())
}
