//! Completing a multipart upload.
//!
//! The first part becomes the joined file by a rename, and the others are copied to its end. It keeps its
//! own length and tag in its name, so that what a crash left can be cut back and joined again. Once it has
//! the blob's name as well it is never written to.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, fstat, fsync, ftruncate, linkat, openat, renameat};
use rustix::io::Errno;

use super::directory::Root;
use super::errno::failed;
use super::temporary::attach;
use super::upload::{self, directory_name, lock, tag};
use super::write::{append, part_absent};
use super::{Part, Stored, UploadId, read};
use crate::backend::check_parts;
use crate::{BlobKey, Error};

/// An upload while its parts are joined.
struct Join {
    parts: Parts,
    /// The joined file.
    file: OwnedFd,
    /// It is the blob already.
    published: bool,
}

/// The directory of parts, and the name of the joined file in it.
struct Parts {
    directory: OwnedFd,
    name: String,
    joined: String,
}

/// Makes the parts the blob.
pub(super) async fn complete(
    root: Arc<Root>,
    key: BlobKey,
    upload: &UploadId,
    parts: &[Part],
) -> Result<Stored, Error> {
    check_parts(parts)?;
    let name = directory_name(key, upload)?;
    let (first, rest) = parts.split_first().ok_or(Error::Part { number: 1, reason: "is missing" })?;
    let (store, begin, others) = (Arc::clone(&root), first.clone(), rest.to_vec());
    let pool = root.pool.clone();
    let join = Arc::new(pool.run(move || Join::begin(&store, name, &begin, &others)).await?);
    let mut len = first.len;
    for part in rest {
        if !join.published {
            let (join, part) = (Arc::clone(&join), part.clone());
            // One at a time: a dropped future stops the work at the next part.
            pool.run(move || append(&join.part(&part)?, &join.file, len, part.len)).await?;
        }
        len = len.saturating_add(part.len);
    }
    pool.run(move || join.finish(&root, key)).await?;
    Ok(Stored { len })
}

impl Join {
    /// Looks at all parts, and opens the joined file, which is the first part.
    fn begin(root: &Root, name: String, first: &Part, rest: &[Part]) -> Result<Self, Error> {
        // A tag is the caller's word, and must not lead out of the directory.
        if !first.tag.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(Error::Part { number: first.number, reason: "was replaced" });
        }
        let directory = upload::open(root, &name)?;
        lock(&directory)?;
        let joined = format!("joined-{}-{}-{}", first.number, first.len, first.tag);
        let parts = Parts { directory, name, joined };
        let file = match parts.open_joined(first.number) {
            Err(Error::Part { .. }) => parts.rename(first)?,
            other => other?,
        };
        let published = fstat(&file).map_err(failed("look at a file"))?.st_nlink > 1;
        if !published {
            for part in rest {
                parts.open(part)?;
            }
            ftruncate(&file, first.len).map_err(failed("cut the joined file"))?;
        }
        Ok(Self { parts, file, published })
    }

    fn part(&self, part: &Part) -> Result<OwnedFd, Error> {
        self.parts.open(part)
    }

    fn finish(&self, root: &Root, key: BlobKey) -> Result<(), Error> {
        fsync(&self.file).map_err(failed("fsync a file"))?;
        let Parts { directory, name, joined } = &self.parts;
        attach(root, key, |target, blob| {
            match linkat(directory, joined.as_str(), target, blob, AtFlags::empty()) {
                Err(Errno::EXIST) if self.parts.is_joined(target, blob) => Ok(()),
                other => other,
            }
        })?;
        upload::remove(root, name, directory)
    }
}

impl Parts {
    fn open_joined(&self, number: u16) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.directory, self.joined.as_str(), flags, Mode::empty()).map_err(part_absent(number))
    }

    fn rename(&self, first: &Part) -> Result<OwnedFd, Error> {
        self.open(first)?;
        renameat(&self.directory, first.number.to_string(), &self.directory, self.joined.as_str())
            .map_err(part_absent(first.number))?;
        self.open_joined(first.number)
    }

    /// Opens a part, which must be the one that the caller means.
    fn open(&self, part: &Part) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.directory, part.number.to_string(), flags, Mode::empty())
            .map_err(part_absent(part.number))?;
        let stat = fstat(&file).map_err(failed("look at a file"))?;
        if tag(&stat) == part.tag && read::len(&file)? == part.len {
            Ok(file)
        } else {
            Err(Error::Part { number: part.number, reason: "was replaced" })
        }
    }

    /// Whether a blob is the joined file: an earlier attempt came so far.
    fn is_joined(&self, target: &OwnedFd, blob: &str) -> bool {
        let identity = |directory: &OwnedFd, name: &str| {
            let stat = fstat(read::open(directory, name).ok()?).ok()?;
            Some((stat.st_dev, stat.st_ino))
        };
        let joined = identity(&self.directory, &self.joined);
        joined.is_some() && joined == identity(target, blob)
    }
}
