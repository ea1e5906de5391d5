//! Telling who came and who went, about once a second.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use veza_core::{Db, DbError, Reason, TenantId};

use super::{Board, Whose, seen};
use crate::bus::{News, Outgoing};

/// How often those who watch are told.
const TELL: Duration = Duration::from_secs(1);
/// How often other processes are told of all who are here: after this many times.
const ALL: u32 = 10;
/// How often it is noted who is here, in case nobody gets to note when they leave.
const NOTE: u32 = 60;
/// People of one statement.
const AT_ONCE: usize = 1_000;

/// Tells until `stop`.
pub(crate) async fn work(board: Arc<Board>, db: Db, outgoing: Outgoing, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = 0_u32;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        round = round.wrapping_add(1);
        let changes = board.changes();
        changes.tell(db.clock().now());
        let mut people = changes.here;
        let gone: Vec<Whose> = people.iter().filter(|(_, here)| !here).map(|(who, _)| *who).collect();
        if round.is_multiple_of(ALL) {
            people.extend(board.here().into_iter().map(|who| (who, true)));
        }
        if !people.is_empty() {
            outgoing.tell(|| News::Presence(people));
        }
        note(&db, if round.is_multiple_of(NOTE) { board.here() } else { gone }).await;
    }
    // Who is here leaves with the process.
    note(&db, board.here()).await;
}

async fn note(db: &Db, people: Vec<Whose>) {
    for part in people.chunks(AT_ONCE) {
        let tenants: HashSet<TenantId> = part.iter().map(|(tenant, _)| *tenant).collect();
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        let part = part.to_vec();
        let noted: Result<(), DbError> =
            db.batch(Reason("chat.seen"), &tenants, move |tx| seen::note(tx, &part)).await;
        if let Err(error) = noted {
            tracing::debug!(%error, "who was there cannot be noted");
        }
    }
}
