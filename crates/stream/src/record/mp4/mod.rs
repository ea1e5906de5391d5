//! Fragmented MP4 (ISO/IEC 14496-12): a header that says how tracks are encoded, and fragments behind it.
//!
//! A header has all formats of its track so far, and a fragment says which one it has. So the last header of a recording
//! serves all of its fragments.

mod entry;
mod fragment;
mod header;
mod whole;

use mp4_atom::Encode;

pub(crate) use self::entry::{av1c, avcc, hvcc};
pub(crate) use self::fragment::fragment;
pub(crate) use self::header::header;
pub(crate) use self::whole::whole;

/// Something that MP4 cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("it does not fit into MP4: {0}")]
pub(crate) struct Unfit(String);

impl From<mp4_atom::Error> for Unfit {
    fn from(error: mp4_atom::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::num::TryFromIntError> for Unfit {
    fn from(error: std::num::TryFromIntError) -> Self {
        Self(error.to_string())
    }
}

fn encoded(atom: &impl Encode) -> Result<Vec<u8>, Unfit> {
    let mut bytes = Vec::new();
    atom.encode(&mut bytes)?;
    Ok(bytes)
}

/// The number by which a file knows a track.
fn track_id(track: usize) -> Result<u32, Unfit> {
    Ok(u32::try_from(track)?.saturating_add(1))
}
