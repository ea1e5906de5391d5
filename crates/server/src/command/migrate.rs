//! `veza migrate`.

use std::process::ExitCode;

use veza_core::db::{Migrator, Progress, Role, bootstrap};

use super::{complain, print};
use crate::cli::MigrateArgs;
use crate::config::Config;
use crate::database;
use crate::error::Error;

pub(super) fn run(mut config: Config, args: &MigrateArgs) -> Result<ExitCode, Error> {
    database::locate(&mut config, &args.data)?;
    if let Some(admin) = &args.admin_url {
        bootstrap(admin, &args.database)?;
    }
    let migrator = Migrator::veza();
    if args.check {
        migrator.check(database::url_for(&config, Role::Owner)?.expose())?;
        return print("The schema is up to date.\n");
    }
    let url = database::url_for(&config, Role::Owner)?;
    let applied = migrator.run(url.expose(), |progress| match progress {
        Progress::Waiting => complain(&"another process migrates; waiting for it"),
        Progress::Applying(name) => complain(&format_args!("applying {name}")),
    })?;
    match applied.len() {
        0 => print("The schema was up to date.\n"),
        count => print(&format!("Applied {count} migrations; the schema is up to date.\n")),
    }
}
