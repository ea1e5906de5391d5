//! The loop of a runtime: bells, polls, claims and endings come in, attempts go out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use veza_core::{DbError, DispatchStatement, Reason, TenantId, Timestamp};

use crate::engine::{self, Claim, Claimed, Ending, Lease, Want};
use crate::id::{JobId, Token};
use crate::runtime::Shared;
use crate::runtime::attempt::{Interruption, Stop, attempt};
use crate::runtime::fair::{Fair, Turn};
use crate::runtime::look::{LOOK, Look};
use crate::runtime::poll::{Poll, poll};
use crate::runtime::settle::{Settlement, settle};
use crate::runtime::show;
use crate::runtime::unclaim::unclaim;

/// What came back from the database.
enum Answer {
    Claimed { token: Token, asked: Vec<(String, Turn)>, outcome: Result<Vec<Claimed>, DbError> },
    Polled { took: Duration, outcome: Box<Result<Poll, DbError>> },
}

/// An attempt under way.
struct Running {
    queue: String,
    tenant: TenantId,
    job: JobId,
    began: Instant,
    stop: Stop,
}

/// See the module.
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    queues: HashMap<String, Fair>,
    running: HashMap<Id, Running>,
    tasks: JoinSet<()>,
    /// Tasks, so that the database is asked while we hand over what it gave before.
    answers: JoinSet<Answer>,
    /// Claims whose answers were lost.
    unclaims: JoinSet<()>,
    claims: usize,
    polling: bool,
    /// When the database may be asked again, if there is something; and when it must, because something is due.
    next_poll: Instant,
    due: Option<Instant>,
    looks: watch::Receiver<Look>,
    /// Since when the first jobs of queues wait, by the last poll.
    oldest: HashMap<String, Timestamp>,
    endings: mpsc::Sender<Settlement>,
    waiting: Option<mpsc::Receiver<Settlement>>,
}

/// Claims under way at once: while one is busy with a long queue, another serves who has just come.
const CLAIMS: usize = 2;
/// Jobs of one claim at most.
const BATCH: u32 = 500;
/// Endings that may wait to be written before workers wait as well.
const ENDINGS: usize = 4_096;
/// Who stops looks for claims whose answers were lost for so long; then they count as those of a lost process.
const LOOKING: Duration = Duration::from_secs(2);
/// Nothing is planned for later than this.
const FAR: Duration = Duration::from_hours(1);
/// After a failure of the database, claims pause for so long.
const PAUSE: Duration = Duration::from_millis(250);

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, looks: watch::Receiver<Look>) -> Self {
        let (endings, waiting) = mpsc::channel(ENDINGS);
        let fair = |(name, slots): (&String, &crate::Concurrency)| {
            (name.clone(), Fair::new(slots.slots, slots.per_tenant))
        };
        Self {
            queues: shared.queues.iter().map(fair).collect(),
            shared,
            running: HashMap::new(),
            tasks: JoinSet::new(),
            answers: JoinSet::new(),
            unclaims: JoinSet::new(),
            claims: 0,
            polling: false,
            next_poll: Instant::now(),
            due: None,
            looks,
            oldest: HashMap::new(),
            endings,
            waiting: Some(waiting),
        }
    }

    /// Works until told to stop, then lets go in order. `lost` tells when others may have our jobs.
    pub(crate) async fn run(mut self, stop: CancellationToken, lost: Arc<Notify>) {
        let Some(waiting) = self.waiting.take() else { return };
        let settling = settle(self.shared.jobs.db().clone(), waiting);
        let working = async {
            self.work(&stop, &lost).await;
            self.drain().await;
            // The last sender: the settling ends when all is written.
            drop(self.endings);
        };
        tokio::join!(settling, working);
    }

    async fn work(&mut self, stop: &CancellationToken, lost: &Notify) {
        let bells = Arc::clone(&self.shared.bells);
        while !stop.is_cancelled() {
            self.claim();
            let poll_at = if self.polling { None } else { self.poll_at() };
            tokio::select! {
                () = stop.cancelled() => {}
                () = lost.notified() => self.interrupt(Interruption::Lost, |_| true),
                rung = bells.rung() => {
                    for ((queue, tenant), rank) in rung {
                        self.ring(&queue, tenant, rank);
                    }
                }
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                Some(answer) = self.answers.join_next() => self.answered(came(answer)),
                Some(_) = self.unclaims.join_next() => {}
                Ok(()) = self.looks.changed() => self.looked(),
                () = wait(poll_at) => self.poll(),
            }
        }
    }

    /// When to poll: as often as the configuration says when that is more often than looks, otherwise when there
    /// is something.
    fn poll_at(&self) -> Option<Instant> {
        let often = self.shared.jobs.config().poll.as_duration() < LOOK;
        let next = (often || self.looks.borrow().wants_poll()).then_some(self.next_poll);
        [next, self.due].into_iter().flatten().min()
    }

    fn looked(&mut self) {
        let (now, look) = (self.shared.jobs.db().clock().now(), self.looks.borrow_and_update().clone());
        if let Some(at) = look.due_at {
            self.due_in(
                (at - now)
                    .to_std()
                    .unwrap_or_default()
                    .max(self.next_poll.saturating_duration_since(Instant::now())),
            );
        }
        if !look.ready {
            self.oldest.clear();
        }
        show::totals(&look.totals(), &self.shared.queues, &self.oldest, now);
        for (queue, fair) in &self.queues {
            metrics::gauge!("veza_jobs_slots_used", "queue" => queue.clone()).set(f64::from(fair.used()));
        }
    }

    fn due_in(&mut self, wait: Duration) {
        // Further away is as far as another look.
        let at = Instant::now() + wait.min(FAR);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn ring(&mut self, queue: &str, tenant: TenantId, rank: i64) {
        if rank == i64::MAX {
            // Something was deferred: the poll finds out until when.
            self.due = Some(Instant::now());
        } else if let Some(fair) = self.queues.get_mut(queue) {
            fair.arrive(tenant, rank);
        }
    }

    /// Asks for as much as there are free slots.
    fn claim(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
        while self.claims < CLAIMS {
            let mut asked = Vec::new();
            for (queue, fair) in &mut self.queues {
                asked.extend(fair.pick(BATCH).into_iter().map(|turn| (queue.clone(), turn)));
            }
            if asked.is_empty() {
                return;
            }
            self.claims += 1;
            self.ask(asked);
        }
    }

    fn ask(&mut self, asked: Vec<(String, Turn)>) {
        let db = self.shared.jobs.db().clone();
        let token = Token::generate(&**db.random());
        let claim = Claim { process: Some(self.shared.process), token, visibility_ms: None };
        let want = |(queue, turn): &(String, Turn)| Want {
            tenant: turn.tenant,
            queue: queue.clone(),
            count: i32::try_from(turn.count).unwrap_or(i32::MAX),
            floor: turn.floor,
        };
        let wants: Vec<Want> = asked.iter().map(want).collect();
        self.answers.spawn(async move {
            let claim = move |tx: &mut DispatchStatement<'_>| engine::claim(tx, claim, &wants);
            let outcome = db.dispatch_statement(Reason("jobs.claim"), claim).await;
            if outcome.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            Answer::Claimed { token, asked, outcome }
        });
    }

    fn poll(&mut self) {
        self.polling = true;
        self.due = None;
        let shared = Arc::clone(&self.shared);
        self.answers.spawn(async move {
            let began = Instant::now();
            let outcome = shared.jobs.db().dispatch(Reason("jobs.poll"), poll).await;
            Answer::Polled { took: began.elapsed(), outcome: Box::new(outcome) }
        });
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Claimed { token, asked, outcome } => {
                self.claims -= 1;
                match outcome {
                    Ok(claimed) => self.begin(token, &asked, claimed),
                    Err(error) => {
                        tracing::warn!(%error, "jobs cannot be claimed");
                        self.unclaims.spawn(unclaim(self.shared.jobs.db().clone(), token));
                        for (queue, turn) in &asked {
                            if let Some(fair) = self.queues.get_mut(queue) {
                                fair.failed(turn);
                            }
                        }
                    }
                }
            }
            Answer::Polled { took, outcome } => {
                self.polling = false;
                let period = self.shared.jobs.config().poll.as_duration();
                self.next_poll = Instant::now() + period.max(took * 10);
                match *outcome {
                    Ok(poll) => self.learn(&poll),
                    Err(error) => tracing::warn!(%error, "queues cannot be looked at"),
                }
            }
        }
    }

    /// Hands claimed jobs to their handlers.
    fn begin(&mut self, token: Token, asked: &[(String, Turn)], claimed: Vec<Claimed>) {
        let mut given: HashMap<(&str, TenantId), (u32, i64, bool)> = HashMap::new();
        for job in &claimed {
            let lane = given.entry((&job.queue, job.tenant_id)).or_insert((0, job.rank, false));
            *lane = (lane.0 + 1, lane.1.max(job.rank), lane.2 | job.limited);
        }
        for (queue, turn) in asked {
            let Some(fair) = self.queues.get_mut(queue) else { continue };
            match given.get(&(queue.as_str(), turn.tenant)) {
                Some((got, last, limited)) => fair.answer(turn, *got, Some(*last), *limited),
                None => fair.answer(turn, 0, None, false),
            }
        }
        // The next claim is under way meanwhile.
        self.claim();
        let now = self.shared.jobs.db().clock().now();
        for job in claimed {
            let waited = (now - job.ready_at).to_std().unwrap_or_default();
            metrics::histogram!("veza_jobs_wait_seconds", "queue" => job.queue.clone()).record(waited);
            self.spawn(token, job);
        }
    }

    fn spawn(&mut self, token: Token, job: Claimed) {
        let running = Running {
            queue: job.queue.clone(),
            tenant: job.tenant_id,
            job: job.job_id,
            began: Instant::now(),
            stop: Stop::default(),
        };
        let (shared, endings, stop) = (Arc::clone(&self.shared), self.endings.clone(), running.stop.clone());
        let task = self.tasks.spawn(async move {
            let (lease, ending) = attempt(&shared.jobs, &shared.registry, job, token, &stop).await;
            if let Some(ending) = ending {
                // The settling outlives us.
                let _sent = endings.send((lease, ending)).await;
            }
        });
        self.running.insert(task.id(), running);
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(running) = self.running.remove(&id) else { return };
        if let Err(error) = ended {
            tracing::error!(job.id = %running.job, %error, "an attempt ended without saying how; its lease runs out");
        }
        let took = running.began.elapsed();
        metrics::histogram!("veza_jobs_run_seconds", "queue" => running.queue.clone()).record(took);
        if let Some(fair) = self.queues.get_mut(&running.queue) {
            fair.finish(running.tenant, took);
        }
    }

    /// What the database said when it was asked for everything.
    fn learn(&mut self, poll: &Poll) {
        for fair in self.queues.values_mut() {
            fair.tidy();
        }
        for lane in &poll.backlog {
            if let Some(fair) = self.queues.get_mut(&lane.queue) {
                fair.learn(lane.tenant_id, lane.rank, lane.weight, lane.limited);
            }
        }
        self.oldest = poll.oldest();
        if !poll.cancelled.is_empty() {
            let wanted = |running: &Running| poll.cancelled.contains(&(running.tenant, running.job));
            self.interrupt(Interruption::Cancelled, wanted);
        }
        if !poll.suspended.is_empty() {
            self.interrupt(Interruption::GivenBack, |running| poll.suspended.contains(&running.tenant));
        }
        if let Some(wait) = poll.next_due {
            self.due_in(wait);
        }
    }

    fn interrupt(&self, why: Interruption, whom: impl Fn(&Running) -> bool) {
        for running in self.running.values().filter(|running| whom(running)) {
            running.stop.now(why);
        }
    }

    /// Lets go: first what runs may end, then it is told to stop, then it is given back.
    async fn drain(&mut self) {
        while let Some(answer) = self.answers.join_next().await {
            match came(answer) {
                Answer::Claimed { token, outcome: Ok(claimed), .. } => {
                    return_unbegun(&self.endings, token, &claimed).await;
                }
                Answer::Claimed { token, outcome: Err(_), .. } => {
                    self.unclaims.spawn(unclaim(self.shared.jobs.db().clone(), token));
                }
                Answer::Polled { .. } => {}
            }
        }
        let patience = self.shared.jobs.config().drain_timeout.as_duration();
        let looking = async { while self.unclaims.join_next().await.is_some() {} };
        let looking = tokio::time::timeout(LOOKING.min(patience), looking);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let (ended, _looked) = tokio::join!(tokio::time::timeout(patience, all), looking);
        if ended.is_ok() {
            return;
        }
        tracing::warn!(jobs = self.tasks.len(), "jobs did not end in time and are given back");
        self.interrupt(Interruption::GivenBack, |_| true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Waits until a moment, for ever when there is none.
async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// A claim's panic is ours.
fn came(answer: Result<Answer, JoinError>) -> Answer {
    answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn return_unbegun(endings: &mpsc::Sender<Settlement>, token: Token, claimed: &[Claimed]) {
    for job in claimed {
        let lease = Lease { tenant: job.tenant_id, job: job.job_id, token };
        let ending = Ending::Again { run_at: None, step: -1, meta: None };
        let _sent = endings.send((lease, ending)).await;
    }
}
