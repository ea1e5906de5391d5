//! Recordings of what is published: written down as it comes, kept as objects, joined to one file.
//!
//! A [`Recorder`] hears what a publisher sends ([`Tapped`]) and puts it into fragments of less than a second, without
//! decoding anything. Each fragment is written to a local log and synced, so that a process that is killed loses no more
//! than that second. Segments of about four seconds become objects of the tenant's as they end; their logs go then. When
//! all is stored, a job joins them to one file.

mod bits;
mod capture;
mod container;
mod depacketize;
mod error;
mod format;
mod fragmenter;
mod jitter;
mod joined;
mod lane;
mod log;
mod mkv;
mod mp4;
mod piece;
mod reason;
mod recorder;
mod recording;
mod sample;
mod shelf;
mod tapped;
#[cfg(test)]
mod tests;
mod timeline;
mod unit;

pub use self::container::Container;
pub use self::error::{CODES, Error};
pub use self::reason::EndReason;
pub use self::recorder::{NewRecording, RecordConfig, Recorder};
pub use self::recording::{RecordedFile, RecordedTrack, Recording, find, get, list, remove};
pub(crate) use self::recording::{abandon, silent};
pub use self::shelf::{BUCKET, JoinRecording, RemoveRecording, Shelf};
pub use self::tapped::Tapped;
