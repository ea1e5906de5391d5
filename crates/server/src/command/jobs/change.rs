//! What is done to single jobs, and to lanes.

use std::process::ExitCode;

use veza_core::Caller;
use veza_jobs::hold::{self, HoldScope};
use veza_jobs::{Cancelled, JobId, LaneChange, get_lane, set_lane};
use veza_tenant::Tenants;

use super::{REASON, owner, pretty, print, redrive, tenant};
use crate::cli::{JobsHoldArgs, JobsLimitArgs, JobsRedriveArgs, JobsRetryArgs};
use crate::error::Error;

pub(super) async fn retry(tenants: &Tenants, args: JobsRetryArgs) -> Result<ExitCode, Error> {
    if let Some(queue) = args.queue {
        return redrive::begin(tenants, JobsRedriveArgs::all(args.scope, queue)).await;
    }
    for id in args.ids {
        let owner = owner(tenants, id).await?;
        let permit = owner.permit().map_err(veza_jobs::Error::from)?;
        tenants.db().tenant(&owner, move |tx| veza_jobs::retry(tx, &permit, id)).await?;
        print(&format!("{id}  is ready\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn cancel(tenants: &Tenants, ids: &[JobId]) -> Result<ExitCode, Error> {
    for &id in ids {
        let owner = owner(tenants, id).await?;
        let permit = owner.permit().map_err(veza_jobs::Error::from)?;
        let said = match tenants.db().tenant(&owner, move |tx| veza_jobs::cancel(tx, &permit, id)).await? {
            Cancelled::Ended => "is cancelled",
            Cancelled::Requested => "runs, and is told to stop",
        };
        print(&format!("{id}  {said}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn pause(tenants: &Tenants, args: JobsHoldArgs) -> Result<ExitCode, Error> {
    let scope = HoldScope { tenant: tenant(tenants, args.scope.tenant.as_deref()).await?, queue: args.queue };
    let reason = args.reason;
    tenants.db().dispatch(REASON, move |tx| hold::hold(tx, &scope, reason.as_deref())).await?;
    print("paused; what runs goes on\n")
}

pub(super) async fn resume(tenants: &Tenants, args: JobsHoldArgs) -> Result<ExitCode, Error> {
    let scope = HoldScope { tenant: tenant(tenants, args.scope.tenant.as_deref()).await?, queue: args.queue };
    if tenants.db().dispatch(REASON, move |tx| hold::release(tx, &scope)).await? {
        return print("resumed\n");
    }
    Err(Error::Other(
        "no pause of exactly this is in force; `veza jobs holds` lists those that are".to_owned(),
    ))
}

pub(super) async fn limit(tenants: &Tenants, args: JobsLimitArgs) -> Result<ExitCode, Error> {
    let owner = Caller::system(tenants.get_organization(&args.tenant).await?.id);
    let change = LaneChange {
        weight: args.weight,
        max_running: args.max_running.map(|limit| limit.0),
        per_minute: args.per_minute.map(|limit| limit.0),
    };
    let queue = args.queue;
    let limits = tenants.db().tenant(&owner, move |tx| {
        if change == LaneChange::default() { get_lane(tx, &queue) } else { set_lane(tx, &queue, &change) }
    });
    print(&pretty(&limits.await?))
}
