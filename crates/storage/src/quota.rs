//! How much a tenant stores and may store, to the byte.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Uuid as SqlUuid};
use serde::Serialize;
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use crate::Error;
use crate::permission::ReadBuckets;

/// What a tenant stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, QueryableByName)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Bytes of what versions show; copies share theirs, and what is only there to be restored does not
    /// count.
    #[diesel(sql_type = BigInt)]
    pub used_bytes: i64,
    /// Bytes set aside for uploads under way.
    #[diesel(sql_type = BigInt)]
    pub reserved_bytes: i64,
    /// The most of both together; no limit when absent.
    #[diesel(sql_type = Nullable<BigInt>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<i64>,
}

/// A change of a tenant's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delta {
    pub(crate) used: i64,
    pub(crate) reserved: i64,
}

impl std::ops::Add for Delta {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { used: self.used + other.used, reserved: self.reserved + other.reserved }
    }
}

impl Delta {
    pub(crate) const fn reserve(bytes: i64) -> Self {
        Self { used: 0, reserved: bytes }
    }

    pub(crate) const fn used(bytes: i64) -> Self {
        Self { used: bytes, reserved: 0 }
    }
}

/// What the tenant stores now. `limit` is that of the deployment, for who has none of its own.
pub fn usage(tx: &mut impl TenantScope, _: &Permit<ReadBuckets>, limit: Option<i64>) -> Result<Usage, Error> {
    let statement = diesel::sql_query(
        "SELECT used_bytes, reserved_bytes, coalesce(limit_bytes, $2) AS limit_bytes FROM storage.usage WHERE tenant_id = $1",
    );
    let statement = statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Nullable<BigInt>, _>(limit);
    Ok(tx.find_result(statement)?.unwrap_or(Usage { limit_bytes: limit, ..Usage::default() }))
}

/// Sets as much aside as `most`, or what is left; answers how much.
pub(crate) fn reserve_some(tx: &mut TenantTx<'_>, most: i64, limit: Option<i64>) -> Result<i64, Error> {
    let now = diesel::sql_query(
        "SELECT used_bytes, reserved_bytes, coalesce(limit_bytes, $2) AS limit_bytes FROM storage.usage \
         WHERE tenant_id = $1 FOR UPDATE",
    );
    let now: Option<Usage> =
        tx.find_result(now.bind::<SqlUuid, _>(tx.tenant()).bind::<Nullable<BigInt>, _>(limit))?;
    let now = now.unwrap_or(Usage { limit_bytes: limit, ..Usage::default() });
    let left = now.limit_bytes.map_or(most, |limit| limit - now.used_bytes - now.reserved_bytes);
    let some = most.min(left).max(0);
    change(tx, Delta::reserve(some), limit)?;
    Ok(some)
}

/// Changes the sums. All changes of a tenant wait for each other here, so it comes last in a transaction:
/// whoever waits for a key or a content meanwhile must not hold it up.
///
/// # Errors
/// [`Error::QuotaExceeded`] when it makes them more, and more than the limit.
pub(crate) fn change(tx: &mut TenantTx<'_>, delta: Delta, limit: Option<i64>) -> Result<(), Error> {
    if delta == Delta::default() || add(tx, delta, limit)? {
        return Ok(());
    }
    let begin = "INSERT INTO storage.usage (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING";
    tx.execute(diesel::sql_query(begin).bind::<SqlUuid, _>(tx.tenant()))?;
    if add(tx, delta, limit)? { Ok(()) } else { Err(Error::QuotaExceeded) }
}

fn add(tx: &mut TenantTx<'_>, delta: Delta, limit: Option<i64>) -> Result<bool, Error> {
    let statement = diesel::sql_query(
        "UPDATE storage.usage SET used_bytes = used_bytes + $2, reserved_bytes = reserved_bytes + $3 \
         WHERE tenant_id = $1 AND ($2 + $3 <= 0 OR coalesce(limit_bytes, $4) IS NULL \
                                   OR used_bytes + reserved_bytes + $2 + $3 <= coalesce(limit_bytes, $4))",
    );
    let statement = statement
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<BigInt, _>(delta.used)
        .bind::<BigInt, _>(delta.reserved)
        .bind::<Nullable<BigInt>, _>(limit);
    Ok(tx.execute(statement)? == 1)
}
