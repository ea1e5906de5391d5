//! The places of one cluster: its data directory and the files beside it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::{Account, Error, directory};

/// A data directory, its neighbours, and the account they are for.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) data: PathBuf,
    pub(crate) account: Account,
}

impl Site {
    /// Creates the parent directory and checks that the account can get there.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        let data = std::path::absolute(data_dir).map_err(Error::io("find", data_dir))?;
        let home = data.parent().ok_or_else(|| Error::NotACluster(data.clone()))?;
        let account = Account::find(&data)?;
        let mode = if account.is_other() { 0o711 } else { 0o700 };
        DirBuilder::new().recursive(true).mode(mode).create(home).map_err(Error::io("create", home))?;
        // The server knows itself by its real path, and so must we.
        let home = fs::canonicalize(home).map_err(Error::io("find", home))?;
        if let Some(dir) = account.closed_on_the_way(&home) {
            return Err(Error::Unreachable { dir, account: account.name().to_owned() });
        }
        let name = data.file_name().ok_or_else(|| Error::NotACluster(data.clone()))?;
        Ok(Self { data: home.join(name), account })
    }

    /// `<data>.<suffix>`, beside the data directory.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        self.data.with_added_extension(suffix)
    }

    /// The lock that makes us the only supervisor, until it is dropped or the process dies.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let file = directory::open(&self.beside("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(Error::InUse(self.data.clone())),
            Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &self.beside("lock"))(error)),
        }
    }

    /// The major version in `PG_VERSION`, `None` when there is no cluster yet.
    pub(crate) fn version(&self) -> Result<Option<String>, Error> {
        match fs::read_to_string(self.data.join("PG_VERSION")) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &self.data.join("PG_VERSION"))(error)),
        }
    }
}
