//! Files that are being written.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, fstat, fsync, linkat, openat, unlinkat};
use rustix::io::Errno;

use super::directory::{Root, names};
use super::errno::{failed, failed_io};
use crate::{BlobKey, Error};

const OWN: Mode = Mode::RUSR.union(Mode::WUSR);

/// A file that nobody sees; it goes away when it is dropped, and when the process dies: by the kernel if it
/// has no name, else by the [`sweep`] of the next process.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: File,
    name: Option<String>,
    directory: Arc<OwnedFd>,
}

impl Temporary {
    /// An empty file.
    pub(super) fn new(root: &Root) -> Result<Self, Error> {
        if root.anonymous { Self::anonymous(root) } else { Self::named(root) }
    }

    fn anonymous(root: &Root) -> Result<Self, Error> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = openat(&*root.temporary, ".", flags, OWN).map_err(failed("make a temporary file"))?;
        Ok(Self { file: file.into(), name: None, directory: Arc::clone(&root.temporary) })
    }

    /// An empty file with a name. It is locked for as long as its writer lives.
    fn named(root: &Root) -> Result<Self, Error> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let name = root.random_name();
            let file = openat(&*root.temporary, name.as_str(), flags, OWN)
                .map_err(failed("make a temporary file"))?;
            let this = Self { file: file.into(), name: Some(name), directory: Arc::clone(&root.temporary) };
            match flock(&this.file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if this.is_linked()? => return Ok(this),
                // A sweep was faster, and removed it or is about to.
                Ok(()) | Err(Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(failed("lock a temporary file")(errno)),
            }
        }
    }

    fn is_linked(&self) -> Result<bool, Error> {
        Ok(fstat(&self.file).map_err(failed("look at a file"))?.st_nlink > 0)
    }

    /// Makes the file, which is written and synced, the blob `key`.
    pub(super) fn publish(&self, root: &Root, key: BlobKey) -> Result<(), Error> {
        self.file.sync_data().map_err(failed_io("fsync a file"))?;
        attach(root, key, |target, name| match &self.name {
            Some(own) => linkat(&*self.directory, own.as_str(), target, name, AtFlags::empty()),
            // Linking an open file by its descriptor alone takes a capability; by /proc it does not.
            None => linkat(
                CWD,
                format!("/proc/self/fd/{}", self.file.as_raw_fd()),
                target,
                name,
                AtFlags::SYMLINK_FOLLOW,
            ),
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(error) = unlinkat(&*self.directory, name.as_str(), AtFlags::empty())
            && error != Errno::NOENT
        {
            tracing::warn!(%error, name, "a temporary file stays until the next start");
        }
    }
}

/// Gives a synced file the name of a blob by `link`, durably. An existing name is [`Error::Exists`].
fn attach(
    root: &Root,
    key: BlobKey,
    link: impl Fn(&OwnedFd, &str) -> Result<(), Errno>,
) -> Result<(), Error> {
    let name = key.blob().to_string();
    // A directory may be removed, being empty, between its making and the link.
    for _ in 0..100 {
        let directory = match root.make(key) {
            Err(Error::Failed { source, .. }) if is_absent(&*source) => continue,
            other => other?,
        };
        match link(&directory, &name) {
            Ok(()) => return fsync(&directory).map_err(failed("fsync a directory")),
            Err(Errno::EXIST) => return Err(Error::Exists),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("link a blob")(errno)),
        }
    }
    Err(Error::Corrupt("a directory cannot be made to stay"))
}

fn is_absent(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Whether this file system has files without names, and /proc is there to name them.
pub(super) fn can_be_anonymous(root: &Root) -> bool {
    let probe = root.random_name();
    let linked = Temporary::anonymous(root).is_ok_and(|file| {
        let path = format!("/proc/self/fd/{}", file.file.as_raw_fd());
        linkat(CWD, path, &*root.temporary, probe.as_str(), AtFlags::SYMLINK_FOLLOW).is_ok()
    });
    linked && unlinkat(&*root.temporary, probe.as_str(), AtFlags::empty()).is_ok()
}

/// Removes the temporary files whose writers died: those that nobody holds a lock on.
pub(super) fn sweep(root: &Root) -> Result<(), Error> {
    for name in names(&root.temporary, "")? {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match openat(&*root.temporary, name.as_str(), flags, Mode::empty()) {
            Err(Errno::NOENT) => continue,
            other => other.map_err(failed("open a temporary file"))?,
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        match unlinkat(&*root.temporary, name.as_str(), AtFlags::empty()) {
            Ok(()) => tracing::info!(name, "removed the temporary file of a process that died"),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("remove a temporary file")(errno)),
        }
    }
    Ok(())
}
