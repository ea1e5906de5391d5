//! The directories below the root.
//!
//! ```text
//! blobs/<tenant>/019aa/3b/<blob>   the first seven digits of the blob's id: its time
//! temporary/<random>               files being written, where they must have a name
//! ```
//!
//! Blobs fan out by time: five digits are three days, two more are seventeen minutes. So the order of the
//! directories is the order of the keys, and blobs that are made together lie together.

use std::collections::HashMap;
use std::fs::{DirBuilder, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, StatxFlags, fsync, mkdirat, openat, statx, unlinkat};
use rustix::io::Errno;
use veza_core::{Random, bytes};

use super::FsConfig;
use super::blocking::Pool;
use super::errno::{failed, failed_io};
use super::temporary;
use super::writers::Writers;
use crate::{BlobKey, Error};

/// Directories that are known to survive a power failure; more than this are not remembered.
const REMEMBERED: usize = 4_096;

/// The open directories of one store.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) blobs: OwnedFd,
    pub(super) temporary: Arc<OwnedFd>,
    pub(super) step: usize,
    pub(super) writers: Writers,
    pub(super) pool: Pool,
    /// Files can be made without a name, and get one later.
    pub(super) anonymous: bool,
    random: Arc<dyn Random>,
    durable: Mutex<HashMap<Slot, Identity>>,
}

/// The directory of a blob, as the three names that lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Slot([String; 3]);

impl Slot {
    pub(super) fn of(key: BlobKey) -> Self {
        let blob = key.blob().to_string();
        // An id's text has 36 ASCII characters.
        let digits = |range: std::ops::Range<usize>| blob.get(range).unwrap_or_default().to_owned();
        Self([key.tenant().to_string(), digits(0..5), digits(5..7)])
    }

    pub(super) fn into_names(self) -> [String; 3] {
        self.0
    }

    fn names(&self) -> &[String; 3] {
        &self.0
    }
}

/// Tells a directory from another that has or had its name: its inode, and the time of its making, since the
/// numbers of inodes are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, i64, u32);

impl Identity {
    /// None where the file system does not know when it made a directory.
    fn of(directory: &OwnedFd) -> Result<Option<Self>, Error> {
        let wanted = StatxFlags::INO | StatxFlags::BTIME;
        let stat = match statx(directory, "", AtFlags::EMPTY_PATH, wanted) {
            Err(Errno::NOSYS) => return Ok(None),
            other => other.map_err(failed("look at a directory"))?,
        };
        let known = StatxFlags::from_bits_retain(stat.stx_mask).contains(wanted);
        Ok(known.then_some(Self(stat.stx_ino, stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec)))
    }
}

impl Root {
    pub(super) fn open(config: &FsConfig, pool: Pool, random: Arc<dyn Random>) -> Result<Self, Error> {
        if config.step == 0 {
            return Err(Error::Setup("the step must have at least one byte".to_owned()));
        }
        let root = open_root(&config.root)?;
        let mut this = Self {
            blobs: ensure(&root, "blobs")?,
            temporary: Arc::new(ensure(&root, "temporary")?),
            step: config.step,
            writers: Writers::default(),
            pool,
            anonymous: config.anonymous,
            random,
            durable: Mutex::default(),
        };
        fsync(&root).map_err(failed("fsync the root"))?;
        sync_above(&config.root);
        this.anonymous = this.anonymous && temporary::can_be_anonymous(&this);
        Ok(this)
    }

    /// 32 hexadecimal digits that nobody has.
    pub(super) fn random_name(&self) -> String {
        format!("{:032x}", u128::from_le_bytes(bytes::<16>(&*self.random)))
    }

    /// The directory of a blob, if it is there.
    pub(super) fn find(&self, key: BlobKey) -> Result<Option<OwnedFd>, Error> {
        let [tenant, days, minutes] = Slot::of(key).0;
        let Some(tenant) = enter(&self.blobs, &tenant)? else { return Ok(None) };
        let Some(days) = enter(&tenant, &days)? else { return Ok(None) };
        enter(&days, &minutes)
    }

    /// The directory of a blob, made where it is missing, and durable.
    pub(super) fn make(&self, key: BlobKey) -> Result<OwnedFd, Error> {
        let slot = Slot::of(key);
        let [tenant, days, minutes] = slot.names();
        let tenant = ensure(&self.blobs, tenant)?;
        let days = ensure(&tenant, days)?;
        let minutes = ensure(&days, minutes)?;
        // Whoever removed the directory, also another process, and whoever made it anew: this is that one.
        let identity = Identity::of(&minutes)?;
        if identity.is_none() || self.durable().get(&slot).copied() != identity {
            for directory in [&days, &tenant, &self.blobs] {
                fsync(directory).map_err(failed("fsync a directory"))?;
            }
            self.remember(slot, identity);
        }
        Ok(minutes)
    }

    /// Removes the directory of a blob and the one above it, when nothing is in them.
    pub(super) fn prune(&self, key: BlobKey) -> Result<(), Error> {
        let slot = Slot::of(key);
        let [tenant, days, minutes] = slot.names();
        let Some(tenant) = enter(&self.blobs, tenant)? else { return Ok(()) };
        let Some(above) = enter(&tenant, days)? else { return Ok(()) };
        if remove_if_empty(&above, minutes)? {
            remove_if_empty(&tenant, days)?;
        }
        Ok(())
    }

    fn remember(&self, slot: Slot, identity: Option<Identity>) {
        let mut durable = self.durable();
        if durable.len() >= REMEMBERED {
            durable.clear();
        }
        durable.extend(identity.map(|identity| (slot, identity)));
    }

    fn durable(&self) -> MutexGuard<'_, HashMap<Slot, Identity>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_root(path: &Path) -> Result<OwnedFd, Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed_io("make the root"))?;
    let mode = std::fs::metadata(path).map(|data| Permissions::mode(&data.permissions()));
    if mode.map_err(failed_io("look at the root"))? & 0o022 != 0 {
        return Err(Error::Setup(format!("others may write to {}: chmod go-w", path.display())));
    }
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed("open the root"))
}

/// Makes the way to the root durable, as far as this user may. What cannot be opened was not made by us either.
fn sync_above(path: &Path) {
    let path = path.canonicalize().unwrap_or_else(|_gone| path.to_owned());
    for above in path.ancestors().skip(1) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let synced = openat(CWD, above, flags, Mode::empty()).and_then(|directory| fsync(&directory));
        if let Err(error) = synced {
            tracing::debug!(%error, path = %above.display(), "a directory above the root is not synced");
        }
    }
}

/// Opens a directory in a directory.
pub(super) fn enter(parent: &OwnedFd, name: &str) -> Result<Option<OwnedFd>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR) => Err(Error::Corrupt("something is in the place of a directory")),
        Err(errno) => Err(failed("open a directory")(errno)),
    }
}

/// Opens a directory in a directory, and makes it if it is missing.
fn ensure(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Error> {
    // Another process may remove the empty directory between the two steps.
    for _ in 0..100 {
        if let Some(directory) = enter(parent, name)? {
            return Ok(directory);
        }
        match mkdirat(parent, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            // The parent was removed: whoever called begins again.
            Err(errno) => return Err(failed("make a directory")(errno)),
        }
    }
    Err(Error::Corrupt("a directory cannot be made to stay"))
}

fn remove_if_empty(parent: &OwnedFd, name: &str) -> Result<bool, Error> {
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY) => Ok(false),
        Err(errno) => Err(failed("remove a directory")(errno)),
    }
}

/// The names in a directory, in order, beginning with `least`. What is no text is not ours.
pub(super) fn names(directory: &OwnedFd, least: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).map_err(failed("read a directory"))? {
        let entry = entry.map_err(failed("read a directory"))?;
        if let Ok(name) = entry.file_name().to_str()
            && !matches!(name, "." | "..")
            && name >= least
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
