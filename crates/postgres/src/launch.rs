//! Commands for programs that run as the account of the server.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::{env, io};

use crate::{Account, Error};

/// What of our environment PostgreSQL needs to find libraries and locales. The rest would change
/// its behaviour (`PGPORT`, `PGDATA`) or hand it our secrets.
const PASSED_ON: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "LOCALE_ARCHIVE", "TMPDIR"];

/// Runs the rest of its arguments, unless our parent is gone already: then the signal that was to
/// tell us so has been missed.
const UNLESS_ORPHAN: &str = r#"[ "$PPID" = "$0" ] || exit 1; exec "$@""#;

/// A command that ends with SIGINT when the thread that starts it ends, and so with this process,
/// even by SIGKILL.
///
/// `setpriv` gives up root's rights and only then asks for the death signal, which a change of
/// user would clear.
pub(crate) fn tied(account: &Account, program: &Path) -> Command {
    let mut command = clean("setpriv");
    if account.is_other() {
        command.arg(format!("--reuid={}", account.uid())).arg(format!("--regid={}", account.gid()));
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig=INT", "--", "/bin/sh", "-c", UNLESS_ORPHAN]).arg(id().to_string());
    command.arg(program);
    command
}

/// A command that goes on without us.
pub(crate) fn detached(account: &Account, program: &Path) -> Command {
    let mut command = clean(program);
    if account.is_other() {
        // The standard library also clears the supplementary groups when root gives a uid.
        command.uid(account.uid()).gid(account.gid());
    }
    command
}

/// A command without our environment, our standard streams and our process group: Ctrl-C reaches
/// us alone, and we stop the server after its clients.
pub(crate) fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    command.envs(PASSED_ON.into_iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command
}

/// For `map_err` on a spawn: every command but `setpriv` is known to be there.
pub(crate) fn error(program: &Path) -> impl FnOnce(io::Error) -> Error {
    let program = program.to_path_buf();
    move |source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoTool { program: "setpriv", package: "util-linux" },
        _ => Error::io("run", &program)(source),
    }
}
