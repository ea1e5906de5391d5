//! When somebody was there last, kept for when they are not.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use veza_core::{BatchTx, DbError, Query, TenantScope, Timestamp, Write};

use super::Whose;
use crate::id::MemberId;

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = SqlUuid)]
    member_id: MemberId,
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
}

/// When people of a tenant were there last.
pub(crate) fn last_seen(
    tx: &mut impl TenantScope,
    members: &[MemberId],
) -> Result<Vec<(MemberId, Timestamp)>, DbError> {
    let query = diesel::sql_query(
        "SELECT member_id, at FROM chat.last_seen WHERE tenant_id = $1 AND member_id = ANY ($2)",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Array<SqlUuid>, _>(members);
    let rows: Vec<Seen> = tx.load(query)?;
    Ok(rows.into_iter().map(|row| (row.member_id, row.at)).collect())
}

/// Notes that people are there now, or were a moment ago.
pub(super) fn note(tx: &mut BatchTx<'_>, people: &[Whose]) -> Result<(), DbError> {
    let now = tx.now();
    let statement = diesel::sql_query(
        "INSERT INTO chat.last_seen AS s (tenant_id, member_id, at) \
         SELECT u.tenant_id, u.member_id, $3 FROM unnest($1, $2) AS u (tenant_id, member_id) \
         ORDER BY 1, 2 \
         ON CONFLICT (tenant_id, member_id) DO UPDATE SET at = greatest(s.at, excluded.at)",
    )
    .bind::<Array<SqlUuid>, _>(people.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(people.iter().map(|(_, member)| *member).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now);
    tx.execute(statement).map(drop)
}
