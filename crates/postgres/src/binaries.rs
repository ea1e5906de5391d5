//! Where the PostgreSQL programs are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Error;

/// The oldest supported major version.
const MINIMUM: u32 = 14;

/// A directory with `initdb` and `postgres` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds the server programs. The first of these wins:
    ///
    /// 1. `configured`, which must be right: nothing else is tried after it;
    /// 2. the directory in `VEZA_PG_BINDIR` when this crate was compiled (Nix bakes it in);
    /// 3. `pg_config --bindir`, when the server is really there (Debian's `libpq-dev` has the one
    ///    without the other);
    /// 4. `PATH`;
    /// 5. `/usr/lib/postgresql/*/bin` and `/usr/pgsql-*/bin`, newest first.
    ///
    /// Versions older than 14 are passed over, and an error when there is no other.
    pub fn find(configured: Option<&Path>) -> Result<Self, Error> {
        if let Some(dir) = configured {
            return Self::at(dir);
        }
        let mut refused = Error::NotInstalled;
        for dir in candidates() {
            match Self::at(&dir) {
                Ok(found) => return Ok(found),
                Err(error @ Error::TooOld { .. }) => refused = error,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    /// The directory of the programs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The major version, for example 15.
    pub fn major_version(&self) -> u32 {
        self.major
    }

    /// The path of one program, whether or not it is there.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn at(dir: &Path) -> Result<Self, Error> {
        let postgres = dir.join("postgres");
        if !postgres.is_file() || !dir.join("initdb").is_file() {
            return Err(Error::NotBinaries(dir.to_path_buf()));
        }
        let output =
            Command::new(&postgres).arg("--version").output().map_err(Error::io("run", &postgres))?;
        let version = String::from_utf8_lossy(&output.stdout);
        match major(&version) {
            Some(major) if major >= MINIMUM => Ok(Self { dir: dir.to_path_buf(), major }),
            Some(major) => Err(Error::TooOld { dir: dir.to_path_buf(), major }),
            None => Err(Error::NotBinaries(dir.to_path_buf())),
        }
    }
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`; a beta is `19beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..digits)?.parse().ok()
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    option_env!("VEZA_PG_BINDIR")
        .map(PathBuf::from)
        .into_iter()
        .chain(pg_config())
        .chain(path())
        .chain(versioned("/usr/lib/postgresql", ""))
        .chain(versioned("/usr", "pgsql-"))
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// `<root>/<prefix><version>/bin`, newest version first.
fn versioned(root: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, dir)| dir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_version() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn a_wrong_configured_directory_is_an_error_and_not_passed_over() {
        assert!(matches!(Binaries::find(Some(Path::new("/nowhere"))), Err(Error::NotBinaries(_))));
    }
}
