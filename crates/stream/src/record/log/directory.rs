//! Where logs are: `<root>/<tenant>/<recording>/<segment>.log`, with a file that whoever writes them has locked.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use veza_core::Timestamp;

use super::entry::Head;
use crate::record::reason::EndReason;

pub(super) const LOCK: &str = "lock";
const HEAD: &str = "head.json";
const END: &str = "end.json";
const REFUSED: &str = "refused.json";
const SEGMENT: &str = "log";

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) reason: EndReason,
    pub(crate) at: Timestamp,
}

/// A log that nobody writes any more. It is held for as long as this lives.
#[derive(Debug)]
pub(crate) struct Abandoned {
    pub(crate) directory: PathBuf,
    _lock: File,
}

pub(super) fn place(root: &Path, head: &Head) -> PathBuf {
    root.join(head.tenant.to_string()).join(head.recording.to_string())
}

/// Where a segment is.
pub(crate) fn segment_path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:08}.{SEGMENT}"))
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub(super) fn write_head(directory: &Path, head: &Head) -> io::Result<()> {
    write(directory, HEAD, head)
}

pub(super) fn write_end(directory: &Path, end: &End) -> io::Result<()> {
    write(directory, END, end)
}

/// It is there whole or not at all.
fn write(directory: &Path, name: &str, content: &impl Serialize) -> io::Result<()> {
    let beside = directory.join(format!("{name}.new"));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&beside)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_data()?;
    std::fs::rename(beside, directory.join(name))?;
    sync_directory(directory)
}

/// Whose log it is; none where the process was killed before it said so.
pub(crate) fn read_head(directory: &Path) -> io::Result<Option<Head>> {
    match std::fs::read(directory.join(HEAD)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// How the recording ended, if that was written down.
pub(crate) fn read_end(directory: &Path) -> Option<End> {
    serde_json::from_slice(&std::fs::read(directory.join(END)).ok()?).ok()
}

/// Notes that what is recorded was refused. Answers since when it has been.
pub(crate) fn refused_since(directory: &Path, now: Timestamp) -> io::Result<Timestamp> {
    match std::fs::read(directory.join(REFUSED)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write(directory, REFUSED, &now)?;
            Ok(now)
        }
        Err(error) => Err(error),
    }
}

/// Notes that it is taken again.
pub(crate) fn accepted(directory: &Path) -> io::Result<()> {
    match std::fs::remove_file(directory.join(REFUSED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The numbers of the segments that are there, in their order.
pub(crate) fn segments(directory: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(directory)? {
        let path = file?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|ending| ending == SEGMENT)) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The bytes of a segment; none where there is no such one.
pub(crate) fn segment_bytes(directory: &Path, number: u32) -> io::Result<u64> {
    match std::fs::metadata(segment_path(directory, number)) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Removes a segment that is not needed here any more; answers how many bytes it had.
pub(crate) fn remove_segment(directory: &Path, number: u32) -> io::Result<u64> {
    let bytes = segment_bytes(directory, number)?;
    match std::fs::remove_file(segment_path(directory, number)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(bytes),
    }
}

/// Removes the log of a recording all of which is stored.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The logs below `root` that nobody writes.
pub(crate) fn abandoned(root: &Path) -> io::Result<Vec<Abandoned>> {
    let mut found = Vec::new();
    for tenant in entries(root)? {
        for directory in entries(&tenant)? {
            let Ok(lock) = OpenOptions::new().append(true).open(directory.join(LOCK)) else { continue };
            if lock.try_lock().is_ok() {
                found.push(Abandoned { directory, _lock: lock });
            }
        }
    }
    Ok(found)
}

/// Directories within one; none where there is no such directory.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let all = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        all => all?,
    };
    let mut found = all.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}
