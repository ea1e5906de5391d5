//! The commands.

mod config;
mod doctor;
mod generate;
mod jobs;
mod migrate;
mod serve;
mod storage;
mod tenant;
mod up;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::error::Error;

/// Runs one command.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Error> {
    // Before anything can want TLS.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let file = cli.config.as_deref();
    match cli.command {
        Command::Up(args) => up::run(file, &args),
        Command::Serve(args) => serve::run(Config::read(file)?, &args),
        Command::Migrate(args) => migrate::run(file, &args),
        Command::Config(command) => config::run(file, &command),
        Command::Doctor(args) => doctor::run(file, &args),
        Command::Tenant(command) => tenant::run(file, command),
        Command::Jobs(command) => jobs::run(file, command),
        Command::Storage(command) => storage::run(file, command),
        Command::Openapi => generate::openapi(),
        Command::Asyncapi => generate::asyncapi(),
        Command::Errors => generate::errors(),
        Command::Metrics => generate::metrics(),
        Command::Schema => generate::schema(Config::read(file)?),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "veza", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
        Command::Man => {
            let mut text = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut text);
            rendered.map_err(Error::io("cannot write the manual page"))?;
            print(&String::from_utf8_lossy(&text))
        }
    }
}

/// Writes a command's result. A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<ExitCode, Error> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Io { what: "cannot write".to_owned(), source: error })
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Says why the program ends.
pub(crate) fn complain(error: &dyn Display) {
    // When nobody listens any more, there is nobody to tell that.
    let _ = writeln!(std::io::stderr(), "veza: {error}");
}

/// Runs `future` with what commands that talk to the database need.
fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(Error::io("cannot start the runtime"))?;
    let outcome = runtime.block_on(future);
    // What still blocks, such as connecting to a host that does not answer, is not waited for.
    runtime.shutdown_background();
    outcome
}
