//! Writing a log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::directory::{End, LOCK, place, segment_path, sync_directory, write_end, write_head};
use super::entry::{Entry, Head};
use crate::record::piece::{Fragment, Piece};

/// A segment ends before a fragment that can be begun with when it has so many milliseconds,
const LONG: u64 = 3_000;
/// and before any fragment when it has so many,
const LONGEST: u64 = 4_000;
/// or so many bytes.
const LARGEST: usize = 32 << 20;

/// The log of a recording that is being made. It is held by a lock for as long as this lives.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    header: Option<(u32, Vec<u8>)>,
    open: Option<Open>,
    complete: Vec<u32>,
    /// The number of the next segment.
    next: u32,
    _lock: File,
}

#[derive(Debug)]
struct Open {
    number: u32,
    file: File,
    begin_ms: u64,
    bytes: usize,
}

impl Log {
    /// Makes the directory of a recording below `root`.
    pub(crate) fn create(root: &Path, head: &Head) -> io::Result<Self> {
        let directory = place(root, head);
        std::fs::create_dir_all(&directory)?;
        let lock = OpenOptions::new().create(true).append(true).open(directory.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        write_head(&directory, head)?;
        for inner in directory.ancestors().take(3) {
            sync_directory(inner)?;
        }
        Ok(Self { directory, header: None, open: None, complete: Vec::new(), next: 1, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a piece down. When this answers, it is there after any crash; the answer is how many bytes that took.
    pub(crate) fn append(&mut self, piece: Piece) -> io::Result<u64> {
        match piece {
            Piece::Header(bytes) => {
                self.close();
                let number = self.header.as_ref().map_or(0, |(number, _)| *number) + 1;
                self.header = Some((number, bytes));
                Ok(0)
            }
            Piece::Fragment(fragment) => self.fragment(fragment),
        }
    }

    /// Writes down that nothing follows.
    pub(crate) fn end(&self, end: &End) -> io::Result<()> {
        write_end(&self.directory, end)
    }

    /// Ends the segment that is open, which is synced already.
    pub(crate) fn close(&mut self) {
        self.complete.extend(self.open.take().map(|open| open.number));
    }

    /// Segments that are complete since this was asked last.
    pub(crate) fn take_complete(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.complete)
    }

    fn fragment(&mut self, fragment: Fragment) -> io::Result<u64> {
        let full = self.open.as_ref().is_some_and(|open| {
            let span = fragment.begin_ms.saturating_sub(open.begin_ms);
            span >= LONGEST || span >= LONG && fragment.keyframe || open.bytes >= LARGEST
        });
        if full {
            self.close();
        }
        let begin_ms = fragment.begin_ms;
        let mut bytes = Vec::new();
        let fresh = self.open.is_none();
        if fresh && let Some((number, header)) = &self.header {
            bytes.extend(Entry::Header(*number, header.clone()).write()?);
        }
        bytes.extend(Entry::Fragment(fragment).write()?);
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let path = segment_path(&self.directory, self.next);
                let file = OpenOptions::new().create_new(true).append(true).open(path)?;
                let number = self.next;
                self.next += 1;
                none.insert(Open { number, file, begin_ms, bytes: 0 })
            }
        };
        open.file.write_all(&bytes)?;
        open.file.sync_data()?;
        open.bytes += bytes.len();
        if fresh {
            sync_directory(&self.directory)?;
        }
        Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }
}
