//! Tests in a process of their own: to be killed, to be measured, or to have little space.

use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = "VEZA_TEST_DIRECTORY";
const MODE: &str = "VEZA_TEST_MODE";

/// Runs an ignored test of this program, `program` being it or what begins it.
pub(crate) fn command(mut program: Command, test: &str, directory: &Path, mode: &str) -> Command {
    program.args([test, "--exact", "--ignored", "--nocapture"]);
    program.env(DIRECTORY, directory).env(MODE, mode);
    program
}

/// This program.
pub(crate) fn this() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// In the child: where to work, and how.
#[allow(clippy::disallowed_methods, reason = "a test talks to its child in the simplest way there is")]
pub(crate) fn orders() -> (PathBuf, String) {
    (std::env::var_os(DIRECTORY).unwrap().into(), std::env::var(MODE).unwrap())
}

/// Runs the child to its end, which must be a good one.
pub(crate) fn succeed(mut command: Command) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success() && text[0].contains("1 passed"), "{}\n{}", text[0], text[1]);
}
