//! How a receive of a message ends: acknowledged, rejected, or later than its timeout says.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use veza_core::{Permit, Query, TenantScope, TenantTx, Timestamp, Write};

use super::MAX_VISIBILITY_SECONDS;
use super::message::{FailedEntry, check_ids};
use super::queue::Target;
use super::receipt::Receipt;
use crate::engine::{self, Claimed, Ending, Lease};
use crate::enqueue::CHANNEL;
use crate::error::Error;
use crate::id::Token;
use crate::permission::ReceiveMessages;
use crate::runtime::attempt::{legible, remember};

/// Messages that are done: one by `receipt`, or up to ten by `entries`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Acknowledgement {
    /// The receipt of one message. The answer is an error when it is not held any more.
    #[serde(default)]
    pub receipt: Option<String>,
    /// 1 to 10 receipts, each with an id of its own. The answer says of each what became of it.
    #[serde(default)]
    pub entries: Option<Vec<ReceiptEntry>>,
}

/// One receipt of several.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ReceiptEntry {
    /// Names the entry in the answer: 1 to 80 of A-Z, a-z, 0-9, `_` and `-`.
    pub id: String,
    /// The receipt.
    pub receipt: String,
}

/// What became of an acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Acknowledged {
    /// The ids of the entries whose messages are done and gone.
    pub successful: Vec<String>,
    /// Those whose messages were not held any more.
    pub failed: Vec<FailedEntry>,
}

/// More time, or less, for a message that is worked on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Extension {
    /// The message's receipt.
    pub receipt: String,
    /// For how long from now, in seconds, 0 to 43200, it stays with its receiver; twelve hours after it
    /// was received at most. 0 gives it back at once.
    pub visibility_timeout_seconds: i32,
}

/// Until when the message is its receiver's now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Extended {
    /// When it becomes visible to others.
    pub invisible_until: DateTime<Utc>,
}

/// A message that could not be done (a negative acknowledgement).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Rejection {
    /// The message's receipt.
    pub receipt: String,
    /// How long it waits before it can be received again, in seconds, 0 to 43200; 0 when absent.
    #[serde(default)]
    pub delay_seconds: Option<i32>,
    /// Why, for people: at most 2000 characters.
    #[serde(default)]
    pub reason: Option<String>,
    /// There is no use in trying again: it becomes a dead letter at once.
    #[serde(default)]
    pub dead_letter: bool,
}

/// What became of a rejected message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Rejected {
    /// Whether it is a dead letter now: as was asked for, or because its receives are used up.
    pub dead_letter: bool,
}

/// A message as its receiver holds it. Of the payload nothing is read.
#[derive(QueryableByName)]
struct Held {
    #[diesel(embed)]
    job: Claimed,
    #[diesel(sql_type = Timestamptz)]
    claimed_at: Timestamp,
}

/// Acknowledges messages: they are done and gone.
///
/// # Errors
/// [`Error::LeaseLost`] for a single receipt that is not held any more; entries have results of their own.
pub fn acknowledge(
    tx: &mut TenantTx<'_>,
    _: &Permit<ReceiveMessages>,
    queue: &str,
    ended: &Acknowledgement,
) -> Result<Acknowledged, Error> {
    let target = Target::find(tx, queue)?;
    match (&ended.receipt, &ended.entries) {
        (Some(receipt), None) => {
            let held = one(tx, &target, receipt)?;
            finish(tx, vec![held.0])?;
            Ok(Acknowledged::default())
        }
        (None, Some(entries)) => {
            check_ids(entries.iter().map(|entry| entry.id.as_str()))?;
            acknowledge_entries(tx, &target, entries)
        }
        _ => Err(Error::field("/receipt", "missing", "either a receipt or entries")),
    }
}

fn acknowledge_entries(
    tx: &mut TenantTx<'_>,
    target: &Target,
    entries: &[ReceiptEntry],
) -> Result<Acknowledged, Error> {
    let receipts: Vec<Option<Receipt>> = entries.iter().map(|entry| Receipt::parse(&entry.receipt)).collect();
    let shown: Vec<Receipt> = receipts.iter().flatten().copied().collect();
    let held: Vec<_> = held(tx, target, &shown)?.into_iter().map(|held| held.job.job_id).collect();
    let tenant = tx.tenant();
    let mut outcome = Acknowledged::default();
    let mut leases: Vec<Lease> = Vec::new();
    for (entry, receipt) in entries.iter().zip(receipts) {
        // The same receipt twice is acknowledged once.
        let lease = receipt.filter(|receipt| held.contains(&receipt.job)).map(|r| lease(tenant, r));
        match lease.filter(|lease| !leases.contains(lease)) {
            Some(lease) => {
                outcome.successful.push(entry.id.clone());
                leases.push(lease);
            }
            None => outcome.failed.push(FailedEntry::new(&entry.id, &Error::LeaseLost)),
        }
    }
    finish(tx, leases)?;
    Ok(outcome)
}

fn finish(tx: &mut TenantTx<'_>, leases: Vec<Lease>) -> Result<(), Error> {
    let endings: Vec<_> = leases.into_iter().map(|lease| (lease, Ending::Done { result: None })).collect();
    engine::end(tx, &endings)?;
    Ok(())
}

/// Gives a message more time with its receiver, or less.
///
/// # Errors
/// [`Error::LeaseLost`] when it is not held any more; [`Error::Invalid`] for more than twelve hours in all.
pub fn extend(
    tx: &mut TenantTx<'_>,
    _: &Permit<ReceiveMessages>,
    queue: &str,
    extension: &Extension,
) -> Result<Extended, Error> {
    let target = Target::find(tx, queue)?;
    let seconds = extension.visibility_timeout_seconds;
    let field = "/visibility_timeout_seconds";
    if !(0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        return Err(Error::field(field, "out_of_range", "from 0 to 43200"));
    }
    let (lease, held) = one(tx, &target, &extension.receipt)?;
    let now = tx.now();
    if seconds == 0 {
        return put_back(tx, &target, lease, &held, released(&held.job, now))
            .map(|_| Extended { invisible_until: now });
    }
    let until = now + TimeDelta::seconds(i64::from(seconds));
    if until > held.claimed_at + TimeDelta::seconds(i64::from(MAX_VISIBILITY_SECONDS)) {
        return Err(Error::field(field, "out_of_range", "at most twelve hours after it was received"));
    }
    let statement = diesel::sql_query(
        "UPDATE jobs.leases SET expires_at = $4 WHERE tenant_id = $1 AND job_id = $2 AND token = $3",
    )
    .bind::<SqlUuid, _>(lease.tenant)
    .bind::<SqlUuid, _>(lease.job)
    .bind::<SqlUuid, _>(lease.token.0)
    .bind::<Timestamptz, _>(until);
    tx.execute(statement)?;
    Ok(Extended { invisible_until: until })
}

/// Gives a message back, to be received again, or up.
///
/// # Errors
/// [`Error::LeaseLost`] when it is not held any more.
pub fn reject(
    tx: &mut TenantTx<'_>,
    _: &Permit<ReceiveMessages>,
    queue: &str,
    rejection: &Rejection,
) -> Result<Rejected, Error> {
    let target = Target::find(tx, queue)?;
    let seconds = rejection.delay_seconds.unwrap_or(0);
    if !(0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        return Err(Error::field("/delay_seconds", "out_of_range", "from 0 to 43200"));
    }
    let reason = rejection.reason.as_deref().unwrap_or("rejected by its receiver");
    if reason.chars().count() > 2_000 || reason.contains('\0') {
        return Err(Error::field("/reason", "too_long", "at most 2000 characters, none of them NUL"));
    }
    let (lease, held) = one(tx, &target, &rejection.receipt)?;
    let (now, error) = (tx.now(), legible(reason));
    let meta = Some(remember(&held.job, &error, now));
    let ending = if rejection.dead_letter {
        Ending::Dead { reason: "rejected", error, meta }
    } else if held.job.attempt >= held.job.max_attempts {
        Ending::Dead { reason: "failed", error, meta }
    } else {
        let run_at = (seconds > 0).then(|| now + TimeDelta::seconds(i64::from(seconds)));
        Ending::Again { run_at, step: 0, meta }
    };
    put_back(tx, &target, lease, &held, ending)
}

/// What becomes of a message that its receiver gives back without a word: it can be received at once,
/// unless that was the last time.
pub(super) fn released(job: &Claimed, now: Timestamp) -> Ending {
    if job.attempt < job.max_attempts {
        return Ending::Again { run_at: None, step: 0, meta: None };
    }
    let error = "given back after its last receive".to_owned();
    let meta = Some(remember(job, &error, now));
    Ending::Dead { reason: "failed", error, meta }
}

/// Ends a lease, and tells who waits for the lane.
fn put_back(
    tx: &mut TenantTx<'_>,
    target: &Target,
    lease: Lease,
    held: &Held,
    ending: Ending,
) -> Result<Rejected, Error> {
    let (position, dead_letter) = match &ending {
        Ending::Again { run_at: None, .. } => (Some(held.job.rank), false),
        Ending::Again { .. } => (Some(i64::MAX), false),
        _ => (None, true),
    };
    engine::end(tx, &[(lease, ending)])?;
    if let Some(position) = position {
        tx.signal(CHANNEL, target.lane.as_str(), position);
    }
    Ok(Rejected { dead_letter })
}

fn lease(tenant: veza_core::TenantId, receipt: Receipt) -> Lease {
    Lease { tenant, job: receipt.job, token: receipt.token }
}

fn one(tx: &mut TenantTx<'_>, target: &Target, receipt: &str) -> Result<(Lease, Held), Error> {
    let receipt = Receipt::parse(receipt).ok_or(Error::LeaseLost)?;
    let held = held(tx, target, &[receipt])?.pop().ok_or(Error::LeaseLost)?;
    Ok((lease(tx.tenant(), receipt), held))
}

/// The messages of these receipts that are held and of this queue, locked in one order.
fn held(tx: &mut TenantTx<'_>, target: &Target, receipts: &[Receipt]) -> Result<Vec<Held>, Error> {
    if receipts.is_empty() {
        return Ok(Vec::new());
    }
    let statement = diesel::sql_query(
        "SELECT l.tenant_id, l.job_id, l.queue, l.rank, l.kind, l.attempt, l.max_attempts, l.timeout_ms, l.enqueued_at, \
         l.ready_at, l.expires_at, ''::text AS payload, l.meta, l.limited, l.claimed_at FROM jobs.leases AS l \
         WHERE l.tenant_id = $1 AND l.job_id = ANY ($2) \
           AND (l.job_id, l.token) IN (SELECT r.job_id, r.token FROM unnest($2, $3) AS r (job_id, token)) \
         ORDER BY l.job_id FOR UPDATE",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<Array<SqlUuid>, _>(receipts.iter().map(|receipt| receipt.job.as_uuid()).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(
        receipts.iter().map(|Receipt { token: Token(token), .. }| *token).collect::<Vec<_>>(),
    );
    let mut held: Vec<Held> = tx.load(statement)?;
    // Not in the query: PostgreSQL would look through all that is held of the queue.
    held.retain(|held| held.job.queue == target.lane.as_str());
    Ok(held)
}
