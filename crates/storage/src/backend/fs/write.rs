//! Storing, copying and removing whole blobs.

use std::io::{ErrorKind, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, copy_file_range, fsync, linkat, unlinkat};
use rustix::io::Errno;

use super::blocking::Idle;
use super::directory::{Root, Slot};
use super::errno::{absent, failed, failed_io};
use super::temporary::{Temporary, attach};
use super::{Stored, read};
use crate::body::Batches;
use crate::{BlobKey, Body, Error};

/// Bytes of one copy inside the kernel, or of one read and write.
const COPY_STEP: usize = 16 * 1024 * 1024;

/// Stores a body.
pub(super) async fn put(
    root: Arc<Root>,
    key: BlobKey,
    len: Option<u64>,
    body: Body,
) -> Result<Stored, Error> {
    let (temporary, len) = spool(Arc::clone(&root), len, body, Temporary::new).await?;
    root.pool.clone().run(move || temporary.publish(&root, key)).await?;
    Ok(Stored { len })
}

/// Writes a body to a temporary file, one step after the other.
pub(super) async fn spool(
    root: Arc<Root>,
    len: Option<u64>,
    body: Body,
    make: fn(&Root) -> Result<Temporary, Error>,
) -> Result<(Temporary, u64), Error> {
    let size = root.step;
    let mut body = Batches::new(body, len);
    let mut batch = body.next(size).await?;
    let pool = root.pool.clone();
    let mut idle = Idle::default();
    loop {
        let root = Arc::clone(&root);
        let done = batch.is_empty();
        let temporary = idle.take();
        let step = move || {
            let mut temporary = temporary.map_or_else(|| make(&root), Ok)?;
            write_all(&mut temporary, &batch)?;
            Ok(temporary)
        };
        let written = pool.run(step).await?;
        if done {
            return Ok((written, body.meter.finish()?));
        }
        idle.keep(written);
        batch = body.next(size).await?;
    }
}

/// Writes all chunks with as few calls as possible.
fn write_all(temporary: &mut Temporary, chunks: &[Bytes]) -> Result<(), Error> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match temporary.file.write_vectored(rest) {
            Ok(0) => return Err(Error::Full),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed_io("write a file")(error)),
        }
    }
    Ok(())
}

/// Removes blobs; each directory is synced once.
pub(super) fn delete(root: &Root, keys: &[BlobKey]) -> Result<(), Error> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    for slot in keys.chunk_by(|a, b| Slot::of(*a) == Slot::of(*b)) {
        let Some(first) = slot.first() else { continue };
        let Some(directory) = root.find(*first)? else { continue };
        for key in slot {
            match unlinkat(&directory, key.blob().to_string(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed("remove a blob")(errno)),
            }
        }
        fsync(&directory).map_err(failed("fsync a directory"))?;
        root.prune(*first)?;
    }
    Ok(())
}

/// Gives the bytes of a blob a second name. They never change, so both may share them.
pub(super) fn copy(root: &Root, from: BlobKey, to: BlobKey) -> Result<Stored, Error> {
    let stored = read::head(root, from)?;
    let directory = root.find(from)?.ok_or(Error::NotFound)?;
    let name = from.blob().to_string();
    let source = read::open(&directory, &name)?;
    let shared = attach(root, to, |target, new| {
        linkat(&directory, name.as_str(), target, new, AtFlags::empty()).map_err(|errno| match errno {
            // The source went away, not the target's directory.
            Errno::NOENT if read::open(&directory, &name).is_err() => Errno::STALE,
            other => other,
        })
    });
    match shared {
        Err(Error::Failed { source: error, .. }) if no_more_links(&*error) => {
            let temporary = Temporary::new(root)?;
            append(&source, &temporary.file, 0, stored.len)?;
            temporary.publish(root, to)?;
        }
        other => other?,
    }
    Ok(stored)
}

fn no_more_links(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .and_then(Errno::from_io_error)
        .is_some_and(|errno| errno == Errno::MLINK || errno == Errno::STALE)
}

/// Copies all `len` bytes of a file to `offset` of another, inside the kernel where it can.
pub(super) fn append(from: &OwnedFd, to: impl AsFd, offset: u64, len: u64) -> Result<(), Error> {
    let (mut read, mut written) = (0, offset);
    let step = u64::try_from(COPY_STEP).unwrap_or(u64::MAX);
    while read < len {
        let size = usize::try_from((len - read).min(step)).unwrap_or(COPY_STEP);
        match copy_file_range(from, Some(&mut read), &to, Some(&mut written), size) {
            Ok(0) => return Err(Error::Corrupt("a part is shorter than it was")),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return append_slowly(from, &to, offset, len);
            }
            Err(errno) => return Err(failed("join the parts")(errno)),
        }
    }
    Ok(())
}

/// The same through memory.
fn append_slowly(from: &OwnedFd, to: impl AsFd, offset: u64, len: u64) -> Result<(), Error> {
    let mut at = 0;
    while at < len {
        let bytes = read::read_at(from, at, (len - at).min(1024 * 1024))?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let written = rustix::io::pwrite(&to, rest, offset + at).map_err(failed("join the parts"))?;
            rest = rest.get(written..).unwrap_or_default();
            at += u64::try_from(written).unwrap_or_default();
        }
    }
    Ok(())
}

/// A part that is not there.
pub(super) fn part_absent(number: u16) -> impl FnOnce(Errno) -> Error {
    absent(Error::Part { number, reason: "is missing" }, "open a part")
}
