//! `cargo xtask up`: from a clone to a running system.

use std::os::unix::process::CommandExt;

use crate::install::{Purpose, install};
use crate::{Outcome, shell};

/// Our own options come first; the rest is for `veza up`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (mut dry, mut trust) = (false, false);
    let mut rest = arguments;
    while let Some((word, others)) = rest.split_first() {
        match word.as_str() {
            "--dry-run" => dry = true,
            "--no-install" => trust = true,
            "--" => {
                rest = others;
                break;
            }
            _ => break,
        }
        rest = others;
    }
    if !trust {
        install(Purpose::Run, dry)?;
    }
    let mut command = shell::cargo_with("run --package veza-server --bin veza -- up");
    command.args(rest);
    println!("$ {}", shell::line(&command));
    if dry {
        return Ok(());
    }
    // In our place: signals and the exit status need no passing on.
    Err(format!("cannot run cargo: {}", command.exec()))
}
