//! What some process has to do for all: beats, rescues, sums, partitions. All may do it at once.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use veza_core::{DbError, Reason};

use crate::engine;
use crate::error::Error;
use crate::pull;
use crate::runtime::Shared;
use crate::{schedule, topic};

/// How often a process says that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// How often messages become visible whose visibility timeout has passed.
const VISIBLE: Duration = Duration::from_secs(1);
/// How often what statements counted is added up.
const FOLD: Duration = Duration::from_secs(1);
/// How often day partitions are seen to.
const ROTATE: Duration = Duration::from_mins(30);
/// How often redrives are looked for.
const REDRIVE: Duration = Duration::from_secs(1);
/// How often pull queues are swept of what is too old, and cancellations of jobs that ended are forgotten.
const EXPIRE: Duration = Duration::from_mins(1);
/// How often replays are looked after.
const REPLAY: Duration = Duration::from_secs(1);
/// How often schedules are looked after, unless one is due sooner.
const TICK: Duration = Duration::from_secs(1);
/// Rows of one statement.
const FOLDED: i32 = 20_000;
const RESCUED: i32 = 1_000;

/// Says that the process is alive; answers whether it was thought dead.
pub(crate) async fn beat(shared: &Shared) -> Result<bool, DbError> {
    let (process, name) = (shared.process, format!("pid {}", std::process::id()));
    shared.jobs.db().dispatch(Reason("jobs.beat"), move |tx| engine::beat(tx, process, &name)).await
}

/// Does all of it until `ended`; tells `lost` when others may have taken our jobs.
pub(crate) async fn run(shared: Arc<Shared>, ended: CancellationToken, lost: Arc<Notify>) {
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
    let visible = every(VISIBLE, &shared, &ended, |shared| async move {
        report("messages cannot be made visible", rescue(&shared, None).await);
    });
    let sums = every(FOLD, &shared, &ended, |shared| async move {
        report("jobs cannot be counted", fold(&shared).await);
    });
    let days = every(ROTATE, &shared, &ended, |shared| async move {
        report("old jobs cannot be swept", rotate(&shared).await);
    });
    let redrives = every(REDRIVE, &shared, &ended, |shared| {
        let ended = ended.clone();
        async move { report("dead letters cannot be taken back", redrive(&shared, &ended).await) }
    });
    let ages = every(EXPIRE, &shared, &ended, |shared| async move {
        report("old messages cannot be removed", expire(&shared).await);
    });
    let replays = every(REPLAY, &shared, &ended, |shared| async move {
        report("events cannot be replayed", replay(&shared).await);
    });
    let ticks = schedules(&shared, &ended);
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
    let mut ticks = tokio::time::interval_at(Instant::now() + period.min(FOLD), period);
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
        let rescued =
            shared.jobs.db().dispatch(Reason("jobs.rescue"), move |tx| engine::rescue(tx, silence, RESCUED));
        let rescued = rescued.await?;
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

/// Ticks each second, and when a schedule is due.
async fn schedules(shared: &Shared, ended: &CancellationToken) {
    let mut pause = Duration::ZERO;
    while ended.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        pause = match tick(shared).await {
            Ok(pause) => pause.min(TICK),
            Err(error) => {
                tracing::warn!(%error, "schedules cannot tick");
                TICK
            }
        };
    }
}

/// Enqueues what is due; answers how long it is until the next tick.
async fn tick(shared: &Shared) -> Result<Duration, Error> {
    let ticked = shared.jobs.db().dispatch(Reason("jobs.tick"), schedule::tick).await?;
    for (tenant, queue, rank) in ticked.lanes {
        shared.bells.ring(&queue, tenant, rank);
    }
    if ticked.more {
        return Ok(Duration::ZERO);
    }
    let until = ticked.next.map(|next| next - shared.jobs.db().clock().now());
    // Never at once again: another process may be at it.
    Ok(until.map_or(TICK, |until| until.to_std().unwrap_or_default()).max(Duration::from_millis(10)))
}
