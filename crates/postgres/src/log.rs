//! The log of the server: one file, and the one before it.

use std::fs::{self, File};
use std::path::Path;

use crate::{Error, directory};

/// A log longer than this is put aside at the next start.
const LONGEST_BYTES: u64 = 10 * 1024 * 1024;

/// How much of the end an error shows.
const TAIL_LINES: usize = 20;

/// Opens the log for appending; a long one becomes `<path>.old` and replaces the last one there.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > LONGEST_BYTES) {
        fs::rename(path, path.with_added_extension("old")).map_err(Error::io("rotate", path))?;
    }
    directory::open(path)
}

/// The last lines, or nothing when there is no log.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let skip = text.lines().count().saturating_sub(TAIL_LINES);
    text.lines().skip(skip).collect::<Vec<_>>().join("\n")
}
