//! Entries of a log: `[length: u32][CRC-32C: u32][kind: u8][content]`, numbers with their low bytes first.

use std::io;

use crc_fast::{CrcAlgorithm, Digest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::{Caller, TenantId, Timestamp};

use crate::id::{ChannelId, RecordingId};
use crate::record::container::Container;
use crate::record::piece::Fragment;
use crate::record::recording::RecordedTrack;

/// The most bytes of an entry; more means that the length is not one.
const LARGEST: usize = 1 << 28;

/// What a recording is, as its log says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) tenant: Uuid,
    pub(crate) recording: RecordingId,
    pub(crate) channel: ChannelId,
    /// The name of the bucket that it is stored in.
    pub(crate) bucket: String,
    pub(crate) container: Container,
    pub(crate) tracks: Vec<RecordedTrack>,
    pub(crate) started_at: Timestamp,
}

impl Head {
    /// Veza itself, acting for the tenant whose recording it is.
    pub(crate) fn caller(&self) -> Caller {
        Caller::system(TenantId::from_verified(self.tenant))
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// The header of the file, and its number.
    Header(u32, Vec<u8>),
    Fragment(Fragment),
}

impl Entry {
    pub(super) fn write(&self) -> io::Result<Vec<u8>> {
        let (kind, start, rest): (u8, Vec<u8>, &[u8]) = match self {
            Self::Header(number, bytes) => (1, number.to_le_bytes().to_vec(), bytes),
            Self::Fragment(fragment) => {
                let mut start = Vec::with_capacity(17);
                start.extend(fragment.begin_ms.to_le_bytes());
                start.extend(fragment.end_ms.to_le_bytes());
                start.push(fragment.keyframe.into());
                (2, start, &fragment.bytes)
            }
        };
        let len = 1 + start.len() + rest.len();
        let mut entry = Vec::with_capacity(8 + len);
        entry.extend(u32::try_from(len).map_err(io::Error::other)?.to_le_bytes());
        entry.extend([0; 4]);
        entry.push(kind);
        entry.extend(start);
        entry.extend_from_slice(rest);
        let sum = sum(entry.get(8..).unwrap_or_default());
        if let Some(place) = entry.get_mut(4..8) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        Ok(entry)
    }

    /// The first entry of `bytes`, and what is behind it; none where there is no whole one.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (expected, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|len| *len <= LARGEST)?;
        let (entry, behind) = rest.split_at_checked(len)?;
        if sum(entry) != u32::from_le_bytes(*expected) {
            return None;
        }
        let (kind, content) = entry.split_first()?;
        let entry = match kind {
            1 => {
                let (number, bytes) = content.split_first_chunk::<4>()?;
                Self::Header(u32::from_le_bytes(*number), bytes.to_vec())
            }
            2 => {
                let (begin, rest) = content.split_first_chunk::<8>()?;
                let (end, rest) = rest.split_first_chunk::<8>()?;
                let (keyframe, bytes) = rest.split_first()?;
                let (begin_ms, end_ms) = (u64::from_le_bytes(*begin), u64::from_le_bytes(*end));
                let keyframe = *keyframe == 1;
                Self::Fragment(Fragment { bytes: bytes.to_vec(), begin_ms, end_ms, keyframe })
            }
            _ => return None,
        };
        Some((entry, behind))
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(bytes);
    u32::try_from(digest.finalize()).unwrap_or_default()
}
