//! The data plane: packets in, packets out, on threads of its own.
//!
//! Who decides (routes, channels, recordings) tells it what to do through [`Plane`] and hears of it through
//! [`Event`]s; no packet passes through them.

mod address;
mod budget;
mod config;
mod driver;
mod egress;
mod error;
mod event;
mod handle;
mod ingest;
mod load;
mod losses;
mod message;
mod publisher;
mod registry;
mod resent;
mod ring;
mod route;
mod session;
mod shard;
mod source;
mod stats;
mod succession;
mod viewer;

pub use self::config::PlaneConfig;
pub use self::error::PlaneError;
pub use self::event::{EndReason, Ended, Event};
pub use self::handle::Plane;
pub use self::stats::{SessionStats, TrackStats};
