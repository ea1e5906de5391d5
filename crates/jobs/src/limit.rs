//! How many things of a kind a tenant may have.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use veza_core::Query;

use crate::error::Error;

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
