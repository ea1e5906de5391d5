//! Where something is: in a bucket, or on this machine.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// What places in a bucket begin with.
const SCHEME: &str = "veza://";

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A key of a bucket, or what keys begin with; empty for all.
    Bucket { bucket: String, key: String },
    /// A file or a directory.
    File(PathBuf),
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix(SCHEME) else { return Ok(Self::File(text.into())) };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(Error::Other(format!("{text} names no bucket: {SCHEME}BUCKET/KEY")));
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The same, which must be in a bucket.
    pub(super) fn in_bucket(text: &str) -> Result<(String, String), Error> {
        match Self::parse(text)? {
            Self::Bucket { bucket, key } => Ok((bucket, key)),
            Self::File(_) => Err(Error::Other(format!("{text} is no place in a bucket: {SCHEME}BUCKET/KEY"))),
        }
    }
}

/// As a place is written.
pub(super) fn shown(bucket: &str, key: &str) -> String {
    format!("{SCHEME}{bucket}/{key}")
}

/// The file of a key below a directory. No key leads out of it: parts are names, and `.` and `..` are none.
pub(super) fn below(directory: &Path, key: &str) -> Result<PathBuf, Error> {
    let mut path = directory.to_owned();
    for part in key.split('/').filter(|part| !part.is_empty()) {
        if matches!(part, "." | "..") {
            return Err(Error::Other(format!("{key} is no key")));
        }
        path.push(part);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_keys_stay_below() {
        let bucket =
            |bucket: &str, key: &str| Place::Bucket { bucket: bucket.to_owned(), key: key.to_owned() };
        assert_eq!(Place::parse("veza://files/a/b").unwrap(), bucket("files", "a/b"));
        assert_eq!(Place::parse("veza://files").unwrap(), bucket("files", ""));
        assert_eq!(Place::parse("./a").unwrap(), Place::File("./a".into()));
        assert!(Place::parse("veza:///a").is_err());
        let root = Path::new("/tmp/x");
        assert_eq!(below(root, "/etc//passwd").unwrap(), Path::new("/tmp/x/etc/passwd"));
        assert!(below(root, "a/../../b").is_err());
    }
}
