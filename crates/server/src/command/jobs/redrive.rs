//! Taking dead jobs back.

use std::process::ExitCode;

use veza_core::page::PageRequest;
use veza_core::{Caller, TenantId};
use veza_jobs::{
    DeadFilter, JobState, QueueName, Redrive, RedriveRequest, RedriveState, cancel_redrive, operator,
};
use veza_tenant::Tenants;

use super::{REASON, print, tenant};
use crate::cli::{DeadArgs, JobsRedriveArgs, JobsRedrivesArgs, JobsScope};
use crate::error::Error;

impl JobsRedriveArgs {
    /// All dead jobs of a queue, as fast as it goes.
    pub(super) fn all(scope: JobsScope, queue: QueueName) -> Self {
        let dead = DeadArgs { kind: None, reason: None, died_from: None, died_until: None };
        Self { scope, queue, dead, per_minute: None, to: None }
    }
}

impl DeadArgs {
    /// Which dead jobs of `queue`.
    pub(super) fn filter(self, queue: QueueName) -> DeadFilter {
        let Self { kind, reason, died_from, died_until } = self;
        DeadFilter { queue, kind, reason, died_from, died_until }
    }
}

/// The organisations that have dead jobs in a queue, and how many.
pub(super) async fn bereaved(
    tenants: &Tenants,
    only: Option<TenantId>,
    queue: &QueueName,
) -> Result<Vec<(TenantId, i64)>, Error> {
    let queue = queue.clone();
    let lanes = tenants.db().dispatch(REASON, move |tx| operator::lanes(tx, only, Some(&queue))).await?;
    let dead = lanes.into_iter().filter(|lane| lane.may_have(JobState::Dead));
    Ok(dead.map(|lane| (lane.tenant, lane.dead)).collect())
}

pub(super) async fn begin(tenants: &Tenants, args: JobsRedriveArgs) -> Result<ExitCode, Error> {
    let only = tenant(tenants, args.scope.tenant.as_deref()).await?;
    let owners = bereaved(tenants, only, &args.queue).await?;
    if owners.is_empty() {
        return print("no job of this queue is dead\n");
    }
    let filter = args.dead.filter(args.queue);
    let request = RedriveRequest { filter, per_minute: args.per_minute, to: args.to };
    for (owner, _) in owners {
        let caller = Caller::system(owner);
        let (permit, request) = (caller.permit().map_err(veza_jobs::Error::from)?, request.clone());
        let begin = move |tx: &mut veza_core::TenantTx<'_>| veza_jobs::redrive(tx, &permit, &request);
        print(&line(owner, &tenants.db().tenant(&caller, begin).await?))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn list(tenants: &Tenants, args: JobsRedrivesArgs) -> Result<ExitCode, Error> {
    let only = tenant(tenants, args.scope.tenant.as_deref()).await?;
    if let (Some(id), Some(owner)) = (args.cancel, only) {
        let caller = Caller::system(owner);
        let permit = caller.permit().map_err(veza_jobs::Error::from)?;
        let cancelled = tenants.db().tenant(&caller, move |tx| cancel_redrive(tx, &permit, id)).await?;
        return print(&line(owner, &cancelled));
    }
    let owners = match only {
        Some(owner) => vec![owner],
        None => tenants.db().dispatch(REASON, operator::redriving).await?,
    };
    for owner in owners {
        let page = PageRequest::new(None, None).map_err(veza_jobs::Error::from)?;
        let page = tenants.db().dispatch(REASON, move |tx| operator::list_redrives(tx, owner, &page)).await?;
        let lines: String = page.items.iter().map(|redrive| line(owner, redrive)).collect();
        print(&lines)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(owner: TenantId, redrive: &Redrive) -> String {
    let state = match redrive.state {
        RedriveState::Running => "running",
        RedriveState::Finished => "finished",
        RedriveState::Cancelled => "cancelled",
    };
    let Redrive { id, queue, moved, skipped, .. } = redrive;
    format!("{id}  {owner}  {queue:<20}  {state:<9}  {moved} moved, {skipped} skipped\n")
}
