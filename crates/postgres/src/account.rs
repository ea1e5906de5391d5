//! Who the server runs as.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};

use crate::Error;

/// The operating-system user that the server runs as: never root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// The current user. For root: the owner of `data_dir` when it exists already, else the first
    /// of `veza`, `postgres` and `nobody` that exists.
    pub fn find(data_dir: &Path) -> Result<Self, Error> {
        let current = Uid::effective();
        if !current.is_root() {
            return Self::by_uid(current);
        }
        let owner = fs::metadata(data_dir).map_or(0, |metadata| metadata.uid());
        if owner != 0 {
            return Self::by_uid(Uid::from_raw(owner));
        }
        let known = ["veza", "postgres", "nobody"].into_iter();
        known
            .filter_map(|name| User::from_name(name).ok().flatten())
            .find(|user| !user.uid.is_root())
            .map(Self::from)
            .ok_or(Error::NoAccount)
    }

    /// Its name in /etc/passwd.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its user id.
    pub fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    pub(crate) fn gid(&self) -> u32 {
        self.gid.as_raw()
    }

    /// True when the server needs less rights than we have.
    pub(crate) fn is_other(&self) -> bool {
        self.uid != Uid::effective()
    }

    /// The name of the user who runs this program: PostgreSQL maps it to roles.
    pub(crate) fn current_name() -> Result<String, Error> {
        Self::by_uid(Uid::effective()).map(|account| account.name)
    }

    /// The first directory on the way to `path` that this account cannot enter.
    pub(crate) fn closed_on_the_way(&self, path: &Path) -> Option<PathBuf> {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        way.into_iter().find(|dir| self.cannot_enter(dir)).map(Path::to_path_buf)
    }

    /// By mode bits alone: what does not exist yet is not closed.
    fn cannot_enter(&self, dir: &Path) -> bool {
        fs::metadata(dir).is_ok_and(|metadata| {
            let bit = match () {
                () if metadata.uid() == self.uid() => 0o100,
                () if metadata.gid() == self.gid() => 0o010,
                () => 0o001,
            };
            metadata.mode() & bit == 0
        })
    }

    fn by_uid(uid: Uid) -> Result<Self, Error> {
        let user = User::from_uid(uid).ok().flatten();
        user.map(Self::from).ok_or(Error::UnnamedUser(uid.as_raw()))
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid, gid: user.gid }
    }
}
