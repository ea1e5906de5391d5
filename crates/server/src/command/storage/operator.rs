//! What the operator does: audits, and keys.

use std::process::ExitCode;

use veza_core::{Caller, Tasks};
use veza_storage::audit::{Audit, Findings};
use veza_storage::{Storage, keys};

use super::print;
use crate::cli::{StorageAuditArgs, StorageCommand, StorageShredArgs};
use crate::command::complain;
use crate::config::Config;
use crate::database;
use crate::error::Error;

pub(super) async fn run(config: Config, command: StorageCommand) -> Result<ExitCode, Error> {
    let tenants = database::tenants(&config)?;
    if let StorageCommand::Shred(args) = &command {
        return shred(&tenants, args).await;
    }
    let storage = Storage::configured(tenants.db().clone(), config.storage, &Tasks::new()).await?;
    let storage = storage.ok_or_else(|| {
        Error::Other("no files are configured: set storage.directory, or a bucket".to_owned())
    })?;
    match command {
        StorageCommand::Audit(args) => audit(&storage, &args).await,
        _ => print(&format!("{}\n", pretty(&storage.rewrap_root().await?))),
    }
}

async fn audit(storage: &Storage, args: &StorageAuditArgs) -> Result<ExitCode, Error> {
    let audit = Audit { since: args.since, collect: args.collect, at_most: args.at_most };
    let found: Findings = storage.audit(audit).await?;
    print(&format!("{}\n", pretty(&found)))?;
    if args.collect && found.removed < found.orphans.len() {
        complain(&format!(
            "nothing was removed: more than {} blobs have no row. Is it the right database? If so, say --at-most",
            args.at_most
        ));
    }
    let settled =
        found.missing.is_empty() && found.damaged.is_empty() && found.removed == found.orphans.len();
    Ok(if settled { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn shred(tenants: &veza_tenant::Tenants, args: &StorageShredArgs) -> Result<ExitCode, Error> {
    let id = tenants.get_organization(&args.organization).await?.id;
    let (caller, confirm) = (Caller::system(id), args.confirm.clone());
    let permit = caller.permit().map_err(veza_storage::Error::from)?;
    let work = move |tx: &mut veza_core::TenantTx<'_>| keys::shred(tx, &permit, &confirm);
    print(&format!("{}\n", pretty(&tenants.db().tenant(&caller, work).await?)))
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
