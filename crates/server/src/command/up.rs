//! `veza up`.

use std::path::Path;
use std::process::ExitCode;

use futures_util::FutureExt;
use tokio::task::spawn_blocking;
use veza_core::config::Period;
use veza_postgres::{Cluster, Exit};

use super::block_on;
use crate::cli::UpArgs;
use crate::config::{Config, LogFormat};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::serve::Service;
use crate::telemetry::Telemetry;
use crate::{listener, private_database, signal};

pub(super) fn run(file: Option<&Path>, args: &UpArgs) -> Result<ExitCode, Error> {
    let data = DataDir::locate(&args.data)?;
    let own = data.config_file();
    let mut config = Config::read(file.or(own.as_deref()))?;
    if config.database.url.is_some() {
        let problem = "database.url is set: `veza up` brings its own PostgreSQL; use `veza serve`";
        return Err(Error::Problems(vec![problem.to_owned()]));
    }
    data.create()?;
    develop(&mut config, args);
    config.tenant.root_secret.get_or_insert(data.create_root_secret()?);
    let problems = config.problems(false);
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    block_on(serve(config, data))
}

/// What differs on a developer's machine: quick stops, and anybody who reaches it may begin.
fn develop(config: &mut Config, args: &UpArgs) {
    let given = Config::default();
    if let Some(address) = args.listen {
        config.web.listen = vec![address];
    }
    if config.telemetry.log == given.telemetry.log {
        config.telemetry.log = String::from("info,actix_server=warn,veza_web::access=warn");
    }
    if config.telemetry.log_format == LogFormat::Auto {
        config.telemetry.log_format = LogFormat::Human;
    }
    if config.server.drain_notice == given.server.drain_notice {
        config.server.drain_notice = Period::from_secs(0);
    }
    let local = config.web.listen.iter().all(|address| address.ip().is_loopback());
    config.tenant.open_signup |= local;
    let moved = config.web.listen.first().filter(|address| address.port() != 0);
    if let (true, Some(address)) = (config.web.public_url == given.web.public_url, moved) {
        config.web.public_url = format!("http://{address}");
    }
}

async fn serve(mut config: Config, data: DataDir) -> Result<ExitCode, Error> {
    let telemetry = Telemetry::start(&config.telemetry)?;
    let path = data.path().to_owned();
    let started = spawn_blocking(move || {
        let cluster = private_database::start(&mut config, &data);
        cluster.map(|cluster| (cluster, config))
    });
    let (cluster, config) = started.await.unwrap_or_else(|panic| Err(Error::Other(panic.to_string())))?;
    let exit = cluster.exited();
    let outcome = match Service::prepare(config, &[], telemetry.metrics.clone(), true).await {
        Ok(service) => {
            greet(&service, &path).await;
            service.run(until_stopped(exit).boxed()).await
        }
        Err(error) => Err(error),
    };
    stop(cluster).await;
    telemetry.stop();
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Until somebody asks, or the database ends by itself.
async fn until_stopped(exit: Exit) -> Result<(), Error> {
    tokio::select! {
        asked = signal::stop_requested() => asked,
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
#[allow(clippy::print_stdout, reason = "this is what the command answers")]
async fn greet(service: &Service, data: &Path) {
    let Some(address) = listener::address(&service.listeners) else { return };
    println!("\n  Veza is up:  http://{address}");
    println!("  API:         http://{address}/docs");
    println!("  Data:        {}", data.display());
    if service.platform.tenants.is_first_run().await.unwrap_or(false) {
        let token = service.platform.tenants.first_run_token();
        println!("  Begin here:  http://{address}/setup#{token}");
    }
    println!("  Ctrl-C stops it all; the data stays.\n");
}
