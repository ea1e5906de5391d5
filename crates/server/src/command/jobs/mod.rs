//! `veza jobs …`: reads go across organisations, changes are made inside one.

mod change;
mod list;
mod purge;
mod redrive;
mod top;

use std::path::Path;
use std::process::ExitCode;

use veza_core::{Caller, Reason, TenantId};
use veza_jobs::{JobId, operator};
use veza_tenant::Tenants;

use super::{block_on, print};
use crate::cli::JobsCommand;
use crate::database;
use crate::error::Error;

/// What the database counts these transactions under.
const REASON: Reason = Reason("jobs.operator");

pub(super) fn run(file: Option<&Path>, command: JobsCommand) -> Result<ExitCode, Error> {
    let config = database::configure(file, command.data())?;
    block_on(async {
        let tenants = &database::tenants(&config)?;
        match command {
            JobsCommand::Ls(args) => list::ls(tenants, args).await,
            JobsCommand::Top(args) => top::top(tenants, args.once).await,
            JobsCommand::Show(args) => list::show(tenants, args.id).await,
            JobsCommand::Retry(args) => change::retry(tenants, args).await,
            JobsCommand::Redrive(args) => redrive::begin(tenants, args).await,
            JobsCommand::Redrives(args) => redrive::list(tenants, args).await,
            JobsCommand::Pause(args) => change::pause(tenants, args).await,
            JobsCommand::Resume(args) => change::resume(tenants, args).await,
            JobsCommand::Holds(_) => list::holds(tenants).await,
            JobsCommand::Purge(args) => purge::purge(tenants, args).await,
            JobsCommand::Cancel(args) => change::cancel(tenants, &args.ids).await,
            JobsCommand::Limit(args) => change::limit(tenants, args).await,
        }
    })
}

/// The organisation of that id or slug.
async fn tenant(tenants: &Tenants, name: Option<&str>) -> Result<Option<TenantId>, Error> {
    match name {
        None => Ok(None),
        Some(name) => Ok(Some(tenants.get_organization(name).await?.id)),
    }
}

/// Veza itself, for the organisation whose job it is.
async fn owner(tenants: &Tenants, id: JobId) -> Result<Caller, Error> {
    let found = tenants.db().dispatch(REASON, move |tx| operator::find(tx, id)).await?;
    found.map(Caller::system).ok_or(Error::Jobs(veza_jobs::Error::NotFound("job")))
}

/// A value as people read JSON.
fn pretty(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())
}
