//! Storing and removing blobs.

use std::io::{ErrorKind, IoSlice, Write};
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, fsync, unlinkat};
use rustix::io::Errno;

use super::Stored;
use super::blocking::Idle;
use super::directory::{Root, Slot};
use super::errno::{failed, failed_io};
use super::temporary::Temporary;
use crate::body::Batches;
use crate::{BlobKey, Body, Error};

/// Stores a body.
pub(super) async fn put(
    root: Arc<Root>,
    key: BlobKey,
    len: Option<u64>,
    body: Body,
) -> Result<Stored, Error> {
    let (temporary, len) = spool(Arc::clone(&root), len, body).await?;
    root.pool.clone().run(move || temporary.publish(&root, key)).await?;
    Ok(Stored { len })
}

/// Writes a body to a temporary file, one step after the other.
async fn spool(root: Arc<Root>, len: Option<u64>, body: Body) -> Result<(Temporary, u64), Error> {
    let counted = Arc::clone(&root);
    let writer = counted.writers.enter();
    let mut body = Batches::new(body, len);
    let mut batch = body.next(writer.step(root.step)).await?;
    let pool = root.pool.clone();
    let mut idle = Idle::default();
    loop {
        let root = Arc::clone(&root);
        let done = batch.is_empty();
        let temporary = idle.take();
        let step = move || {
            let mut temporary = temporary.map_or_else(|| Temporary::new(&root), Ok)?;
            write_all(&mut temporary, &batch)?;
            Ok(temporary)
        };
        let written = pool.run(step).await?;
        if done {
            return Ok((written, body.meter.finish()?));
        }
        idle.keep(written);
        batch = body.next(writer.step(counted.step)).await?;
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
