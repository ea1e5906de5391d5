//! A process that outlives every test and stops the shared cluster after the last of them.

use std::path::Path;
use std::time::Duration;

use crate::process::Process;
use crate::{Error, directory, launch};

const SCRIPT: &str = include_str!("guardian.sh");

/// Makes sure that a guardian watches `holders`. The caller holds the start lock and `holders`.
pub(crate) fn ensure(holders: &Path, lock: &Path, data: &Path, grace: Duration) -> Result<(), Error> {
    if directory::open(lock)?.try_lock().is_err() {
        return Ok(());
    }
    if launch::clean("flock").arg("--version").status().is_err() {
        return Err(Error::NoTool { program: "flock", package: "util-linux" });
    }
    let mut command = launch::clean("/bin/sh");
    command.args(["-c", SCRIPT, "veza-postgres-guardian"]).arg(holders).arg(lock).arg(data);
    command.arg(grace.as_secs().to_string());
    Process::spawn(command).map(drop).map_err(Error::io("run", Path::new("/bin/sh")))
}
