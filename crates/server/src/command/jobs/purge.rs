//! Ending jobs for good, after asking.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use veza_core::{Caller, TenantId};
use veza_jobs::{Jobs, JobsConfig, operator};
use veza_tenant::Tenants;

use super::super::complain;
use super::{REASON, print, redrive, tenant};
use crate::cli::JobsPurgeArgs;
use crate::error::Error;

pub(super) async fn purge(tenants: &Tenants, args: JobsPurgeArgs) -> Result<ExitCode, Error> {
    let only = tenant(tenants, args.scope.tenant.as_deref()).await?;
    let owners = if args.dead {
        redrive::bereaved(tenants, only, &args.queue).await?
    } else {
        waiting(tenants, only, &args).await?
    };
    let most: i64 = owners.iter().map(|(_, jobs)| jobs).sum();
    let whose = args.scope.tenant.as_deref().unwrap_or("all organisations");
    let what = if args.dead { "dead" } else { "waiting and deferred" };
    let question = format!("up to {most} {what} jobs of the queue {} of {whose}", args.queue);
    if !args.yes && !confirmed(&question)? {
        return Err(Error::Other("nothing was purged".to_owned()));
    }
    let jobs = Jobs::new(tenants.db().clone(), JobsConfig::default())?;
    let filter = args.filter.filter(args.queue.clone());
    let mut purged = 0;
    for (owner, _) in owners {
        let caller = Caller::system(owner);
        purged += if args.dead {
            jobs.purge_dead(&caller, &filter).await?
        } else {
            jobs.purge_queue(&caller, &args.queue).await?
        };
    }
    print(&format!("purged {purged} jobs\n"))
}

async fn waiting(
    tenants: &Tenants,
    only: Option<TenantId>,
    args: &JobsPurgeArgs,
) -> Result<Vec<(TenantId, i64)>, Error> {
    let queue = args.queue.clone();
    let lanes = tenants.db().dispatch(REASON, move |tx| operator::lanes(tx, only, Some(&queue))).await?;
    let busy = lanes.into_iter().map(|lane| (lane.tenant, lane.waiting + lane.deferred));
    Ok(busy.filter(|(_, jobs)| *jobs > 0).collect())
}

fn confirmed(what: &str) -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::Other(format!("this purges {what} for good; say --yes")));
    }
    complain(&format!("this purges {what} for good; type yes, then Enter:"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::io("cannot read the answer"))?;
    Ok(answer.trim() == "yes")
}
