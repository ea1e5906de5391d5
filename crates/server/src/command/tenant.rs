//! `veza tenant …`.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use veza_tenant::organization::{LimitChange, Transition};
use veza_tenant::{NewOrganization, NewOwner, Organization, Signup, Tenants};

use super::{block_on, complain, print};
use crate::cli::{DataArgs, TenantArgs, TenantCommand, TenantCreateArgs};
use crate::database;
use crate::error::Error;

pub(super) fn run(file: Option<&Path>, command: TenantCommand) -> Result<ExitCode, Error> {
    let config = database::configure(file, data(&command))?;
    block_on(async {
        let tenants = database::tenants(&config)?;
        match command {
            TenantCommand::Create(args) => create(&tenants, args).await,
            TenantCommand::List { json, .. } => list(&tenants, json).await,
            TenantCommand::Show(args) => show(&tenants.get_organization(&args.organization).await?),
            TenantCommand::Suspend(args) => {
                transition(&tenants, &args.tenant, Transition::Suspend, args.reason.as_deref()).await
            }
            TenantCommand::Resume(args) => {
                transition(&tenants, &args.tenant, Transition::Resume, args.reason.as_deref()).await
            }
            TenantCommand::Delete(args) => {
                transition(&tenants, &args.tenant, Transition::Delete, args.reason.as_deref()).await
            }
            TenantCommand::Limit(args) => {
                let change = LimitChange {
                    requests_per_minute: args.requests_per_minute.map(|limit| limit.0),
                    max_members: args.max_members.map(|limit| limit.0),
                };
                show(&tenants.set_limits(&args.tenant.organization, change).await?)
            }
        }
    })
}

fn data(command: &TenantCommand) -> &DataArgs {
    match command {
        TenantCommand::Create(args) => &args.data,
        TenantCommand::List { data, .. } => data,
        TenantCommand::Show(args) => &args.data,
        TenantCommand::Suspend(args) | TenantCommand::Resume(args) | TenantCommand::Delete(args) => {
            &args.tenant.data
        }
        TenantCommand::Limit(args) => &args.tenant.data,
    }
}

async fn create(tenants: &Tenants, args: TenantCreateArgs) -> Result<ExitCode, Error> {
    if std::io::stdin().is_terminal() {
        complain(&"type the owner's password (it is shown), then Enter:");
    }
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password).map_err(Error::io("cannot read the password"))?;
    let owner = NewOwner {
        name: args.owner_name.unwrap_or_else(|| args.owner_email.clone()),
        email: args.owner_email,
        password: password.trim_end_matches(['\r', '\n']).to_owned(),
    };
    let name = args.name.unwrap_or_else(|| args.slug.clone());
    let new = NewOrganization { name, slug: args.slug, metadata: None, owner };
    let (organization, _) = tenants.create_organization(&new, Signup::Operator, None).await?.value;
    show(&organization)
}

async fn list(tenants: &Tenants, json: bool) -> Result<ExitCode, Error> {
    let mut after = None;
    loop {
        let page = tenants.list_organizations(after, 500).await?;
        let Some(last) = page.last() else { return Ok(ExitCode::SUCCESS) };
        after = Some(last.id.as_uuid());
        let lines: String = page.iter().map(|organization| line(organization, json)).collect();
        print(&lines)?;
    }
}

fn line(organization: &Organization, json: bool) -> String {
    if json {
        return format!("{}\n", serde_json::to_string(organization).unwrap_or_default());
    }
    let Organization { id, slug, state, name, .. } = organization;
    format!("{id}  {slug:<40}  {state:<9}  {name}\n")
}

async fn transition(
    tenants: &Tenants,
    args: &TenantArgs,
    transition: Transition,
    reason: Option<&str>,
) -> Result<ExitCode, Error> {
    show(&tenants.transition(&args.organization, transition, reason).await?)
}

/// An organisation as its operator sees it: with the reason for its state, which members do not see.
fn show(organization: &Organization) -> Result<ExitCode, Error> {
    let mut value = serde_json::to_value(organization).unwrap_or_default();
    if let (Some(fields), Some(reason)) = (value.as_object_mut(), &organization.state_reason) {
        fields.insert("state_reason".to_owned(), reason.clone().into());
    }
    print(&format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default()))
}
