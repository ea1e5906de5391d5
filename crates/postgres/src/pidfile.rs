//! `postmaster.pid`, as PostgreSQL documents it in `miscadmin.h`. It is read, never written.

use std::fs;
use std::path::{Path, PathBuf};

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pub(crate) pid: i32,
    pub(crate) socket_dir: PathBuf,
    /// Accepts connections; this is also what `pg_ctl --wait` waits for.
    pub(crate) ready: bool,
}

impl Postmaster {
    /// The file of a data directory, stale or not.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    /// The postmaster that really runs in `data`: a process of that id that works in there. (The
    /// id alone may long be another's.)
    pub(crate) fn running(data: &Path) -> Option<Self> {
        let works_in = |pid: i32| fs::read_link(format!("/proc/{pid}/cwd"));
        Self::read(data).filter(|found| works_in(found.pid).is_ok_and(|dir| dir == data))
    }

    /// Lines: pid, data directory, start time, port, socket directory, address, memory key, status.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse().ok()?;
        let socket_dir = PathBuf::from(lines.nth(3).unwrap_or_default());
        Some(Self { pid, socket_dir, ready: lines.nth(2) == Some("ready") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_file_at_every_stage() {
        let all = "42\n/data\n1763000000\n5432\n/run/pg\n\n  5432001  1234\nready   \n";
        let found = Postmaster { pid: 42, socket_dir: PathBuf::from("/run/pg"), ready: true };
        assert_eq!(Postmaster::parse(all), Some(found));
        assert!(!Postmaster::parse("42\n/data\n1763000000\n5432\n/run/pg\n").unwrap().ready);
        assert_eq!(Postmaster::parse(""), None);
    }
}
