//! Claims whose answers were lost: PostgreSQL may have leased jobs to us of which we do not know.

use std::time::Duration;

use veza_core::{Db, Reason};

use crate::engine;
use crate::id::Token;

/// When to look for them: at once, and again for a server that went on without us, for as long as it lets
/// a statement run.
const LOOKS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// Before the next try while the database is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Gives back what a claim leased, so that nobody has to wait until the leases expire.
pub(crate) async fn unclaim(db: Db, token: Token) {
    for pause in LOOKS {
        tokio::time::sleep(pause).await;
        loop {
            match db.dispatch(Reason("jobs.unclaim"), move |tx| engine::unclaim(tx, token)).await {
                Ok(0) => break,
                Ok(jobs) => {
                    tracing::warn!(jobs, "jobs were leased by a claim whose answer was lost; they go back");
                    return;
                }
                Err(error) => tracing::warn!(%error, "a lost claim cannot be looked for yet"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
