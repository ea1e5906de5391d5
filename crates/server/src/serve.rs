//! The process that serves, from its first connection to its last.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use futures_util::future::{BoxFuture, join_all};
use metrics_exporter_prometheus::PrometheusHandle;
use veza::Platform;
use veza_core::db::{MigrationError, Migrator};
use veza_tenant::mail::{CaptureMailer, Mailer};
use veza_tenant::{SmtpMailer, Tenants, http};
use veza_web::{Drain, Render, Routes, Web};

use crate::cli::Role;
use crate::config::{Config, ServerConfig};
use crate::error::Error;
use crate::{listener, page, signal, telemetry};

/// How long to wait for a database that is not there yet.
const PATIENCE: Duration = Duration::from_mins(1);

/// A process that is ready to serve.
pub(crate) struct Service {
    pub(crate) platform: Platform,
    pub(crate) listeners: Vec<TcpListener>,
    config: ServerConfig,
    metrics: PrometheusHandle,
    roles: Vec<Role>,
}

impl Service {
    /// Connects, checks the schema, loads keys, opens the sockets.
    pub(crate) async fn prepare(
        config: Config,
        roles: &[Role],
        metrics: PrometheusHandle,
        development: bool,
    ) -> Result<Self, Error> {
        let mailer = mailer(&config, development)?;
        let (listen, server) = (config.web.listen.clone(), config.server.clone());
        let platform = open_patiently(config, mailer).await?;
        let roles = if roles.is_empty() { vec![Role::Api, Role::Worker] } else { roles.to_vec() };
        let serves = roles.contains(&Role::Api);
        let listeners = if serves { listener::open(&listen)? } else { Vec::new() };
        Ok(Self { platform, listeners, config: server, metrics, roles })
    }

    /// Serves until `stop` says so, then ends in order: no new connections, a word to those that are
    /// open, the requests under way, the tasks.
    pub(crate) async fn run(self, stop: BoxFuture<'static, Result<(), Error>>) -> Result<(), Error> {
        self.platform.start(self.roles.contains(&Role::Worker));
        self.watch_queue();
        let (servers, drains) = self.servers()?;
        let handles: Vec<ServerHandle> = servers.iter().map(Server::handle).collect();
        signal::ready(&self.platform.tasks);
        let notice = self.config.drain_notice.as_duration();
        let timeout = self.config.drain_timeout.as_duration();
        let ending = end(stop, drains, handles, notice, timeout);
        let (served, ended) = tokio::join!(join_all(servers), ending);
        if !self.platform.stop(timeout).await {
            tracing::warn!("some background tasks did not end in time");
        }
        ended?;
        served.into_iter().try_for_each(|outcome| outcome.map_err(Error::io("the server failed")))
    }

    /// The public server and, where one is configured, that for the operator alone.
    fn servers(&self) -> Result<(Vec<Server>, Vec<Drain>), Error> {
        let failed = || Error::io("cannot serve");
        let (mut servers, mut drains) = (Vec::new(), Vec::new());
        let admin = self.config.admin_listen;
        if let Some(address) = admin {
            let site = self.site().metrics(self.render()).site();
            let bound = TcpListener::bind(address);
            let bound = bound.map_err(Error::io(format!("cannot listen on {address}")))?;
            servers.push(site.serve(vec![bound], |_| {}).map_err(failed())?);
            drains.push(site.drain());
        }
        if !self.listeners.is_empty() {
            let listeners: std::io::Result<_> = self.listeners.iter().map(TcpListener::try_clone).collect();
            let web = self.site();
            let web = if admin.is_some() { web } else { web.metrics(self.render()) };
            let site = web.site();
            let mount = mount(self.platform.tenants.clone());
            servers.push(site.serve(listeners.map_err(failed())?, mount).map_err(failed())?);
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

/// All routes of the program.
pub(crate) fn mount(tenants: Tenants) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let tenant = http::routes(tenants);
    move |routes| {
        tenant(routes);
        page::routes(routes);
    }
}

/// The end of service, in order.
async fn end(
    stop: BoxFuture<'static, Result<(), Error>>,
    drains: Vec<Drain>,
    handles: Vec<ServerHandle>,
    notice: Duration,
    timeout: Duration,
) -> Result<(), Error> {
    let outcome = stop.await;
    tracing::info!("stopping");
    signal::stopping();
    for drain in &drains {
        drain.begin();
    }
    for handle in &handles {
        handle.pause().await;
    }
    tokio::time::sleep(notice).await;
    let graceful = join_all(handles.iter().map(|handle| handle.stop(true)));
    if tokio::time::timeout(timeout, graceful).await.is_err() {
        tracing::warn!("requests were still under way when the time to stop had passed");
        join_all(handles.iter().map(|handle| handle.stop(false))).await;
    }
    outcome
}

/// A schema that is behind or ahead is an error at once; a database that is not there yet is
/// waited for.
async fn open_patiently(config: Config, mailer: Option<Arc<dyn Mailer>>) -> Result<Platform, Error> {
    let config = veza::Config { database: config.database, web: config.web, tenant: config.tenant };
    let mut waited = Duration::ZERO;
    loop {
        match Platform::open(config.clone(), Migrator::veza(), mailer.clone()).await {
            Err(veza::Error::Schema(MigrationError::Connect(error))) if waited < PATIENCE => {
                tracing::warn!(%error, "the database cannot be reached yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
                waited += Duration::from_secs(1);
            }
            outcome => return Ok(outcome?),
        }
    }
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
