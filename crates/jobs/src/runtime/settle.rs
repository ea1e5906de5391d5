//! Writes how jobs ended, as many at once as have ended since the last time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use veza_core::fault::{Fault, Kind};
use veza_core::{Db, DbError, DispatchStatement, Reason};

use crate::engine::{self, Ending, Lease};

/// How a job ended.
pub(crate) type Settlement = (Lease, Ending);

/// Endings of one statement at most.
const BATCH: usize = 1_000;
/// While the database is away, endings are kept for so many tries; then the leases run out by themselves.
const TRIES: u32 = 30;

/// Ends leases until all senders are gone.
pub(crate) async fn settle(db: Db, mut endings: mpsc::Receiver<Settlement>) {
    let mut batch = Vec::new();
    while endings.recv_many(&mut batch, BATCH).await > 0 {
        write(&db, std::mem::take(&mut batch)).await;
    }
}

async fn write(db: &Db, batch: Vec<Settlement>) {
    let batch = Arc::new(batch);
    let Err(error) = patiently(db, Arc::clone(&batch)).await else { return };
    tracing::error!(%error, jobs = batch.len(), "how jobs ended cannot be written together; trying one by one");
    for (lease, ending) in batch.iter() {
        if let Err(error) = patiently(db, Arc::new(vec![(*lease, ending.clone())])).await {
            tracing::error!(job.id = %lease.job, %error, "how a job ended cannot be written; it will run again");
        }
    }
}

/// Tries until the database is there, and not again when it refuses.
async fn patiently(db: &Db, batch: Arc<Vec<Settlement>>) -> Result<(), DbError> {
    let mut pause = Duration::from_millis(50);
    for attempt in 1.. {
        let endings = Arc::clone(&batch);
        let ended = if endings.iter().all(|(_, ending)| ending.is_over()) {
            let end = move |tx: &mut DispatchStatement<'_>| engine::end(tx, &endings);
            db.dispatch_statement(Reason("jobs.end"), end).await
        } else {
            db.dispatch(Reason("jobs.end"), move |tx| engine::end(tx, &endings)).await
        };
        match ended {
            Ok(ended) => {
                let late = batch.len() - ended.len();
                if late > 0 {
                    metrics::counter!("veza_jobs_leases_lost_total")
                        .increment(u64::try_from(late).unwrap_or(0));
                    tracing::warn!(jobs = late, "jobs ended whose lease was not held any more");
                }
                return Ok(());
            }
            Err(error) if is_passing(&error) && attempt < TRIES => {
                tracing::warn!(%error, "how jobs ended cannot be written yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &DbError) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Conflict)
}
