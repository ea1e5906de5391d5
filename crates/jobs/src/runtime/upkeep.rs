//! What some process has to do for all: beats, rescues, sums, partitions. All may do it at once.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use veza_core::{DbError, DispatchStatement, Reason, Timestamp};

use crate::engine;
use crate::error::Error;
use crate::pull;
use crate::runtime::Shared;
use crate::runtime::look::{LOOK, Look, when};
use crate::{schedule, topic};

/// How often a process says that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// How often day partitions are seen to.
const ROTATE: Duration = Duration::from_mins(30);
/// How often pull queues are swept of what is too old, and cancellations of jobs that ended are forgotten.
const EXPIRE: Duration = Duration::from_mins(1);
/// Rows of one statement.
const FOLDED: i32 = 20_000;
const RESCUED: i32 = 1_000;

/// Says that the process is alive; answers whether it was thought dead.
pub(crate) async fn beat(shared: &Shared) -> Result<bool, DbError> {
    let (process, name) = (shared.process, format!("pid {}", std::process::id()));
    let beat = move |tx: &mut DispatchStatement<'_>| engine::beat(tx, process, &name);
    shared.jobs.db().dispatch_statement(Reason("jobs.beat"), beat).await
}

/// Does all of it until `ended`; tells `lost` when others may have taken our jobs.
pub(crate) async fn run(
    shared: Arc<Shared>,
    ended: CancellationToken,
    lost: Arc<Notify>,
    looks: watch::Receiver<Look>,
) {
    let steady = Arc::new(Steady::default());
    let beats = every(BEAT, &shared, &ended, |shared| {
        let (lost, steady) = (Arc::clone(&lost), Arc::clone(&steady));
        async move { still_alive(&shared, &lost, &steady).await }
    });
    let silence = shared.jobs.config().silence.as_duration();
    let rescues = every(silence / 3, &shared, &ended, |shared| {
        let steady = steady.for_at_least(silence);
        async move {
            if steady {
                report("leases cannot be rescued", rescue(&shared, Some(silence)).await);
            }
        }
    });
    let visible = when(
        looks.clone(),
        |look| look.expired,
        async |_| {
            report("messages cannot be made visible", rescue(&shared, None).await);
        },
    );
    let sums = when(
        looks.clone(),
        |look| look.uncounted,
        async |_| {
            report("jobs cannot be counted", fold(&shared).await);
        },
    );
    let days = every(ROTATE, &shared, &ended, |shared| async move {
        report("old jobs cannot be swept", rotate(&shared).await);
    });
    let redrives = when(
        looks.clone(),
        |look| look.redriving,
        async |_| {
            report("dead letters cannot be taken back", redrive(&shared, &ended).await);
        },
    );
    let ages = every(EXPIRE, &shared, &ended, |shared| async move {
        report("old messages cannot be removed", expire(&shared).await);
    });
    let replays = when(
        looks.clone(),
        |look| look.replaying,
        async |_| {
            report("events cannot be replayed", replay(&shared).await);
        },
    );
    let ticks = when(
        looks.clone(),
        |look| look.tick_at.is_some(),
        async |look| {
            report("schedules cannot tick", ticks(&shared, look.tick_at, &ended).await);
        },
    );
    tokio::join!(beats, rescues, visible, sums, days, redrives, ages, replays, ticks);
}

/// Since when the database has heard every beat. After an outage the beats of all processes are old, and
/// who came back first must not take the others for dead.
#[derive(Debug, Default)]
struct Steady(Mutex<Option<Instant>>);

impl Steady {
    fn note(&self, heard: bool) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if heard { since.or_else(|| Some(Instant::now())) } else { None };
    }

    fn for_at_least(&self, period: Duration) -> bool {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= period)
    }
}

async fn every<F, Fut>(period: Duration, shared: &Arc<Shared>, ended: &CancellationToken, step: F)
where
    F: Fn(Arc<Shared>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut ticks = tokio::time::interval_at(Instant::now() + period.min(LOOK), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while ended.run_until_cancelled(ticks.tick()).await.is_some() {
        step(Arc::clone(shared)).await;
    }
}

async fn still_alive(shared: &Shared, lost: &Notify, steady: &Steady) {
    let alive = beat(shared).await;
    steady.note(alive.is_ok());
    match alive {
        Ok(true) => {
            tracing::error!(
                "this process was silent for so long that its jobs went to others; it stops them"
            );
            lost.notify_one();
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "cannot say that this process is alive"),
    }
}

fn report<E: std::fmt::Display>(what: &'static str, outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}

/// Takes back what was received and not ended in time; with `silence` also what was lost with processes.
async fn rescue(shared: &Shared, silence: Option<Duration>) -> Result<(), DbError> {
    let silence = silence.map(|silence| TimeDelta::from_std(silence).unwrap_or(TimeDelta::MAX));
    loop {
        let rescue = move |tx: &mut DispatchStatement<'_>| engine::rescue(tx, silence, RESCUED);
        let rescued = shared.jobs.db().dispatch_statement(Reason("jobs.rescue"), rescue).await?;
        let count: i64 = rescued.iter().map(|lane| lane.count).sum();
        if count > 0 && silence.is_some() {
            metrics::counter!("veza_jobs_rescued_total").increment(u64::try_from(count).unwrap_or(0));
            tracing::warn!(jobs = count, "jobs were taken back from workers that went away");
        }
        for lane in rescued {
            shared.bells.ring(&lane.queue, lane.tenant_id, lane.rank);
        }
        if count < i64::from(RESCUED) {
            return Ok(());
        }
    }
}

async fn fold(shared: &Shared) -> Result<(), DbError> {
    while shared.jobs.db().dispatch(Reason("jobs.fold"), |tx| engine::fold(tx, FOLDED)).await? >= FOLDED {}
    Ok(())
}

/// Goes on with redrives, each in its turn, until none is due. Any number of processes may.
async fn redrive(shared: &Shared, ended: &CancellationToken) -> Result<(), DbError> {
    while !ended.is_cancelled() {
        let stepped = shared.jobs.db().dispatch(Reason("jobs.redrive"), crate::admin::redrive::step).await?;
        let Some(lane) = stepped else { return Ok(()) };
        metrics::counter!("veza_jobs_redriven_total").increment(u64::try_from(lane.count).unwrap_or(0));
        if let Some(rank) = lane.rank {
            shared.bells.ring(&lane.queue, lane.tenant_id, rank);
        }
    }
    Ok(())
}

async fn rotate(shared: &Shared) -> Result<(), DbError> {
    let days = i32::from(shared.jobs.config().keep_days);
    let step = move |tx: &mut veza_core::DispatchTx<'_>| {
        engine::rotate(tx, "done", days)?;
        let keep = topic::longest_keep(tx)?;
        engine::rotate(tx, "events", keep)?;
        topic::sweep_replays(tx)?;
        schedule::sweep(tx)?;
        engine::sweep(tx)?;
        crate::admin::redrive::sweep(tx)
    };
    shared.jobs.db().dispatch(Reason("jobs.sweep"), step).await
}

async fn expire(shared: &Shared) -> Result<(), DbError> {
    shared.jobs.db().dispatch(Reason("jobs.forget"), engine::forget).await?;
    loop {
        let (mut more, mut next) = (false, Some((uuid::Uuid::nil(), String::new())));
        while let Some(after) = next {
            let step = move |tx: &mut veza_core::DispatchTx<'_>| pull::expire(tx, &after);
            let swept = shared.jobs.db().dispatch(Reason("jobs.expire"), step).await?;
            more |= swept.more;
            next = swept.next;
        }
        if !more {
            return Ok(());
        }
    }
}

/// Takes replays further, in turn, until none can go on.
async fn replay(shared: &Shared) -> Result<(), Error> {
    while let Some(step) = shared.jobs.db().dispatch(Reason("jobs.replay"), topic::replay_step).await? {
        if let Some((tenant, queue, rank)) = step.lane {
            shared.bells.ring(&queue, tenant, rank);
        }
    }
    Ok(())
}

/// Enqueues what is due until the next look.
async fn ticks(shared: &Shared, at: Option<Timestamp>, ended: &CancellationToken) -> Result<(), Error> {
    let until = Instant::now() + LOOK;
    let mut next = at;
    while let Some(at) = next {
        let wait = (at - shared.jobs.db().clock().now()).to_std().unwrap_or_default();
        let pause = tokio::time::sleep(wait);
        if Instant::now() + wait > until || ended.run_until_cancelled(pause).await.is_none() {
            return Ok(());
        }
        let ticked = shared.jobs.db().dispatch(Reason("jobs.tick"), schedule::tick).await?;
        for (tenant, queue, rank) in ticked.lanes {
            shared.bells.ring(&queue, tenant, rank);
        }
        // When all that is due is another process's, or on hold, it is at the next look again.
        next = if ticked.more { Some(at) } else { ticked.next };
    }
    Ok(())
}
