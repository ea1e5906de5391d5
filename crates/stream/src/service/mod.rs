//! Channels of one deployment, and what is asked of them.

mod desk;
mod events;
mod ice;
mod local;
mod publish;
mod recording;
mod sessions;
mod tokens;
mod upkeep;
mod watch;
mod writing;

use std::sync::{Arc, OnceLock};

use uuid::Uuid;
use veza_core::config::Secret;
use veza_core::{Db, Tasks};

pub use self::ice::{Condition, Patched};
pub use self::local::Started;
pub use self::sessions::SessionNow;
pub use self::watch::Watched;
use crate::config::StreamConfig;
use crate::error::Error;
use crate::live::{Offered, Registry};
use crate::plane::Plane;
use crate::record::Recorder;
use crate::token::Tokens;

/// The channels of one deployment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Streams {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    config: StreamConfig,
    tokens: Tokens,
    /// This process, as rows of sessions name it.
    node: Uuid,
    registry: Registry,
    offered: Offered,
    plane: OnceLock<Plane>,
    recorder: OnceLock<Recorder>,
}

impl Streams {
    /// Prepares the service. `root` is what the keys of tokens are derived from.
    ///
    /// # Errors
    /// [`Error::Setup`] when the configuration cannot work.
    pub fn new(db: Db, config: StreamConfig, root: &Secret) -> Result<Self, Error> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(Error::Setup(problems.join("; ")));
        }
        let node = uuid::Builder::from_random_bytes(veza_core::bytes(&**db.random())).into_uuid();
        let inner = Inner {
            db,
            config,
            tokens: Tokens::new(root),
            node,
            registry: Registry::default(),
            offered: Offered::default(),
            plane: OnceLock::new(),
            recorder: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Records with `recorder` what is published to channels that say so, and ends what was left of recordings by
    /// processes that were killed. To be called before [`Self::start_media`]; without it nothing is recorded.
    pub fn record_with(&self, recorder: Recorder, tasks: &Tasks) {
        let left = recorder.clone();
        tasks.spawn("stream.recover", move |_stop| async move {
            match left.recover().await {
                Ok(0) => {}
                Ok(found) => {
                    tracing::info!(found, "recordings of processes that were killed are being ended");
                }
                Err(error) => tracing::error!(%error, "recordings that were left cannot be read"),
            }
        });
        if self.inner.recorder.set(recorder).is_err() {
            tracing::error!("there is a recorder already");
        }
    }

    /// Opens the media port, and serves sessions from now on. Without it, channels can be seen and changed here, and
    /// nobody can publish or watch.
    ///
    /// # Errors
    /// [`Error::Setup`] when the port cannot be opened, or was before.
    pub fn start_media(&self, tasks: &Tasks) -> Result<(), Error> {
        let failed = |error: crate::plane::PlaneError| Error::Setup(format!("stream.media: {error}"));
        let (plane, events) =
            Plane::start(&self.inner.config.media, Arc::clone(self.inner.db.random())).map_err(failed)?;
        if self.inner.plane.set(plane).is_err() {
            return Err(Error::Setup("media was started before".to_owned()));
        }
        self.hear(tasks, events);
        self.look_after(tasks);
        Ok(())
    }

    /// Starts what at least one process has to do for all: ending sessions whose process is gone, and removing old ones.
    pub fn start_worker(&self, tasks: &Tasks) {
        self.sweep(tasks);
    }

    /// Takes no more sessions; those under way go on until the process ends.
    pub fn drain(&self) {
        if let Some(plane) = self.inner.plane.get() {
            plane.drain();
        }
    }

    /// The database behind it.
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// The configuration in force.
    pub fn config(&self) -> &StreamConfig {
        &self.inner.config
    }

    /// The data plane, where this process has one.
    ///
    /// # Errors
    /// [`Error::NoMedia`].
    pub fn plane(&self) -> Result<&Plane, Error> {
        self.inner.plane.get().ok_or(Error::NoMedia)
    }

    fn registry(&self) -> &Registry {
        &self.inner.registry
    }
}
