//! Sessions whose process is gone, and old ones.

use chrono::TimeDelta;
use diesel::prelude::*;
use veza_core::{Query, SystemTx, TenantId, Write};

use crate::error::Error;
use crate::id::SessionId;
use crate::schema::sessions;

/// A session that was not seen for so many seconds is lost. Processes see theirs every ten.
pub(crate) const SILENCE: i64 = 40;

/// How many are looked at, or removed, at once.
const BATCH: i64 = 1_000;

/// Sessions that nobody holds any more.
pub(crate) fn lost(tx: &mut SystemTx<'_>) -> Result<Vec<(TenantId, SessionId)>, Error> {
    let silent = tx.now() - TimeDelta::seconds(SILENCE);
    let query = sessions::table
        .filter(sessions::ended_at.is_null().and(sessions::seen_at.lt(silent)))
        .select((sessions::tenant_id, sessions::session_id))
        .limit(BATCH);
    Ok(tx.load(query)?)
}

/// Removes some of those that ended more than `days` ago; answers how many.
pub(crate) fn forget(tx: &mut SystemTx<'_>, days: u32) -> Result<usize, Error> {
    let before = tx.now() - TimeDelta::days(days.into());
    let old = sessions::table
        .filter(sessions::ended_at.lt(before))
        .select((sessions::tenant_id, sessions::session_id))
        .limit(BATCH);
    let old: Vec<(TenantId, SessionId)> = tx.load(old)?;
    let mut removed = 0;
    for (tenant, session) in old {
        removed += tx.execute(diesel::delete(sessions::table.find((tenant, session))))?;
    }
    Ok(removed)
}
