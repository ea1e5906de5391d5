//! Queues of one deployment, and what is asked of them.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;
use veza_core::{Db, Tasks};

use crate::config::{DoorbellKind, JobsConfig};
use crate::doorbell::Bells;
use crate::doorbell::{self, Doorbell};
use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::pull::Receivers;

/// The queues of one deployment. Cheap to clone. Enqueueing needs none: [`enqueue`](crate::enqueue())
/// takes a transaction.
#[derive(Debug, Clone)]
pub struct Jobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    config: JobsConfig,
    /// Tells our own rings from those of others.
    id: Uuid,
    doorbell: Option<Arc<dyn Doorbell>>,
    receivers: Arc<Receivers>,
    link: OnceLock<Link>,
}

/// Links a span to its cause, given as a `traceparent`.
struct Link(Box<Linking>);
type Linking = dyn Fn(&tracing::Span, &str) + Send + Sync;

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Jobs {
    /// Prepares the service.
    ///
    /// # Errors
    /// [`Error::Setup`] when the configuration cannot work.
    pub fn new(db: Db, config: JobsConfig) -> Result<Self, Error> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(Error::Setup(problems.join("; ")));
        }
        let id = uuid::Builder::from_random_bytes(veza_core::bytes(&**db.random())).into_uuid();
        let doorbell = doorbell(&db, &config)?;
        let receivers = Arc::new(Receivers::default());
        let ringing = Arc::downgrade(&receivers);
        db.listen(CHANNEL, move |signal| {
            if let Some(receivers) = ringing.upgrade() {
                receivers.hear(signal);
            }
        });
        Ok(Self { inner: Arc::new(Inner { db, config, id, doorbell, receivers, link: OnceLock::new() }) })
    }

    /// Starts what every process needs that enqueues: telling the others. Without it they find new jobs
    /// within `jobs.poll`.
    pub fn start(&self, tasks: &Tasks) {
        let Some(doorbell) = self.inner.doorbell.clone() else { return };
        let (bells, id) = (self.bells(), self.inner.id);
        tasks.spawn("jobs.doorbell", move |stop| doorbell::tell(doorbell, bells, id, stop));
    }

    /// Who waits for messages in this process.
    pub(crate) fn receivers(&self) -> &Arc<Receivers> {
        &self.inner.receivers
    }

    /// Called with the span of each attempt at a job that was enqueued within a trace, and the W3C `traceparent`
    /// that [`Db::trace_by`] gave there: the moment to link the one to the other. Who says it first is heard.
    pub fn link_with(&self, link: impl Fn(&tracing::Span, &str) + Send + Sync + 'static) {
        let _said_before = self.inner.link.set(Link(Box::new(link)));
    }

    pub(crate) fn link(&self, span: &tracing::Span, place: &str) {
        if let Some(Link(link)) = self.inner.link.get() {
            link(span, place);
        }
    }

    /// The database behind it.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The configuration in force.
    pub fn config(&self) -> &JobsConfig {
        &self.inner.config
    }

    /// A doorbell that rings for what this process enqueues from now on.
    pub(crate) fn bells(&self) -> Arc<Bells> {
        let bells = Arc::new(Bells::default());
        let ringing = Arc::downgrade(&bells);
        self.db().listen(CHANNEL, move |signal| {
            if let Some(bells) = ringing.upgrade() {
                bells.ring(&signal.subject, signal.tenant, signal.position);
            }
        });
        bells
    }

    /// Rings `bells` for what other processes enqueue, until `stop`.
    pub(crate) async fn hear(&self, bells: Arc<Bells>, stop: tokio_util::sync::CancellationToken) {
        if let Some(doorbell) = self.inner.doorbell.clone() {
            doorbell::hear(doorbell, bells, self.inner.id, stop).await;
        }
    }
}

fn doorbell(db: &Db, config: &JobsConfig) -> Result<Option<Arc<dyn Doorbell>>, Error> {
    match config.doorbell {
        DoorbellKind::Poll => Ok(None),
        DoorbellKind::Notify => Ok(notify(db, config)),
        DoorbellKind::Redis => redis(config),
    }
}

#[cfg(feature = "notify")]
fn notify(db: &Db, config: &JobsConfig) -> Option<Arc<dyn Doorbell>> {
    let url = config.listen_url.clone()?;
    Some(Arc::new(crate::doorbell::NotifyBell::new(db.clone(), url)))
}

#[cfg(not(feature = "notify"))]
fn notify(_: &Db, _: &JobsConfig) -> Option<Arc<dyn Doorbell>> {
    None
}

#[cfg(feature = "redis")]
fn redis(config: &JobsConfig) -> Result<Option<Arc<dyn Doorbell>>, Error> {
    let Some(url) = &config.redis_url else { return Ok(None) };
    let bell = crate::doorbell::RedisBell::new(url)
        .map_err(|error| Error::Setup(format!("jobs.redis_url: {error}")))?;
    Ok(Some(Arc::new(bell)))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &JobsConfig) -> Result<Option<Arc<dyn Doorbell>>, Error> {
    Err(Error::Setup("jobs.doorbell = redis needs the feature redis of veza-jobs".to_owned()))
}
