//! All nouns, put together.

use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "stream", feature = "webhook"))]
use veza_core::config::Secret;
use veza_core::db::{DatabaseConfig, DbOpenError, MigrationError, Migrator, Role, check_serving_role};
use veza_core::{Clock, Db, Random, SystemClock, SystemRandom, Tasks};
use veza_jobs::{Jobs, JobsConfig, Runtime, RuntimeBuilder};
use veza_tenant::Tenants;
use veza_tenant::mail::Mailer;

use crate::config::Config;

/// A running Veza inside another program.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The database, one tenant at a time.
    pub db: Db,
    /// Organisations, people and access.
    pub tenants: Tenants,
    /// Queues.
    pub jobs: Jobs,
    /// Files, where a directory or a bucket for them is configured.
    #[cfg(feature = "storage")]
    pub storage: Option<veza_storage::Storage>,
    /// Rooms and messages.
    #[cfg(feature = "chat")]
    pub chat: veza_chat::Chat,
    /// Channels, live.
    #[cfg(feature = "stream")]
    pub streams: veza_stream::Streams,
    /// What runs beside requests.
    pub tasks: Tasks,
    /// The runtime of jobs, which ends before requests do.
    work: Tasks,
    #[cfg(feature = "webhook")]
    webhooks: veza_jobs::webhook::Webhooks,
    #[cfg(feature = "http")]
    web: veza_web::WebConfig,
}

/// The platform cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database access.
    #[error(transparent)]
    Open(#[from] DbOpenError),
    /// The schema is not what this version needs.
    #[error(transparent)]
    Schema(#[from] MigrationError),
    /// Keys cannot be loaded.
    #[error(transparent)]
    Tenant(#[from] veza_tenant::Error),
    /// Queues cannot be set up.
    #[error(transparent)]
    Jobs(#[from] veza_jobs::Error),
    /// Rooms cannot be set up.
    #[cfg(feature = "chat")]
    #[error(transparent)]
    Chat(#[from] veza_chat::Error),
    /// Channels cannot be set up.
    #[cfg(feature = "stream")]
    #[error(transparent)]
    Stream(#[from] veza_stream::Error),
    /// Files cannot be kept where the configuration says.
    #[cfg(feature = "storage")]
    #[error(transparent)]
    Storage(#[from] veza_storage::Error),
}

impl Platform {
    /// Connects, checks that `migrator` has nothing to do, loads keys. E-mail leaves through
    /// `mailer`; without one it waits.
    pub async fn open(
        config: Config,
        migrator: Migrator,
        mailer: Option<Arc<dyn Mailer>>,
    ) -> Result<Self, Error> {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Box::pin(Self::open_with(config, migrator, mailer, clock, random)).await
    }

    /// The same with another clock and randomness.
    pub async fn open_with(
        config: Config,
        migrator: Migrator,
        mailer: Option<Arc<dyn Mailer>>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let url = config.database.url_for(Role::App).ok_or(DbOpenError::NoUrl)?;
        let replica = config.database.replica_url.clone();
        let checked = tokio::task::spawn_blocking(move || {
            // Row-level security is the wall between tenants; a role that passes it must not serve.
            check_serving_role(url.expose())?;
            match replica.map(|replica| check_serving_role(replica.expose())) {
                // A replica that is away is no outage; reads go to the primary.
                Some(Err(MigrationError::Connect(error))) => {
                    tracing::warn!(%error, "the replica cannot be reached");
                }
                Some(checked) => checked?,
                None => {}
            }
            migrator.check(url.expose())
        });
        let checked = checked.await;
        checked.map_or(Ok(()), |outcome| outcome)?;
        let db = Db::open_with(&config.database, clock, random)?;
        #[cfg(feature = "http")]
        let public_url = config.web.public_url.clone();
        #[cfg(not(feature = "http"))]
        let public_url = String::new();
        #[cfg(any(feature = "stream", feature = "webhook"))]
        let root_secret = config.tenant.root_secret.clone().unwrap_or_else(|| Secret::new(""));
        let tenants = Tenants::new(db.clone(), config.tenant, &public_url, mailer)?;
        tenants.load().await?;
        #[cfg(feature = "webhook")]
        let webhooks = veza_jobs::webhook::Webhooks::new(&config.jobs.webhook, &root_secret)?;
        let jobs = Jobs::new(db.clone(), listening(config.jobs, &config.database))?;
        let tasks = Tasks::new();
        #[cfg(feature = "storage")]
        let storage = Box::pin(veza_storage::Storage::configured(db.clone(), config.storage, &tasks)).await?;
        #[cfg(feature = "chat")]
        let chat = veza_chat::Chat::new(db.clone(), config.chat)?;
        #[cfg(all(feature = "chat", feature = "storage"))]
        let chat = match &storage {
            Some(storage) => chat.with_storage(storage.clone()),
            None => chat,
        };
        #[cfg(feature = "stream")]
        let streams = veza_stream::Streams::new(db.clone(), config.stream, &root_secret)?;
        Ok(Self {
            db,
            tenants,
            jobs,
            #[cfg(feature = "storage")]
            storage,
            #[cfg(feature = "chat")]
            chat,
            #[cfg(feature = "stream")]
            streams,
            tasks,
            work: Tasks::new(),
            #[cfg(feature = "webhook")]
            webhooks,
            #[cfg(feature = "http")]
            web: config.web,
        })
    }

    /// Starts what runs beside requests in every process.
    pub fn start(&self) {
        self.tenants.start(&self.tasks);
        self.jobs.start(&self.tasks);
        #[cfg(feature = "chat")]
        self.chat.start(&self.tasks);
        #[cfg(feature = "storage")]
        if let Some(storage) = &self.storage {
            storage.start(&self.tasks);
        }
    }

    /// Opens the media port, so that this process takes who publishes and watches.
    ///
    /// # Errors
    /// [`Error::Stream`] when the port cannot be opened.
    #[cfg(feature = "stream")]
    pub fn start_media(&self) -> Result<(), Error> {
        #[cfg(feature = "storage")]
        if let Some(storage) = &self.storage {
            let shelf = veza_stream::record::Shelf::new(storage.clone());
            let config = self.streams.config().record.clone();
            let recorder = veza_stream::record::Recorder::new(shelf, config, self.tasks.clone());
            self.streams.record_with(recorder, &self.tasks);
        }
        Ok(self.streams.start_media(&self.tasks)?)
    }

    /// Starts what at least one process has to do for all: e-mail, sweeping, and the jobs of `runtime`,
    /// which begins as [`Platform::runtime`].
    ///
    /// # Errors
    /// [`Error::Jobs`] when a kind has two handlers or a queue's name breaks the rule.
    pub fn start_worker(&self, runtime: RuntimeBuilder) -> Result<(), Error> {
        let runtime = runtime.build()?;
        self.tenants.start_worker(&self.tasks);
        #[cfg(feature = "chat")]
        self.chat.start_worker(&self.tasks);
        #[cfg(feature = "stream")]
        self.streams.start_worker(&self.tasks);
        #[cfg(feature = "storage")]
        if let Some(storage) = &self.storage {
            storage.start_worker(&self.tasks);
        }
        runtime.start(&self.work);
        Ok(())
    }

    /// A runtime with Veza's own handlers, for [`Platform::start_worker`]; add yours.
    pub fn runtime(&self) -> RuntimeBuilder {
        let runtime = Runtime::builder(&self.jobs);
        #[cfg(feature = "webhook")]
        let runtime = runtime.handler::<veza_jobs::webhook::Webhook, _>(self.webhooks.clone());
        #[cfg(feature = "storage")]
        let runtime = match &self.storage {
            Some(storage) => runtime
                .handler::<veza_storage::Collect, _>(storage.clone())
                .handler::<veza_storage::lifecycle::ApplyLifecycle, _>(storage.clone())
                .handler::<veza_storage::keys::RewrapKeys, _>(storage.clone()),
            None => runtime,
        };
        #[cfg(all(feature = "storage", feature = "stream"))]
        let runtime = match self.storage.clone().map(veza_stream::record::Shelf::new) {
            Some(shelf) => runtime
                .handler::<veza_stream::record::JoinRecording, _>(shelf.clone())
                .handler::<veza_stream::record::RemoveRecording, _>(shelf),
            None => runtime,
        };
        #[cfg(feature = "chat")]
        let runtime = runtime.subscribe(veza_chat::DEPARTURES, self.chat.clone());
        runtime
    }

    /// The sender of webhooks: it tells the secret that a tenant's receiver checks signatures with.
    #[cfg(feature = "webhook")]
    pub fn webhooks(&self) -> &veza_jobs::webhook::Webhooks {
        &self.webhooks
    }

    /// Takes no more jobs, publishers and viewers from now on; those under way go on. For the moment at which a process begins to
    /// stop and has requests to end first.
    pub fn stop_working(&self) {
        #[cfg(feature = "stream")]
        self.streams.drain();
        self.work.stopping().cancel();
    }

    /// Ends jobs and background tasks; answers whether all ended within `deadline`. Jobs that go on for
    /// longer than `jobs.drain_timeout` are given back.
    pub async fn stop(&self, deadline: Duration) -> bool {
        // Jobs first: what they do may need the tasks.
        let end = tokio::time::Instant::now() + deadline;
        let worked = self.work.stop(deadline).await;
        let left = end.duration_since(tokio::time::Instant::now());
        self.tasks.stop(left).await && worked
    }
}

/// Doorbells listen where the pool for jobs connects, unless they are told otherwise.
fn listening(mut jobs: JobsConfig, database: &DatabaseConfig) -> JobsConfig {
    jobs.listen_url = jobs.listen_url.or_else(|| database.url_for(Role::Jobs));
    jobs
}

#[cfg(feature = "http")]
mod http {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use veza_core::Db;
    use veza_web::{Check, Routes, Web};

    use super::Platform;

    impl Platform {
        /// A site whose callers are verified by our accounts and whose readiness includes the
        /// database; add checks or metrics, then call `site()`.
        pub fn web(&self) -> Web {
            Web::new(self.web.clone(), Arc::clone(self.db.clock()), Arc::clone(self.db.random()))
                .authenticate(Arc::new(veza_tenant::http::Gate::new(self.tenants.clone())))
                .check(Arc::new(DatabaseCheck(self.db.clone())))
        }

        /// All of Veza's routes; register your own beside them.
        pub fn routes(&self) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
            let tenant = veza_tenant::http::routes(self.tenants.clone());
            let jobs = veza_jobs::http::routes(self.jobs.clone());
            #[cfg(feature = "storage")]
            let storage = self.storage.clone().map(veza_storage::http::routes);
            #[cfg(feature = "chat")]
            let chat = veza_chat::http::routes(self.chat.clone());
            #[cfg(feature = "stream")]
            let stream = veza_stream::http::routes(self.streams.clone());
            #[cfg(all(feature = "storage", feature = "stream"))]
            let recordings = self.storage.clone().map(veza_stream::http::recordings::routes);
            move |routes| {
                tenant(routes);
                jobs(routes);
                #[cfg(feature = "chat")]
                chat(routes);
                #[cfg(feature = "stream")]
                stream(routes);
                #[cfg(feature = "storage")]
                if let Some(storage) = &storage {
                    storage(routes);
                }
                #[cfg(all(feature = "storage", feature = "stream"))]
                if let Some(recordings) = &recordings {
                    recordings(routes);
                }
            }
        }
    }

    /// Whether the database answers.
    #[derive(Debug)]
    struct DatabaseCheck(Db);

    impl Check for DatabaseCheck {
        fn name(&self) -> &'static str {
            "database"
        }
        fn check(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>> {
            async { self.0.ping().await.map_err(Into::into) }.boxed()
        }
    }
}
