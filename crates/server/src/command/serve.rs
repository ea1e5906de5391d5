//! `veza serve`.

use std::process::ExitCode;

use futures_util::FutureExt;

use super::block_on;
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::error::Error;
use crate::serve::Service;
use crate::telemetry::Telemetry;
use crate::{listener, signal};

pub(super) fn run(config: Config, args: &ServeArgs) -> Result<ExitCode, Error> {
    let problems = config.problems(true);
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    block_on(async {
        let telemetry = Telemetry::start(&config.telemetry)?;
        let prepare = Service::prepare(config, &args.role, telemetry.metrics.clone(), false);
        let service = tokio::select! {
            service = prepare => service.map(Some),
            interrupted = signal::stop_requested() => interrupted.map(|()| None),
        };
        let outcome = match service {
            Ok(Some(service)) => {
                tracing::info!(address = ?listener::address(&service.listeners), "serving");
                service.run(signal::stop_requested().boxed()).await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        telemetry.stop();
        outcome.map(|()| ExitCode::SUCCESS)
    })
}
