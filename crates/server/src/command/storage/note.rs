//! What is remembered of an upload on this machine, so that the next command goes on with it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::transfer::io;
use crate::error::Error;

/// Which bytes go where. A file that was changed is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Journey {
    url: String,
    bucket: String,
    key: String,
    file: PathBuf,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// A journey, and the upload that it has.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    journey: Journey,
    upload: String,
}

/// Where an upload is written down.
#[derive(Debug)]
pub(super) struct Note {
    journey: Journey,
    /// None where this machine has no place for it: then only this command goes on.
    path: Option<PathBuf>,
}

impl Journey {
    pub(super) fn new(url: &str, bucket: &str, key: &str, path: &Path) -> Result<Self, Error> {
        let file = fs::canonicalize(path).map_err(io("look at", path))?;
        let data = fs::metadata(&file).map_err(io("look at", path))?;
        Ok(Self {
            url: url.to_owned(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            file,
            inode: data.ino(),
            size: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
        })
    }
}

impl Note {
    pub(super) fn of(journey: Journey) -> Self {
        let mut hasher = DefaultHasher::new();
        journey.hash(&mut hasher);
        let path = directory().map(|base| base.join(format!("{:016x}.json", hasher.finish())));
        Self { journey, path }
    }

    /// The upload, if one was begun for the same bytes.
    pub(super) fn read(&self) -> Option<String> {
        let text = fs::read_to_string(self.path.as_ref()?).ok()?;
        let written: Written = serde_json::from_str(&text).ok()?;
        (written.journey == self.journey).then_some(written.upload)
    }

    /// Remembers the upload. Whole or not at all: another command may read it.
    pub(super) fn write(&self, upload: &str) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let written = Written { journey: self.journey.clone(), upload: upload.to_owned() };
        let text = serde_json::to_string(&written).map_err(|error| Error::Other(error.to_string()))?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io("make", parent))?;
        }
        let beside = path.with_extension("new");
        fs::write(&beside, text).map_err(io("write", &beside))?;
        fs::rename(&beside, path).map_err(io("write", path))
    }

    /// Forgets it.
    pub(super) fn remove(&self) {
        // One that stays names an upload that is over, which the next command sees.
        let _gone = self.path.as_ref().map(fs::remove_file);
    }
}

#[allow(clippy::disallowed_methods, reason = "where a user's state goes is the environment's to say")]
fn directory() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(base.join("veza/uploads"))
}
