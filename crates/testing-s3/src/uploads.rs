//! Multipart uploads by the book.

use std::collections::{BTreeMap, HashMap};

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use s3s::dto::{CompletedPart, ETag, Metadata, StorageClass};
use s3s::{S3Result, s3_error};

/// Uploads that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    begun: u64,
    open: HashMap<String, Upload>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) class: Option<StorageClass>,
    parts: BTreeMap<i32, Part>,
}

#[derive(Debug)]
struct Part {
    tag: String,
    bytes: Bytes,
}

impl Uploads {
    pub(crate) fn begin(
        &mut self,
        bucket: String,
        key: String,
        metadata: Option<Metadata>,
        class: Option<StorageClass>,
    ) -> String {
        self.begun += 1;
        let id = format!("upload~{}", self.begun);
        self.open.insert(id.clone(), Upload { bucket, key, metadata, class, parts: BTreeMap::new() });
        id
    }

    /// The upload of that name, which is the key's.
    pub(crate) fn find(&mut self, bucket: &str, key: &str, id: &str) -> S3Result<&mut Upload> {
        let found = self.open.get_mut(id).filter(|upload| upload.bucket == bucket && upload.key == key);
        found.ok_or_else(|| s3_error!(NoSuchUpload))
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// Those of a bucket, by key and id.
    pub(crate) fn list(&self, bucket: &str, prefix: &str) -> Vec<(String, String)> {
        let of =
            self.open.iter().filter(|(_, upload)| upload.bucket == bucket && upload.key.starts_with(prefix));
        let mut found: Vec<_> = of.map(|(id, upload)| (upload.key.clone(), id.clone())).collect();
        found.sort();
        found
    }
}

impl Upload {
    /// Stores a part, over one with its number.
    pub(crate) fn store(&mut self, number: i32, bytes: Bytes) -> S3Result<ETag> {
        if !(1..=10_000).contains(&number) {
            return Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000"));
        }
        let tag = format!("{:x}", Md5::digest(&bytes));
        self.parts.insert(number, Part { tag: tag.clone(), bytes });
        Ok(ETag::Strong(tag))
    }

    /// The parts as one, if they are what the client says.
    pub(crate) fn join(&self, named: &[CompletedPart], min_part: usize) -> S3Result<Bytes> {
        let mut joined = BytesMut::new();
        let mut last = 0;
        for (at, part) in named.iter().enumerate() {
            let number = part.part_number.unwrap_or_default();
            if number <= last {
                return Err(s3_error!(InvalidPartOrder));
            }
            last = number;
            let stored = self.parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
            let same = part.e_tag.as_ref().is_some_and(|tag| tag.value() == stored.tag);
            if !same {
                return Err(s3_error!(InvalidPart));
            }
            if at + 1 < named.len() && stored.bytes.len() < min_part {
                return Err(s3_error!(EntityTooSmall));
            }
            joined.extend_from_slice(&stored.bytes);
        }
        if last == 0 { Err(s3_error!(MalformedXML)) } else { Ok(joined.freeze()) }
    }
}
