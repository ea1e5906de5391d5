//! RTP (RFC 3550), read and written where it lies.

mod header;
mod keyframe;
mod write;

pub(crate) use self::header::Header;
pub(crate) use self::keyframe::begins_keyframe;
pub(crate) use self::write::{HeaderWriter, MAX_HEADER};
