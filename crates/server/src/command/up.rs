//! `veza up`.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use veza_core::config::Period;
use veza_postgres::{Cluster, Exit};

use super::{block_on, print};
use crate::cli::{Role, UpArgs};
use crate::config::{Config, LogFormat};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::listener::Listeners;
use crate::serve::{Plan, Service};
use crate::telemetry::Telemetry;
use crate::{private_database, signal};

pub(super) fn run(file: Option<&Path>, args: &UpArgs) -> Result<ExitCode, Error> {
    let data = DataDir::locate(&args.data)?;
    let own = data.config_file();
    let config = configure(file.or(own.as_deref()), args)?;
    data.create()?;
    block_on(async {
        let telemetry = Telemetry::start(&config.telemetry)?;
        let outcome = Box::pin(up(config, data, &telemetry)).await;
        if let Err(error) = &outcome {
            telemetry.complain(error);
        }
        telemetry.stop();
        Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Other defaults than in production, which whatever is configured beats.
fn configure(file: Option<&Path>, args: &UpArgs) -> Result<Config, Error> {
    let mut defaults = Config::default();
    "info,actix_server=warn,actix_http::h1::dispatcher=off,veza_web::access=warn"
        .clone_into(&mut defaults.telemetry.log);
    defaults.telemetry.log_format = LogFormat::Human;
    defaults.server.drain_notice = Period::from_secs(0);
    let listen = match args.listen {
        Some(address) => vec![address],
        None => Config::read_over(&defaults, file)?.web.listen,
    };
    // Whoever reaches a machine that only its owner reaches may begin.
    defaults.tenant.open_signup = listen.iter().all(|address| address.ip().is_loopback());
    if let Some(address) = listen.first() {
        defaults.web.public_url = format!("http://{}", reachable(*address));
    }
    let mut config = Config::read_over(&defaults, file)?;
    config.web.listen = listen;
    let mut problems = config.problems(false);
    if config.database.url.is_some() {
        let problem = "database.url is set: `veza up` brings its own PostgreSQL; use `veza serve`";
        problems.push(problem.to_owned());
    }
    if problems.is_empty() { Ok(config) } else { Err(Error::Problems(problems)) }
}

/// An address that a client can call: "all of them" is none.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

async fn up(mut config: Config, data: DataDir, telemetry: &Telemetry) -> Result<(), Error> {
    let asked = signal::listen()?;
    // First, because it is what most often goes wrong, and quickly told.
    let listeners = Listeners::open(&config.web.listen, config.server.admin_listen)?;
    let url = listeners.address().map(|address| format!("http://{}", reachable(address)));
    if let (Some(url), true) = (&url, config.web.public_url.ends_with(":0")) {
        config.web.public_url.clone_from(url);
    }
    let place = data.clone();
    let starting = spawn_blocking(move || {
        let cluster = private_database::start(&mut config, &place);
        cluster.map(|cluster| (cluster, config))
    });
    let started = tokio::select! {
        started = starting => started.unwrap_or_else(|panic| Err(Error::Other(panic.to_string()))),
        // It ends with us, and takes up the start where it is the next time.
        () = lost_patience(&asked) => return Ok(()),
    };
    let (cluster, config) = started?;
    let exit = cluster.exited();
    let (roles, metrics) = (Role::ALL.to_vec(), telemetry.metrics.clone());
    let plan = Plan { config, roles, listeners, metrics, development: true };
    let prepare = Box::pin(Service::prepare(plan));
    let outcome = match asked.run_until_cancelled(prepare).await {
        Some(Ok(service)) => {
            greet(&service, &url.unwrap_or_default(), data.path()).await;
            service.run(until_stopped(asked, exit).boxed()).await
        }
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    data.remove_database_url();
    stop(cluster).await;
    outcome
}

/// A while after somebody asked to stop: a start that goes well is over by then, and stops in order.
async fn lost_patience(asked: &CancellationToken) {
    asked.cancelled().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
}

/// Until somebody asks, or the database ends by itself.
async fn until_stopped(asked: CancellationToken, exit: Exit) -> Result<(), Error> {
    tokio::select! {
        () = asked.cancelled() => Ok(()),
        _ = spawn_blocking(move || exit.wait()) => {
            Err(Error::Other("PostgreSQL has ended by itself; its log is beside its data".to_owned()))
        }
    }
}

async fn stop(cluster: Cluster) {
    if let Err(error) = spawn_blocking(move || private_database::stop(cluster)).await {
        tracing::warn!(%error, "PostgreSQL could not be stopped");
    }
}

/// Says where it is and how to begin.
async fn greet(service: &Service, url: &str, data: &Path) {
    let mut text = format!("\n  Veza is up:  {url}\n  API:         {url}/docs\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  Data:        {}", data.display());
    if service.platform.tenants.is_first_run().await.unwrap_or(false) {
        let token = service.platform.tenants.first_run_token();
        let _ = writeln!(text, "  Begin here:  {url}/setup#{token}");
    }
    text.push_str("  Ctrl-C stops it all; the data stays.\n\n");
    if let Err(error) = print(&text) {
        tracing::warn!(%error, "the address cannot be told");
    }
}
