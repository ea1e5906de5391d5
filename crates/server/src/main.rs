//! The program `veza`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    veza_server::run(veza_server::cli::Cli::parse())
}
