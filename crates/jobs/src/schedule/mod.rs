//! Schedules: a job at each tick of a cron expression or an interval.
//!
//! # Summer time
//!
//! An expression without `*` or `?` in its second, minute and hour means wall times. One that the clock skips
//! runs at the first moment after the gap, together with others that fall there, as one tick; one that
//! comes twice runs the first time. So each day has its ticks, and none has one twice.
//!
//! Other expressions, such as "every 15 minutes", run whenever the clock shows a matching time: also when it
//! shows it a second time, and not for what it skips. Intervals know no clock and no zone.

mod change;
mod cron;
mod due;
mod job;
mod missed;
mod patch;
mod row;
mod tick;
mod timing;
mod zone;

pub(crate) use self::tick::{sweep, tick};
pub use self::{
    change::{
        MAX_SCHEDULES, NewSchedule, create_schedule, pause_schedule, remove_schedule, run_now,
        update_schedule,
    },
    cron::Cron,
    job::{MAX_SCHEDULED_PAYLOAD, ScheduledJob},
    missed::{MAX_CAUGHT_UP, Missed},
    patch::{ScheduleChange, change_schedule},
    row::{Schedule, schedule, schedules},
    timing::{MAX_EVERY, Timing},
    zone::Zone,
};
