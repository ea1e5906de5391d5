//! Running other programs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fmt::Write};

use crate::Outcome;

/// Variables of `cargo xtask nix`. The program takes every `VEZA_…` for a key of its configuration.
pub(crate) const TREES: [&str; 3] = ["VEZA_NIXPKGS", "VEZA_DISKO", "VEZA_CRANE"];

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for variable in TREES {
        command.env_remove(variable);
    }
    command
}

/// Cargo with these arguments, separated by spaces.
pub(crate) fn cargo_with(arguments: &str) -> Command {
    let mut command = cargo();
    command.args(arguments.split_whitespace());
    command
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}={} ", name.display(), quote(&value.to_string_lossy()));
    }
    let program = PathBuf::from(command.get_program());
    text.push_str(&program.file_name().unwrap_or_default().to_string_lossy());
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&quote(&argument.to_string_lossy()));
    }
    text
}

fn quote(word: &str) -> String {
    if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() }
}

/// Runs a command whose output the user sees.
pub(crate) fn run(mut command: Command) -> Outcome {
    let line = line(&command);
    let status = command.status().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs a command and returns what it prints on standard output.
pub(crate) fn read(mut command: Command) -> Outcome<String> {
    let line = line(&command);
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed ({})", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{line}` printed no text: {error}"))
}

/// True when the command runs and succeeds; shows nothing.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// True when `PATH` has the program.
pub(crate) fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
