//! Reading blobs.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::{Errno, pread};

use super::blocking::Pool;
use super::directory::Root;
use super::errno::{absent, failed};
use super::{ByteRange, Download, Stored};
use crate::{BlobKey, Body, Error};

/// Opens a blob and gives what was asked of it.
pub(super) fn get(root: &Root, key: BlobKey, range: Option<ByteRange>) -> Result<Download, Error> {
    let file = open_blob(root, key)?;
    let len = len(&file)?;
    let range = match range {
        Some(range) => range.within(len)?,
        None => 0..len,
    };
    Ok(Download { len, range: range.clone(), body: body(file, range, root.step, root.pool.clone()) })
}

/// The length of a blob.
pub(super) fn head(root: &Root, key: BlobKey) -> Result<Stored, Error> {
    Ok(Stored { len: len(&open_blob(root, key)?)? })
}

fn open_blob(root: &Root, key: BlobKey) -> Result<OwnedFd, Error> {
    let directory = root.find(key)?.ok_or(Error::NotFound)?;
    open(&directory, &key.blob().to_string())
}

/// Opens a file in a directory. One that waits (a FIFO) cannot be in its place.
pub(super) fn open(directory: &OwnedFd, name: &str) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    openat(directory, name, flags, Mode::empty()).map_err(absent(Error::NotFound, "open a blob"))
}

/// The length of a regular file.
pub(super) fn len(file: &OwnedFd) -> Result<u64, Error> {
    let stat = fstat(file).map_err(failed("look at a file"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::Corrupt("something is in the place of a file"));
    }
    u64::try_from(stat.st_size).map_err(|_negative| Error::Corrupt("a file has no length"))
}

fn body(file: OwnedFd, range: Range<u64>, step: usize, pool: Pool) -> Body {
    let step = u64::try_from(step).unwrap_or(u64::MAX);
    Box::pin(stream::try_unfold((Arc::new(file), range, pool), move |(file, range, pool)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let end = range.end.min(range.start.saturating_add(step));
        let source = Arc::clone(&file);
        let bytes = pool.run(move || read_at(&source, range.start, end - range.start)).await?;
        Ok(Some((Bytes::from(bytes), (file, end..range.end, pool))))
    }))
}

/// Reads exactly `len` bytes at `offset`. The memory is not zeroed first.
pub(super) fn read_at(file: &OwnedFd, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
    let size = usize::try_from(len).map_err(|_huge| Error::Corrupt("a range is larger than the memory"))?;
    let mut bytes = Vec::with_capacity(size);
    let mut at = offset;
    while bytes.len() < size {
        match pread(file, spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(Error::Corrupt("a file is shorter than it was")),
            Ok(read) => at += u64::try_from(read).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed("read a file")(errno)),
        }
    }
    // The vector may have got more capacity than was asked for.
    bytes.truncate(size);
    Ok(bytes)
}
