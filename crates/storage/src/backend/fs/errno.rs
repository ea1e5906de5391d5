//! The errors of the operating system, as facts.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

use crate::Error;

/// What an error of the system means when it happened at `what`.
pub(super) fn failed(what: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| match errno {
        // A file larger than the process or the file system may have (FBIG) has no space either.
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Error::Full,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => Error::Refused(format!("{what}: {errno}")),
        Errno::LOOP => Error::Corrupt("a symbolic link is in the place of a file or directory"),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => {
            Error::Unavailable { retry_after: Duration::from_secs(1), reason: format!("{what}: {errno}") }
        }
        other => Error::Failed { what, source: io::Error::from(other).into() },
    }
}

/// The same for the standard library's errors.
pub(super) fn failed_io(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| match Errno::from_io_error(&error) {
        Some(errno) => failed(what)(errno),
        None => Error::Failed { what, source: error.into() },
    }
}

/// The same where an absent file means `absent`.
pub(super) fn absent(absent: Error, what: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| if errno == Errno::NOENT { absent } else { failed(what)(errno) }
}
