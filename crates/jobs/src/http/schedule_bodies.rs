//! What is said and answered about schedules.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use veza_core::{Query, TenantTx, Timestamp, holds_nul};

use super::pull_queue;
use crate::error::Error;
use crate::id::JobId;
use crate::schedule::{Missed, NewSchedule, ScheduleChange, ScheduledJob, Timing};

/// What makes a schedule. It goes by `cron` or by `every_seconds`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSchedule)]
pub(super) struct New {
    /// One in the organisation: 1 to 200 characters.
    name: String,
    /// Five fields, six with the second in front, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    #[serde(default)]
    cron: Option<String>,
    /// The zone whose clocks the expression means, of the IANA database; UTC when absent.
    #[serde(default)]
    zone: Option<String>,
    /// An interval in seconds, from 1 to 31622400, that begins now.
    #[serde(default)]
    every_seconds: Option<u64>,
    /// What becomes of ticks that nobody was there for; `one` when absent.
    #[serde(default)]
    missed: Missed,
    /// Where its messages go: `pull:` and the name of a queue of the pull API.
    #[schema(example = "pull:inbox")]
    queue: String,
    /// What is in them: any JSON of at most 65536 bytes.
    payload: Value,
    /// It does not tick yet.
    #[serde(default)]
    paused: bool,
}

/// A change of a schedule; what is absent stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleChange)]
pub(super) struct Change {
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// The times of another expression, in the zone that it had unless `zone` says; in place of an interval.
    #[serde(default)]
    cron: Option<String>,
    /// The zone of the expression.
    #[serde(default)]
    zone: Option<String>,
    /// An interval in seconds that begins now, in place of an expression.
    #[serde(default)]
    every_seconds: Option<u64>,
    /// What becomes of ticks that nobody was there for.
    #[serde(default)]
    missed: Option<Missed>,
    /// Another pull queue.
    #[serde(default)]
    #[schema(example = "pull:inbox")]
    queue: Option<String>,
    /// What is in the messages; null is a payload as well.
    #[serde(default, deserialize_with = "given")]
    payload: Option<Value>,
    /// Whether it ticks.
    #[serde(default)]
    paused: Option<bool>,
}

/// When a schedule would tick: by `cron` or by `every_seconds`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SchedulePreview)]
pub(super) struct Preview {
    /// As in a schedule.
    #[serde(default)]
    cron: Option<String>,
    /// As in a schedule.
    #[serde(default)]
    zone: Option<String>,
    /// As in a schedule.
    #[serde(default)]
    every_seconds: Option<u64>,
    /// How many ticks, 1 to 100; 5 when absent.
    #[serde(default)]
    count: Option<u8>,
}

/// Ticks to come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleTimes)]
pub(super) struct Times {
    /// In their order; fewer than asked for when no more come for decades.
    times: Vec<DateTime<Utc>>,
}

/// A job of a schedule, besides its ticks.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = StartedJob)]
pub(super) struct Started {
    /// The job.
    #[schema(value_type = uuid::Uuid)]
    pub(super) job_id: JobId,
}

impl New {
    pub(super) fn schedule(&self, tx: &TenantTx<'_>) -> Result<NewSchedule, Error> {
        let timing = timing(self.cron.as_deref(), self.zone.as_deref(), self.every_seconds, tx.now())?;
        let queue = pull_queue(&self.queue)?;
        let job = ScheduledJob::message(queue.name(), checked(&self.payload)?.clone())?;
        let new = NewSchedule::new(self.name.as_str(), timing, job).missed(self.missed);
        Ok(if self.paused { new.paused() } else { new })
    }
}

impl Change {
    pub(super) fn change(&self) -> Result<ScheduleChange, Error> {
        Ok(ScheduleChange {
            name: self.name.clone(),
            cron: self.cron.clone(),
            zone: self.zone.clone(),
            every: self.every_seconds.map(Duration::from_secs),
            missed: self.missed,
            queue: self.queue.as_deref().map(pull_queue).transpose()?,
            payload: self.payload.as_ref().map(checked).transpose()?.cloned(),
            paused: self.paused,
        })
    }
}

impl Preview {
    pub(super) fn times(&self, now: Timestamp) -> Result<Times, Error> {
        let timing = timing(self.cron.as_deref(), self.zone.as_deref(), self.every_seconds, now)?;
        let count = self.count.unwrap_or(5);
        if !(1..=100).contains(&count) {
            return Err(Error::field("/count", "out_of_range", "from 1 to 100"));
        }
        Ok(Times { times: timing.next_times(now, count.into()) })
    }
}

fn timing(
    cron: Option<&str>,
    zone: Option<&str>,
    every: Option<u64>,
    now: Timestamp,
) -> Result<Timing, Error> {
    match (cron, every) {
        (Some(cron), None) => Timing::cron(cron, zone.unwrap_or("UTC")),
        (None, Some(_)) if zone.is_some() => {
            Err(Error::field("/zone", "conflict", "not together with every_seconds"))
        }
        (None, Some(seconds)) => Timing::every(Duration::from_secs(seconds), now),
        (Some(_), Some(_)) => Err(Error::field("/every_seconds", "conflict", "not together with cron")),
        (None, None) => Err(Error::field("/cron", "missing", "cron or every_seconds")),
    }
}

fn checked(payload: &Value) -> Result<&Value, Error> {
    if holds_nul(payload) {
        return Err(Error::field("/payload", "nul", "no character NUL"));
    }
    Ok(payload)
}

/// A null that is there is a value.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
