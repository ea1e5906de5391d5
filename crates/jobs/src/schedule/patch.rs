//! Changing a part of a schedule.

use serde_json::Value;
use veza_core::{Permit, Query, TenantTx};

use super::change::{NewSchedule, changeable, update_schedule};
use super::missed::Missed;
use super::row::{Row, Schedule};
use super::timing::Timing;
use crate::error::Error;
use crate::id::ScheduleId;
use crate::permission::ManageJobs;
use crate::pull;
use crate::queue::QueueName;

/// A change of a schedule; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScheduleChange {
    /// Its name.
    pub name: Option<String>,
    /// The times of another expression; the zone stays unless [`zone`](Self::zone) says.
    pub cron: Option<String>,
    /// The zone of the expression.
    pub zone: Option<String>,
    /// An interval in place of an expression, counted from now.
    pub every: Option<std::time::Duration>,
    /// What becomes of ticks that nobody was there for.
    pub missed: Option<Missed>,
    /// Another pull queue, by its name; only of messages.
    pub queue: Option<QueueName>,
    /// What is in the messages; only of messages.
    pub payload: Option<Value>,
    /// Whether it ticks.
    pub paused: Option<bool>,
}

/// Changes a part of a schedule. Its next tick is the first after now.
///
/// # Errors
/// [`Error::VersionMismatch`] when `versions` are given and its version is none of them;
/// [`Error::Invalid`] also for a queue or a payload where the job is a program's: nobody outside makes
/// jobs of a program.
pub fn change_schedule(
    tx: &mut TenantTx<'_>,
    permit: &Permit<ManageJobs>,
    id: ScheduleId,
    versions: Option<&[i64]>,
    change: &ScheduleChange,
) -> Result<Schedule, Error> {
    let before = changeable(tx, id, versions)?;
    let new = change.apply(tx, &before)?;
    update_schedule(tx, permit, id, None, &new)
}

impl ScheduleChange {
    fn apply(&self, tx: &TenantTx<'_>, before: &Row) -> Result<NewSchedule, Error> {
        let mut job = before.job();
        let own = before.kind() == pull::KIND && job.queue.is_pull();
        for (field, given) in [("/queue", self.queue.is_some()), ("/payload", self.payload.is_some())] {
            if given && !own {
                return Err(Error::field(field, "of_program", "not where the job is a program's own"));
            }
        }
        if let Some(queue) = &self.queue {
            job.queue = queue.clone();
        }
        if let Some(payload) = &self.payload {
            job.payload = payload.clone();
        }
        Ok(NewSchedule {
            name: self.name.clone().unwrap_or_else(|| before.name.clone()),
            timing: self.timing(tx, before)?,
            job,
            missed: self.missed.unwrap_or(before.missed()),
            paused: self.paused.unwrap_or(before.paused),
        })
    }

    fn timing(&self, tx: &TenantTx<'_>, before: &Row) -> Result<Timing, Error> {
        let zone = self.zone.as_deref();
        match (&self.cron, self.every) {
            (Some(_), Some(_)) => Err(Error::field("/every_seconds", "conflict", "not together with cron")),
            (None, Some(_)) if zone.is_some() => {
                Err(Error::field("/zone", "conflict", "not together with every_seconds"))
            }
            (None, Some(every)) => Timing::every(every, tx.now()),
            (Some(cron), None) => Timing::cron(cron, zone.unwrap_or(&before.zone)),
            (None, None) => match (zone, &before.cron) {
                (None, _) => before.timing(),
                (Some(zone), Some(cron)) => Timing::cron(cron, zone),
                (Some(_), None) => Err(Error::field("/zone", "conflict", "an interval knows no zone")),
            },
        }
    }
}
