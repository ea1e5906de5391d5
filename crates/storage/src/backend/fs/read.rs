//! Reading blobs.

use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};

use super::blocking::Pool;
use super::directory::Root;
use super::errno::{absent, failed};
use super::shelf::Shelf;
use super::{ByteRange, Download, Stored};
use crate::{BlobKey, Body, Error};

/// Bytes that go out in one chunk: so few that they are still in the processor's cache when they are sent, and no more
/// than the HTTP server keeps memory for, but enough for one write of it.
const PIECE: usize = 128 * 1024;

const SHORTER: Error = Error::Corrupt("a file is shorter than it was");

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
    let reading = Reading {
        file: Arc::new(file),
        range,
        pool,
        shelf: Shelf::new(step),
        piece: PIECE.min(step),
        ready: Bytes::new(),
        cached: true,
    };
    Box::pin(stream::try_unfold(reading, |mut reading| async {
        // What lies in memory never makes its reader wait, so others get their turn here.
        tokio::task::coop::consume_budget().await;
        Ok(reading.next().await?.map(|chunk| (chunk, reading)))
    }))
}

/// A file on its way out.
struct Reading {
    file: Arc<OwnedFd>,
    /// What was not read yet.
    range: Range<u64>,
    pool: Pool,
    shelf: Shelf,
    /// Bytes of a chunk.
    piece: usize,
    /// What was read and did not go out.
    ready: Bytes,
    /// The file system tells what lies in memory from what takes time.
    cached: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.ready.is_empty() {
            if self.range.is_empty() {
                return Ok(None);
            }
            self.ready = match self.read_cached()? {
                Some(bytes) => bytes,
                None => self.read_slowly().await?,
            };
            self.range.start += u64::try_from(self.ready.len()).unwrap_or(u64::MAX);
        }
        Ok(Some(self.ready.split_to(self.piece.min(self.ready.len()))))
    }

    /// How many bytes to read next, at most `most`.
    fn wanted(&self, most: usize) -> usize {
        usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX).min(most)
    }

    /// Reads what lies in the memory of the kernel, on this thread: that is faster than to ask another one.
    fn read_cached(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.cached {
            return Ok(None);
        }
        let (wanted, mut memory) = (self.wanted(self.piece), self.shelf.take());
        let place = memory.get_mut(..wanted).unwrap_or_default();
        let read =
            preadv2(&self.file, &mut [IoSliceMut::new(place)], self.range.start, ReadWriteFlags::NOWAIT);
        match read {
            Ok(0) => Err(SHORTER),
            Ok(len) => Ok(Some(self.shelf.lend(memory, len))),
            Err(errno) => {
                self.shelf.put(memory);
                // Others are asked once only.
                self.cached = matches!(errno, Errno::AGAIN | Errno::INTR);
                Ok(None)
            }
        }
    }

    /// Reads what may have to come from a disk.
    async fn read_slowly(&mut self) -> Result<Bytes, Error> {
        let (file, shelf) = (Arc::clone(&self.file), self.shelf.clone());
        let (at, wanted) = (self.range.start, self.wanted(self.shelf.size));
        let read = move || {
            let mut memory = shelf.take();
            read_exact(&file, at, memory.get_mut(..wanted).unwrap_or_default())?;
            Ok(shelf.lend(memory, wanted))
        };
        self.pool.run(read).await
    }
}

/// Fills `place` with what lies at `offset`.
fn read_exact(file: &OwnedFd, offset: u64, mut place: &mut [u8]) -> Result<(), Error> {
    let mut at = offset;
    while !place.is_empty() {
        match pread(file, &mut *place, at) {
            Ok(0) => return Err(SHORTER),
            Ok(read) => {
                at += u64::try_from(read).unwrap_or_default();
                place = place.get_mut(read..).unwrap_or_default();
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed("read a file")(errno)),
        }
    }
    Ok(())
}
