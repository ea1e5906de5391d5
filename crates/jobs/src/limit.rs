//! How many things of a kind a tenant may have.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use veza_core::{Query, TenantScope, TenantTx, Write};

use crate::error::Error;

/// Lets one transaction of the tenant at a time make a thing, until it ends: without it two that count at once
/// get past the limit together.
pub(crate) fn one_at_a_time(tx: &mut TenantTx<'_>, table: &'static str) -> Result<(), Error> {
    let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1 || ':' || $2::text, 0))");
    tx.execute(lock.bind::<Text, _>(table).bind::<SqlUuid, _>(tx.tenant()))?;
    Ok(())
}

/// Refuses what would be more than `max`; `count` need not count further. It must be a statement that begins
/// after others were kept out.
pub(crate) fn within<'q, Q>(tx: &mut impl Query, count: Q, noun: &'static str, max: i64) -> Result<(), Error>
where
    Q: diesel::query_dsl::methods::LoadQuery<'q, diesel::PgConnection, Count>,
{
    if tx.get_result::<Count, _>(count)?.count >= max {
        Err(Error::LimitReached { noun, max })
    } else {
        Ok(())
    }
}

#[derive(QueryableByName)]
pub(crate) struct Count {
    #[diesel(sql_type = BigInt)]
    pub(crate) count: i64,
}
