//! Multipart uploads: a directory for each, with a file for each part.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FlockOperation, Mode, Stat, flock, fstat, fsync, mkdirat, unlinkat};
use rustix::io::Errno;

use super::directory::{Root, enter, names};
use super::errno::failed;
use super::temporary::Temporary;
use super::write::spool;
use super::{Part, UploadId};
use crate::backend::check_number;
use crate::{BlobKey, Body, Error};

/// Begins an upload.
pub(super) fn begin(root: &Root, key: BlobKey) -> Result<UploadId, Error> {
    let upload = UploadId::new(root.random_name());
    mkdirat(&root.uploads, directory_name(key, &upload)?, Mode::RWXU).map_err(failed("make a directory"))?;
    fsync(&root.uploads).map_err(failed("fsync a directory"))?;
    Ok(upload)
}

/// Stores a part. A part with its number that is there is replaced at once.
pub(super) async fn part(
    root: Arc<Root>,
    key: BlobKey,
    upload: &UploadId,
    number: u16,
    len: u64,
    body: Body,
) -> Result<Part, Error> {
    check_number(number)?;
    let name = directory_name(key, upload)?;
    let (target, pool) = (Arc::clone(&root), root.pool.clone());
    // Asked before the body is read, for nothing is gained by reading it.
    let directory = pool.run(move || open(&target, &name)).await?;
    let (temporary, len) = spool(root, Some(len), body, Temporary::named).await?;
    let replace = move || {
        let tag = tag(&fstat(&temporary.file).map_err(failed("look at a file"))?);
        temporary.replace(&directory, &number.to_string())?;
        Ok(Part { number, len, tag })
    };
    pool.run(replace).await
}

/// Ends an upload without a blob.
pub(super) fn abort(root: &Root, key: BlobKey, upload: &UploadId) -> Result<(), Error> {
    match directory_name(key, upload).and_then(|name| Ok((open(root, &name)?, name))) {
        Ok((directory, name)) => {
            lock(&directory)?;
            remove(root, &name, &directory)
        }
        Err(Error::UploadNotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The uploads of a key.
pub(super) fn uploads(root: &Root, key: BlobKey) -> Result<Vec<UploadId>, Error> {
    let prefix = format!("{}.{}.", key.tenant(), key.blob());
    let names = names(&root.uploads, &prefix)?;
    Ok(names.iter().map_while(|name| name.strip_prefix(&prefix)).map(UploadId::new).collect())
}

/// The name of an upload's directory. An id that we did not make names no upload.
pub(super) fn directory_name(key: BlobKey, upload: &UploadId) -> Result<String, Error> {
    let id = upload.as_str();
    let ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if ours { Ok(format!("{}.{}.{id}", key.tenant(), key.blob())) } else { Err(Error::UploadNotFound) }
}

/// Opens an upload's directory.
pub(super) fn open(root: &Root, name: &str) -> Result<OwnedFd, Error> {
    enter(&root.uploads, name)?.ok_or(Error::UploadNotFound)
}

/// Keeps others from ending the upload, as long as the handle is open.
pub(super) fn lock(directory: &OwnedFd) -> Result<(), Error> {
    flock(directory, FlockOperation::NonBlockingLockExclusive).map_err(failed("lock an upload"))
}

/// Removes an upload's directory and all in it.
pub(super) fn remove(root: &Root, name: &str, directory: &OwnedFd) -> Result<(), Error> {
    // A part that is being stored may come in between.
    for _ in 0..100 {
        for part in names(directory, "")? {
            match unlinkat(directory, part.as_str(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed("remove a part")(errno)),
            }
        }
        match unlinkat(&root.uploads, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(errno) => return Err(failed("remove an upload")(errno)),
        }
    }
    Err(failed("remove an upload")(Errno::AGAIN))
}

/// Tells one version of a part from the next.
pub(super) fn tag(stat: &Stat) -> String {
    format!("{:x}-{:x}-{:x}", stat.st_ino, stat.st_mtime, stat.st_mtime_nsec)
}
