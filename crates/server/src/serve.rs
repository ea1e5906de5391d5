//! The process that serves, from its first connection to its last.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use futures_util::future::{BoxFuture, join_all, try_join_all};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use veza::Platform;
use veza_core::db::{DatabaseConfig, Finding, Migrator, Role as DatabaseRole, examine};
use veza_tenant::SmtpMailer;
use veza_tenant::mail::{CaptureMailer, Mailer};
use veza_web::{Drain, Render, Routes, Web};

use crate::cli::Role;
use crate::config::{Config, ServerConfig};
use crate::error::Error;
use crate::listener::Listeners;
use crate::{page, signal, telemetry};

/// How long to wait for a database that is not there yet.
const PATIENCE: Duration = Duration::from_mins(1);

/// What background tasks get to end when requests have used up the time to stop.
const SWEEP: Duration = Duration::from_secs(1);

/// A process that is ready to serve.
pub(crate) struct Service {
    pub(crate) platform: Platform,
    pub(crate) listeners: Listeners,
    config: ServerConfig,
    metrics: PrometheusHandle,
    roles: Vec<Role>,
}

/// How a process is to serve.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) roles: Vec<Role>,
    pub(crate) listeners: Listeners,
    pub(crate) metrics: PrometheusHandle,
    /// On a developer's machine, where e-mails go to the log.
    pub(crate) development: bool,
}

impl Service {
    /// Connects, checks the schema, loads keys.
    pub(crate) async fn prepare(plan: Plan) -> Result<Self, Error> {
        let Plan { config, roles, listeners, metrics, development } = plan;
        let mailer = mailer(&config, development)?;
        let server = config.server.clone();
        let traced = config.telemetry.otlp_endpoint.is_some();
        let platform = open_patiently(config, mailer).await?;
        if traced {
            platform.db.trace_by(telemetry::place);
            platform.jobs.link_with(telemetry::link);
        }
        Ok(Self { platform, listeners, config: server, metrics, roles })
    }

    /// Serves until `stop` says so, then ends in order: no new connections, a word to those that are
    /// open, the requests under way, the tasks.
    pub(crate) async fn run(mut self, stop: BoxFuture<'static, Result<(), Error>>) -> Result<(), Error> {
        self.platform.start();
        if self.roles.contains(&Role::Stream) {
            self.platform.start_media()?;
        }
        if self.roles.contains(&Role::Worker) {
            self.platform.start_worker(self.platform.runtime())?;
        }
        self.watch_queue();
        let (servers, drains) = self.servers()?;
        let handles: Vec<ServerHandle> = servers.iter().map(Server::handle).collect();
        let serving = serve(servers);
        tokio::pin!(serving);
        signal::ready(&self.platform.tasks);
        let outcome = tokio::select! {
            outcome = stop => outcome,
            Err(error) = &mut serving => Err(error),
        };
        tracing::info!("stopping");
        signal::stopping();
        self.platform.stop_working();
        let notice = self.config.drain_notice.as_duration();
        let deadline = Instant::now() + notice + self.config.drain_timeout.as_duration();
        let graceful = async {
            // Without a server there is nobody to take leave of.
            if handles.is_empty() { Ok(()) } else { tokio::join!(serving, end(&drains, &handles, notice)).0 }
        };
        let served = tokio::time::timeout_at(deadline, graceful).await.unwrap_or_else(|_late| {
            tracing::warn!("requests were still under way when the time to stop had passed");
            Ok(())
        });
        // Jobs have been ending since the beginning, and may go on for as long as requests may.
        if !self.platform.stop(deadline.duration_since(Instant::now()).max(SWEEP)).await {
            tracing::warn!("some background tasks did not end in time");
        }
        outcome.and(served)
    }

    /// The public server and, where one is configured, that for the operator alone.
    fn servers(&mut self) -> Result<(Vec<Server>, Vec<Drain>), Error> {
        let failed = || Error::io("cannot serve");
        let (mut servers, mut drains) = (Vec::new(), Vec::new());
        let Listeners { public, admin } = std::mem::take(&mut self.listeners);
        let apart = !admin.is_empty();
        if apart {
            let site = self.site().metrics(self.render()).site();
            servers.push(site.serve(admin, |_| {}).map_err(failed())?);
            drains.push(site.drain());
        }
        if !public.is_empty() {
            let web = self.site();
            let site = if apart { web } else { web.metrics(self.render()) }.site();
            let mount = mount(self.platform.routes());
            servers.push(site.serve(public, mount).map_err(failed())?);
            drains.push(site.drain());
        }
        Ok((servers, drains))
    }

    fn site(&self) -> Web {
        self.platform.web().on_request_span(telemetry::adopt)
    }

    fn render(&self) -> Render {
        let metrics = self.metrics.clone();
        Arc::new(move || metrics.render())
    }

    fn watch_queue(&self) {
        let (db, metrics) = (self.platform.db.clone(), self.metrics.clone());
        self.platform.tasks.every("server.metrics", Duration::from_secs(5), move || {
            let waiting = u32::try_from(db.waiting()).unwrap_or(u32::MAX);
            metrics::gauge!("veza_core_transactions_waiting").set(f64::from(waiting));
            metrics.run_upkeep();
            std::future::ready(())
        });
    }
}

/// All routes of the program: those of the platform, and its own.
pub(crate) fn mount(
    platform: impl Fn(&mut Routes<'_>) + Clone + Send + 'static,
) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    move |routes| {
        platform(routes);
        page::routes(routes);
    }
}

/// Until all servers have been stopped, or one fails. A process without any waits to be stopped.
async fn serve(servers: Vec<Server>) -> Result<(), Error> {
    let idle = servers.is_empty();
    try_join_all(servers).await.map_err(Error::io("the server failed"))?;
    if idle { pending().await } else { Ok(()) }
}

/// The end of service, in order.
async fn end(drains: &[Drain], handles: &[ServerHandle], notice: Duration) {
    for drain in drains {
        drain.begin();
    }
    for handle in handles {
        handle.pause().await;
    }
    tokio::time::sleep(notice).await;
    join_all(handles.iter().map(|handle| handle.stop(true))).await;
}

/// A schema that is behind or ahead is an error at once; a database that is not there yet is
/// waited for.
async fn open_patiently(config: Config, mailer: Option<Arc<dyn Mailer>>) -> Result<Platform, Error> {
    let mut jobs = config.jobs;
    // What cannot end is given back before the process ends.
    jobs.drain_timeout = jobs.drain_timeout.min(config.server.drain_timeout);
    let config = veza::Config {
        database: config.database,
        web: config.web,
        tenant: config.tenant,
        jobs,
        storage: config.storage,
        stream: config.stream,
        chat: config.chat,
    };
    let end = Instant::now() + PATIENCE;
    loop {
        match open(&config, mailer.clone()).await {
            Err(error) if error.is_unreachable() && Instant::now() < end => {
                tracing::warn!(%error, "the database cannot be reached yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn open(config: &veza::Config, mailer: Option<Arc<dyn Mailer>>) -> Result<Platform, Error> {
    let database = config.database.clone();
    let bound = spawn_blocking(move || check_roles(&database));
    bound.await.unwrap_or_else(|panic| Err(Error::Other(panic.to_string())))?;
    Ok(Platform::open(config.clone(), Migrator::veza(), mailer).await?)
}

/// Row-level security is the wall between tenants; a role that it does not bind must not serve.
fn check_roles(database: &DatabaseConfig) -> Result<(), Error> {
    for role in [DatabaseRole::App, DatabaseRole::System, DatabaseRole::Jobs] {
        let url = database.url_for(role);
        let Some(url) = url else { continue };
        let findings = examine(url.expose())?.findings;
        let unbound = |finding: &&Finding| finding.rule == "role_unbound";
        if let Some(finding) = findings.iter().find(unbound) {
            return Err(Error::Other(format!("the database cannot be used: {finding}")));
        }
    }
    Ok(())
}

fn mailer(config: &Config, development: bool) -> Result<Option<Arc<dyn Mailer>>, Error> {
    let mail = &config.tenant.mail;
    match &mail.smtp_url {
        Some(url) => Ok(Some(Arc::new(SmtpMailer::new(url.expose(), &mail.from)?))),
        None if development => Ok(Some(Arc::new(CaptureMailer::logging()))),
        None => {
            tracing::warn!("tenant.mail.smtp_url is not set: e-mails wait until it is");
            Ok(None)
        }
    }
}
