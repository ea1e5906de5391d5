//! The data plane: packets in, packets out, on threads of its own.
//!
//! Who decides (routes, channels, recordings) tells it what to do through [`Plane`] and hears of it through
//! [`Event`]s; no packet passes through them.

mod config;
mod event;
mod stats;

pub use self::config::PlaneConfig;
pub use self::event::{EndReason, Event};
pub use self::stats::{SessionStats, TrackStats};
