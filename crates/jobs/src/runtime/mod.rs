//! The runtime: takes jobs off the queues and hands them to their handlers.

pub(crate) mod attempt;
mod dispatch;
mod drain;
mod fair;
mod look;
mod poll;
pub(crate) mod registry;
mod settle;
mod show;
mod unclaim;
mod upkeep;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};
use veza_core::{DbError, DispatchTx, Reason, Tasks};

use crate::doorbell::Bells;
use crate::engine;
use crate::error::Error;
use crate::handler::{Handler, JobError, Outcome};
use crate::id::ProcessId;
use crate::job::Job;
use crate::queue::QueueName;
use crate::service::Jobs;
use crate::topic::{self, Event, Subscription};

use self::dispatch::Dispatcher;
pub use self::drain::{Drained, assert_enqueued, pending};
use self::look::Look;
pub use self::registry::Execution;
use self::registry::{Registry, Run, layered, registered};

/// How many jobs of a queue run at once in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    pub(crate) slots: u32,
    pub(crate) per_tenant: Option<u32>,
}

impl Concurrency {
    /// So many jobs at once, at least 1. From eight on, the last eighth is for tenants that run
    /// little: fewer there than slots are left.
    pub const fn new(slots: u32) -> Self {
        Self { slots: if slots == 0 { 1 } else { slots }, per_tenant: None }
    }

    /// Of these, so many of one tenant at most. A limit over all processes is that of the lane
    /// ([`set_lane`](crate::set_lane)).
    #[must_use]
    pub const fn per_tenant(mut self, slots: u32) -> Self {
        self.per_tenant = Some(slots);
        self
    }
}

/// Puts a [`Runtime`] together.
#[derive(Debug)]
#[must_use]
pub struct RuntimeBuilder {
    jobs: Jobs,
    registry: Registry,
    queues: BTreeMap<String, Concurrency>,
    subscriptions: Vec<Subscription>,
    withdrawn: Vec<&'static str>,
    mistakes: Vec<String>,
}

impl RuntimeBuilder {
    /// How many jobs of a queue run at once, instead of what the configuration says.
    pub fn queue(mut self, name: &'static str, concurrency: Concurrency) -> Self {
        if QueueName::new(name).is_err() {
            self.mistakes.push(format!("{name} is no queue's name"));
        }
        self.queues.insert(name.to_owned(), concurrency);
        self
    }

    /// Who does the jobs of a kind.
    pub fn handler<J: Job, H: Handler<J>>(mut self, handler: H) -> Self {
        if self.registry.insert(J::KIND.into(), registered::<J, H>(handler)).is_some() {
            self.mistakes.push(format!("{} has two handlers", J::KIND));
        }
        self
    }

    /// Who gets the events of a subscription, of all tenants.
    pub fn subscribe<H: Handler<Event>>(mut self, subscription: Subscription, handler: H) -> Self {
        self.mistakes.extend(subscription.mistakes());
        let mut registered = registered::<Event, H>(handler);
        registered.queue = subscription.queue;
        if self.registry.insert(subscription.kind(), registered).is_some() {
            self.mistakes.push(format!("the subscription {} is there twice", subscription.name));
        }
        self.subscriptions.push(subscription);
        self
    }

    /// Ends a subscription that the program had once. While processes run that still declare it, the last
    /// one to start decides.
    pub fn unsubscribe(mut self, name: &'static str) -> Self {
        self.withdrawn.push(name);
        self
    }

    /// Puts a tower layer around all handlers registered so far: for tracing, time, limits.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Run>,
        L::Service: Service<Execution, Response = Outcome, Error = JobError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Execution>>::Future: Send + 'static,
    {
        for handler in self.registry.values_mut() {
            handler.run = layered(&layer, handler.run.clone());
        }
        self
    }

    /// # Errors
    /// [`Error::Setup`] when a kind has two handlers or a queue's name breaks the rule.
    pub fn build(mut self) -> Result<Runtime, Error> {
        let config = self.jobs.config();
        for (queue, slots) in &config.queues {
            self.queues.entry(queue.clone()).or_insert(Concurrency::new(*slots));
        }
        let usual = Concurrency::new(config.concurrency);
        for (kind, handler) in &self.registry {
            if QueueName::new(handler.queue).is_err() {
                self.mistakes.push(format!("{}, the queue of {kind}, is no queue's name", handler.queue));
            }
            self.queues.entry(handler.queue.to_owned()).or_insert(usual);
        }
        if !self.mistakes.is_empty() {
            return Err(Error::Setup(self.mistakes.join("; ")));
        }
        let db = self.jobs.db();
        let process = ProcessId::generate(db.clock().now(), &**db.random());
        let bells = self.jobs.bells();
        let shared = Shared {
            process,
            registry: self.registry,
            queues: self.queues,
            subscriptions: self.subscriptions,
            withdrawn: self.withdrawn,
            bells,
            jobs: self.jobs,
        };
        Ok(Runtime { shared: Arc::new(shared) })
    }
}

/// Takes jobs off queues and hands them to their handlers. Any number of processes may.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

/// What the parts of a runtime share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) jobs: Jobs,
    pub(crate) process: ProcessId,
    pub(crate) registry: Registry,
    pub(crate) queues: BTreeMap<String, Concurrency>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) withdrawn: Vec<&'static str>,
    pub(crate) bells: Arc<Bells>,
}

impl Runtime {
    /// Begins a runtime without handlers.
    pub fn builder(jobs: &Jobs) -> RuntimeBuilder {
        RuntimeBuilder {
            jobs: jobs.clone(),
            registry: Registry::new(),
            queues: BTreeMap::new(),
            subscriptions: Vec::new(),
            withdrawn: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// Works until `shutdown` ends. Then it takes no more jobs, waits for those under way
    /// (`jobs.drain_timeout` at most), tells the rest to stop, and gives back what does not, without
    /// counting the attempt.
    pub async fn run_until(&self, shutdown: impl Future<Output = ()> + Send) {
        let stop = CancellationToken::new();
        let running = self.run(stop.clone());
        tokio::pin!(running);
        tokio::select! {
            () = shutdown => stop.cancel(),
            () = &mut running => return,
        }
        running.await;
    }

    /// The same as one of the program's tasks: until they are told to stop.
    pub fn start(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.spawn("jobs.runtime", move |stop| async move { this.run(stop).await });
    }

    /// Writes down which events this program subscribes to, so that publishers in any process know it.
    /// Running it does so by itself; a program that starts no worker, or a test, may call it.
    pub async fn declare(&self) -> Result<(), DbError> {
        if self.shared.subscriptions.is_empty() && self.shared.withdrawn.is_empty() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let declare = move |tx: &mut DispatchTx<'_>| {
            shared.withdrawn.iter().try_for_each(|name| topic::withdraw(tx, name))?;
            shared.subscriptions.iter().try_for_each(|subscription| topic::declare(tx, subscription))
        };
        self.shared.jobs.db().dispatch(Reason("jobs.declare"), declare).await
    }

    async fn run(&self, stop: CancellationToken) {
        let ended = CancellationToken::new();
        let lost = Arc::new(Notify::new());
        if !self.enter(&stop).await {
            return;
        }
        let (looks, looked) = watch::channel(Look::default());
        let looking = look::looking(Arc::clone(&self.shared), ended.clone(), looks);
        let upkeep = upkeep::run(Arc::clone(&self.shared), ended.clone(), Arc::clone(&lost), looked.clone());
        let bells = Arc::clone(&self.shared.bells);
        let hearing = self.shared.jobs.hear(bells, ended.clone());
        let work = async {
            Dispatcher::new(Arc::clone(&self.shared), looked).run(stop, lost).await;
            ended.cancel();
        };
        tokio::join!(looking, upkeep, hearing, work);
        let process = self.shared.process;
        let left = self.shared.jobs.db().dispatch(Reason("jobs.leave"), move |tx| engine::leave(tx, process));
        if let Err(error) = left.await {
            tracing::warn!(%error, "this process stays on the list of workers until it is missed");
        }
    }

    /// Gets onto the list of workers before anything is taken. Answers whether to go on.
    async fn enter(&self, stop: &CancellationToken) -> bool {
        loop {
            let entered = async {
                upkeep::beat(&self.shared).await?;
                self.declare().await
            };
            match entered.await {
                Ok(()) => return true,
                Err(error) => tracing::warn!(%error, "cannot work on jobs yet"),
            }
            let pause = tokio::time::sleep(std::time::Duration::from_secs(1));
            if stop.run_until_cancelled(pause).await.is_none() {
                return false;
            }
        }
    }
}
