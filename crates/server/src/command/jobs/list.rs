//! Listing jobs and holds, and showing one job.

use std::process::ExitCode;

use veza_core::page::PageRequest;
use veza_core::{TenantId, Timestamp};
use veza_jobs::hold::{self, Hold};
use veza_jobs::{JobFilter, JobId, JobState, JobView, operator};
use veza_tenant::Tenants;

use super::{REASON, owner, pretty, print, tenant};
use crate::cli::JobsListArgs;
use crate::error::Error;

pub(super) async fn ls(tenants: &Tenants, args: JobsListArgs) -> Result<ExitCode, Error> {
    let only = tenant(tenants, args.scope.tenant.as_deref()).await?;
    let (state, queue) = (args.state, args.queue.clone());
    let mut owners: Vec<TenantId> = tenants
        .db()
        .dispatch(REASON, move |tx| operator::lanes(tx, only, queue.as_ref()))
        .await?
        .into_iter()
        .filter(|lane| lane.may_have(state))
        .map(|lane| lane.tenant)
        .collect();
    owners.dedup();
    let filter = JobFilter { state, queue: args.queue, kind: args.kind };
    let mut left = args.limit;
    for owner in owners {
        if left == 0 {
            break;
        }
        left -= some(tenants, owner, &filter, left, args.json).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints jobs of one organisation, at most `limit`; gives their number.
async fn some(
    tenants: &Tenants,
    owner: TenantId,
    filter: &JobFilter,
    limit: usize,
    json: bool,
) -> Result<usize, Error> {
    let (mut printed, mut cursor) = (0, None::<String>);
    while printed < limit {
        let items = u32::try_from(limit - printed).unwrap_or(u32::MAX).min(200);
        let page = PageRequest::new(Some(items), cursor.as_deref()).map_err(veza_jobs::Error::from)?;
        let filter = filter.clone();
        let page = tenants.db().dispatch(REASON, move |tx| operator::list(tx, owner, &filter, &page)).await?;
        printed += page.items.len();
        let lines: String = page.items.iter().map(|job| line(owner, job, json)).collect();
        print(&lines)?;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(printed)
}

fn line(owner: TenantId, job: &JobView, json: bool) -> String {
    if json {
        return format!("{}\n", with_owner(owner, job));
    }
    let at = moment(job).map_or(String::new(), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string());
    let attempts = job.max_attempts.map_or(job.attempt.to_string(), |most| format!("{}/{most}", job.attempt));
    let JobView { id, queue, kind, state, .. } = job;
    let error = job.error.as_deref().or(job.errors.last().map(|failure| failure.error.as_str()));
    let error = error.and_then(|error| error.lines().next()).unwrap_or_default();
    let line =
        format!("{id}  {owner}  {queue:<20}  {kind:<30}  {state:<9}  {attempts:>5}  {at:<20}  {error}");
    format!("{}\n", line.trim_end())
}

/// The time that matters in its state.
fn moment(job: &JobView) -> Option<Timestamp> {
    match job.state {
        JobState::Waiting | JobState::Deferred => job.run_at,
        JobState::Running => job.claimed_at,
        JobState::Done | JobState::Cancelled | JobState::Dead => job.finished_at,
    }
}

fn with_owner(owner: TenantId, job: &JobView) -> serde_json::Value {
    let mut value = serde_json::to_value(job).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("tenant".to_owned(), owner.to_string().into());
    }
    value
}

pub(super) async fn show(tenants: &Tenants, id: JobId) -> Result<ExitCode, Error> {
    let owner = owner(tenants, id).await?.tenant();
    let job = tenants.db().dispatch(REASON, move |tx| operator::get(tx, owner, id)).await?;
    print(&pretty(&with_owner(owner, &job)))
}

pub(super) async fn holds(tenants: &Tenants) -> Result<ExitCode, Error> {
    let holds = tenants.db().dispatch(REASON, hold::all_holds).await?;
    let lines: String = holds.iter().map(hold_line).collect();
    print(&lines)
}

fn hold_line(hold: &Hold) -> String {
    let tenant = hold.tenant.map_or("all organisations".to_owned(), |tenant| tenant.to_string());
    let queue = hold.queue.as_deref().unwrap_or("all queues");
    let by = match hold.held_by {
        hold::HeldBy::Tenant => "organisation",
        hold::HeldBy::Operator => "operator",
        hold::HeldBy::Suspension => "suspension",
    };
    let since = hold.held_at.format("%Y-%m-%d %H:%M:%SZ");
    let reason = hold.reason.as_deref().unwrap_or_default();
    let line = format!("{tenant:<36}  {queue:<20}  {by:<12}  {since}  {reason}");
    format!("{}\n", line.trim_end())
}
