//! The program `veza`, as a library so that its parts can be tested.
//!
//! There is no logic here: it reads the configuration, assembles the roles, and waits for a signal.

pub mod cli;
mod command;
mod config;
mod data_dir;
mod database;
mod error;
mod listener;
pub mod metric;
mod page;
mod private_database;
mod serve;
mod signal;
mod telemetry;

use std::process::ExitCode;

pub use self::config::{Config, LogFormat, ServerConfig, TelemetryConfig};
pub use self::error::Error;

/// Runs a command and gives the code to exit with.
pub fn run(cli: cli::Cli) -> ExitCode {
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => {
            command::complain(&error);
            ExitCode::FAILURE
        }
    }
}
