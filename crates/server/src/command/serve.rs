//! `veza serve`.

use std::process::ExitCode;

use futures_util::FutureExt;

use super::block_on;
use crate::cli::{Role, ServeArgs};
use crate::config::Config;
use crate::error::Error;
use crate::listener::Listeners;
use crate::serve::{Plan, Service};
use crate::signal;
use crate::telemetry::Telemetry;

pub(super) fn run(config: Config, args: &ServeArgs) -> Result<ExitCode, Error> {
    let problems = config.problems(true);
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let roles = if args.role.is_empty() { Role::ALL.to_vec() } else { args.role.clone() };
    block_on(async {
        let telemetry = Telemetry::start(&config.telemetry)?;
        let outcome = Box::pin(serve(config, roles, &telemetry)).await;
        if let Err(error) = &outcome {
            telemetry.complain(error);
        }
        telemetry.stop();
        Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn serve(config: Config, roles: Vec<Role>, telemetry: &Telemetry) -> Result<(), Error> {
    let asked = signal::listen()?;
    let serves = roles.iter().any(|role| role.serves());
    let (web, admin) = (config.web.listen.clone(), config.server.admin_listen);
    let metrics = telemetry.metrics.clone();
    let plan = Plan { config, roles, listeners: Listeners::default(), metrics, development: false };
    let prepare = Box::pin(Service::prepare(plan));
    let Some(service) = asked.run_until_cancelled(prepare).await else { return Ok(()) };
    let mut service = service?;
    // Not before: until there is a database, a balancer is better refused than kept waiting.
    service.listeners = Listeners::open(if serves { &web } else { &[] }, admin)?;
    if !serves {
        service.listeners.public.clear();
    }
    if let Some(address) = service.listeners.address() {
        tracing::info!(%address, "serving");
    } else {
        tracing::info!("working, and serving nobody");
    }
    let stop = async move {
        asked.cancelled().await;
        Ok(())
    };
    service.run(stop.boxed()).await
}
