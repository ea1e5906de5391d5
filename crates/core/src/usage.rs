//! What a tenant uses, noted in the transaction that uses it: either both happened or neither.

use diesel::prelude::*;
use uuid::Uuid;

use crate::db::{DbError, Query, TenantScope, TenantTx, Write};
use crate::id::uuid_v7;
use crate::schema::usage_events;

/// Notes that the tenant used `quantity` of `kind` (`tenant.api_keys`, `storage.bytes`).
pub fn record(tx: &mut TenantTx<'_>, kind: &'static str, quantity: impl Into<i64>) -> Result<(), DbError> {
    let event = uuid_v7(tx.now(), tx.random());
    record_once(tx, event, kind, quantity).map(drop)
}

/// The same for an event with an id of its own, such as a job's; answers whether it counted, which
/// it does only the first time.
pub fn record_once(
    tx: &mut TenantTx<'_>,
    event: Uuid,
    kind: &'static str,
    quantity: impl Into<i64>,
) -> Result<bool, DbError> {
    let quantity = quantity.into();
    if quantity <= 0 {
        return Ok(false);
    }
    let row = (
        usage_events::tenant_id.eq(tx.tenant()),
        usage_events::event_id.eq(event),
        usage_events::kind.eq(kind),
        usage_events::quantity.eq(quantity),
        usage_events::occurred_at.eq(tx.now()),
    );
    let counted =
        tx.execute(diesel::insert_into(usage_events::table).values(row).on_conflict_do_nothing())?;
    Ok(counted == 1)
}
