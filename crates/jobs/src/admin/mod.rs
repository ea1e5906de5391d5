//! What people do about jobs: look at them, retry, redrive, cancel, hold, limit, purge.

pub(crate) mod cancel;
pub(crate) mod count;
pub(crate) mod dead;
pub mod hold;
pub(crate) mod lane;
pub(crate) mod lanes;
pub(crate) mod list;
pub mod operator;
pub(crate) mod purge;
pub(crate) mod redrive;
pub(crate) mod view;

pub use self::{
    cancel::{Cancelled, cancel},
    count::{QueueCounts, counts, list_counts},
    dead::{DeadFilter, Purged, purge_dead, retry},
    hold::{Hold, HoldPosition, HoldScope, list_holds, pause, resume},
    lane::{LaneChange, LaneLimits, get_lane, set_lane},
    lanes::{Lane, lane, list_lanes},
    list::{JobFilter, JobPosition, list},
    purge::{QueuePurge, purge_queue},
    redrive::{Redrive, RedriveRequest, RedriveState, cancel_redrive, get_redrive, list_redrives, redrive},
    view::{Failure, JobState, JobView, get},
};
