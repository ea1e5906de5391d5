//! Queues that tenants make, as things with settings.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::page::{Page, PageRequest};
use veza_core::{Permit, Query, TenantScope, TenantTx, Write};

use super::settings::{QueueChange, Settings};
use crate::error::Error;
use crate::limit::{Count, within};
use crate::permission::{ManageJobs, ReadJobs};
use crate::queue::QueueName;

/// How many queues an organisation may have.
pub const MAX_QUEUES: i64 = 1_000;

/// A queue. The numbers of messages are approximate: what is under way in other transactions is not in
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Queue {
    /// Its name, unique in the organisation.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// How long a received message stays with its receiver, in seconds.
    #[diesel(sql_type = Integer)]
    pub visibility_timeout_seconds: i32,
    /// How long a message waits after it was sent, in seconds, unless the message says.
    #[diesel(sql_type = Integer)]
    pub delay_seconds: i32,
    /// How often a message is received before it becomes a dead letter.
    #[diesel(sql_type = Integer)]
    pub max_receives: i32,
    /// The bytes of a message at most: its body as JSON, and names and values of its attributes.
    #[diesel(sql_type = Integer)]
    pub max_message_bytes: i32,
    /// How long a message is kept, in seconds.
    #[diesel(sql_type = Integer)]
    pub retention_seconds: i32,
    /// Grows with every change of the settings; the ETag.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When its settings were changed last.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// Messages that can be received.
    #[diesel(sql_type = BigInt)]
    pub approximate_number_of_messages: i64,
    /// Messages that were received and neither acknowledged nor rejected.
    #[diesel(sql_type = BigInt)]
    pub approximate_number_of_messages_not_visible: i64,
    /// Messages that wait for their time.
    #[diesel(sql_type = BigInt)]
    pub approximate_number_of_messages_delayed: i64,
    /// Messages that were given up.
    #[diesel(sql_type = BigInt)]
    pub approximate_number_of_dead_letters: i64,
}

/// What makes a queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct NewQueue {
    /// 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter.
    pub name: String,
    /// How long a received message stays with its receiver, in seconds, 0 to 43200; 300 when absent.
    #[serde(default)]
    pub visibility_timeout_seconds: Option<i32>,
    /// How long a message waits after it was sent, in seconds, 0 to 900, unless the message says; 0 when
    /// absent.
    #[serde(default)]
    pub delay_seconds: Option<i32>,
    /// How often a message is received before it becomes a dead letter, 1 to 1000; 5 when absent.
    #[serde(default)]
    pub max_receives: Option<i32>,
    /// The bytes of a message at most: its body as JSON, and names and values of its attributes. 1 to
    /// 1048576, as far as `web.body_limit` lets a request have; 262144 when absent.
    #[serde(default)]
    pub max_message_bytes: Option<i32>,
    /// How long a message is kept, in seconds, 60 to 1209600: from when it was sent, and as a dead letter
    /// from when it died. 345600 (four days) when absent.
    #[serde(default)]
    pub retention_seconds: Option<i32>,
}

impl NewQueue {
    fn settings(&self) -> Result<Settings, Error> {
        Settings::DEFAULT.changed(&QueueChange {
            visibility_timeout_seconds: self.visibility_timeout_seconds,
            delay_seconds: self.delay_seconds,
            max_receives: self.max_receives,
            max_message_bytes: self.max_message_bytes,
            retention_seconds: self.retention_seconds,
        })
    }
}

/// What the senders and receivers of a queue have to know.
pub(crate) struct Target {
    pub(crate) lane: QueueName,
    pub(crate) settings: Settings,
}

impl Target {
    /// Finds a queue; a name that breaks the rule is that of no queue.
    pub(crate) fn find(tx: &mut impl TenantScope, name: &str) -> Result<Self, Error> {
        let lane = QueueName::pull(name).map_err(|_no_name| Error::NotFound("queue"))?;
        let statement = diesel::sql_query(
            "SELECT visibility_timeout_ms / 1000 AS visibility_timeout_seconds, delay_ms / 1000 AS delay_seconds, \
             max_receives, max_message_bytes, retention_seconds \
             FROM jobs.queues WHERE tenant_id = $1 AND name = $2 AND removed_at IS NULL",
        );
        let statement = statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(name);
        let settings = tx.get_result(statement).map_err(Error::absent("queue"))?;
        Ok(Self { lane, settings })
    }
}

/// Makes a queue. Doing it again with the same settings gives the one that is there, and says so.
pub fn create(tx: &mut TenantTx<'_>, _: &Permit<ManageJobs>, new: &NewQueue) -> Result<(Queue, bool), Error> {
    let lane =
        QueueName::pull(&new.name).map_err(|error| Error::field("/name", "name", error.to_string()))?;
    let settings = new.settings()?;
    tx.one_at_a_time("jobs.queues")?;
    if let Some(existing) = find(tx, lane.name())? {
        return if settings_of(&existing) == settings {
            Ok((existing, true))
        } else {
            Err(Error::QueueExists)
        };
    }
    forget_removed(tx, &lane)?;
    let count = "SELECT count(*) AS count FROM jobs.queues WHERE tenant_id = $1 AND removed_at IS NULL";
    within(tx, diesel::sql_query(count).bind::<SqlUuid, _>(tx.tenant()), "queue", MAX_QUEUES)?;
    let insert = diesel::sql_query(
        "INSERT INTO jobs.queues (tenant_id, name, visibility_timeout_ms, delay_ms, max_receives, max_message_bytes, \
         retention_seconds, created_at, updated_at) VALUES ($1, $2, $3 * 1000, $4 * 1000, $5, $6, $7, $8, $8)",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(lane.name())
    .bind::<Integer, _>(settings.visibility_timeout_seconds)
    .bind::<Integer, _>(settings.delay_seconds)
    .bind::<Integer, _>(settings.max_receives)
    .bind::<Integer, _>(settings.max_message_bytes)
    .bind::<Integer, _>(settings.retention_seconds)
    .bind::<Timestamptz, _>(tx.now());
    tx.execute(insert)?;
    let queue = find(tx, lane.name())?.ok_or(Error::NotFound("queue"))?;
    Ok((queue, false))
}

/// Takes the last of a removed queue away, a minute after it was removed and when it is empty.
fn forget_removed(tx: &mut TenantTx<'_>, lane: &QueueName) -> Result<(), Error> {
    let forget = diesel::sql_query(
        "DELETE FROM jobs.queues WHERE tenant_id = $1 AND name = $2 AND removed_at < $3 - interval '1 minute' \
         AND jobs.is_empty($1, $4)",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(lane.name())
    .bind::<Timestamptz, _>(tx.now())
    .bind::<Text, _>(lane.as_str());
    tx.execute(forget)?;
    let left = "SELECT count(*) AS count FROM jobs.queues WHERE tenant_id = $1 AND name = $2";
    let left = diesel::sql_query(left).bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(lane.name());
    if tx.get_result::<Count, _>(left)?.count == 0 { Ok(()) } else { Err(Error::QueueDeletedRecently) }
}

fn settings_of(queue: &Queue) -> Settings {
    Settings {
        visibility_timeout_seconds: queue.visibility_timeout_seconds,
        delay_seconds: queue.delay_seconds,
        max_receives: queue.max_receives,
        max_message_bytes: queue.max_message_bytes,
        retention_seconds: queue.retention_seconds,
    }
}

/// One queue.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadJobs>, name: &str) -> Result<Queue, Error> {
    find(tx, name)?.ok_or(Error::NotFound("queue"))
}

pub(crate) fn find(tx: &mut impl TenantScope, name: &str) -> Result<Option<Queue>, Error> {
    if QueueName::pull(name).is_err() {
        return Ok(None);
    }
    Ok(rows(tx, Some(name), None, 1)?.pop())
}

/// Queues, by name.
pub fn list(
    tx: &mut impl TenantScope,
    _: &Permit<ReadJobs>,
    page: &PageRequest<String>,
) -> Result<Page<Queue>, Error> {
    // No queue's name holds what PostgreSQL cannot keep.
    let after = page.after.as_deref().map(|after| after.split('\0').next().unwrap_or_default());
    let rows = rows(tx, None, after, page.fetch())?;
    Ok(Page::new(page, rows, |queue| queue.name.clone()))
}

fn rows(
    tx: &mut impl TenantScope,
    name: Option<&str>,
    after: Option<&str>,
    at_most: i64,
) -> Result<Vec<Queue>, Error> {
    let statement = diesel::sql_query(
        "WITH page AS ( \
             SELECT q.*, 'pull:' || q.name AS lane FROM jobs.queues AS q \
             WHERE q.tenant_id = $1 AND q.removed_at IS NULL AND ($2 IS NULL OR q.name = $2) AND ($3 IS NULL OR q.name > $3) \
             ORDER BY q.name LIMIT $4 \
         ), counted AS ( \
             SELECT u.queue, sum(u.waiting) AS waiting, sum(u.deferred) AS deferred, sum(u.running) AS running, \
                    sum(u.dead) AS dead \
             FROM (SELECT c.queue, c.waiting, c.deferred, c.running, c.dead FROM jobs.counts AS c WHERE c.tenant_id = $1 \
                   UNION ALL SELECT d.queue, d.waiting, d.deferred, d.running, d.dead FROM jobs.deltas AS d \
                   WHERE d.tenant_id = $1) AS u \
             WHERE u.queue IN (SELECT lane FROM page) GROUP BY 1 \
         ) \
         SELECT p.name, p.visibility_timeout_ms / 1000 AS visibility_timeout_seconds, p.delay_ms / 1000 AS delay_seconds, \
                p.max_receives, p.max_message_bytes, p.retention_seconds, p.version, p.created_at, p.updated_at, \
                greatest(coalesce(c.waiting, 0), 0)::bigint AS approximate_number_of_messages, \
                greatest(coalesce(c.running, 0), 0)::bigint AS approximate_number_of_messages_not_visible, \
                greatest(coalesce(c.deferred, 0), 0)::bigint AS approximate_number_of_messages_delayed, \
                greatest(coalesce(c.dead, 0), 0)::bigint AS approximate_number_of_dead_letters \
         FROM page AS p LEFT JOIN counted AS c ON c.queue = p.lane ORDER BY p.name",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Nullable<Text>, _>(name)
    .bind::<Nullable<Text>, _>(after)
    .bind::<BigInt, _>(at_most);
    Ok(tx.load(statement)?)
}

/// Changes the settings of a queue.
pub fn update(
    tx: &mut TenantTx<'_>,
    _: &Permit<ManageJobs>,
    name: &str,
    change: &QueueChange,
    versions: Option<&[i64]>,
) -> Result<Queue, Error> {
    changeable(tx, name, versions)?;
    let settings = Target::find(tx, name)?.settings.changed(change)?;
    let update = diesel::sql_query(
        "UPDATE jobs.queues SET visibility_timeout_ms = $3 * 1000, delay_ms = $4 * 1000, max_receives = $5, \
         max_message_bytes = $6, retention_seconds = $7, updated_at = $8, version = version + 1 \
         WHERE tenant_id = $1 AND name = $2",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Text, _>(name)
    .bind::<Integer, _>(settings.visibility_timeout_seconds)
    .bind::<Integer, _>(settings.delay_seconds)
    .bind::<Integer, _>(settings.max_receives)
    .bind::<Integer, _>(settings.max_message_bytes)
    .bind::<Integer, _>(settings.retention_seconds)
    .bind::<Timestamptz, _>(tx.now());
    tx.execute(update)?;
    find(tx, name)?.ok_or(Error::NotFound("queue"))
}

/// Locks a queue for a change, when it has one of the versions.
pub(crate) fn changeable(
    tx: &mut TenantTx<'_>,
    name: &str,
    versions: Option<&[i64]>,
) -> Result<QueueName, Error> {
    let lane = QueueName::pull(name).map_err(|_no_name| Error::NotFound("queue"))?;
    let statement = diesel::sql_query(
        "SELECT version AS count FROM jobs.queues WHERE tenant_id = $1 AND name = $2 AND removed_at IS NULL FOR UPDATE",
    );
    let statement = statement.bind::<SqlUuid, _>(tx.tenant()).bind::<Text, _>(name);
    let version = tx.get_result::<Count, _>(statement).map_err(Error::absent("queue"))?.count;
    if versions.is_some_and(|versions| !versions.contains(&version)) {
        return Err(Error::VersionMismatch);
    }
    Ok(lane)
}
