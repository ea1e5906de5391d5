//! `veza migrate`.

use std::path::Path;
use std::process::ExitCode;

use veza_core::db::{Migrator, Progress, Role, bootstrap};

use super::{complain, print};
use crate::cli::MigrateArgs;
use crate::database;
use crate::error::Error;

pub(super) fn run(file: Option<&Path>, args: &MigrateArgs) -> Result<ExitCode, Error> {
    let config = database::configure(file, &args.data)?;
    let url = database::url_for(&config, Role::Owner)?;
    let migrator = Migrator::veza();
    if args.check {
        migrator.check(url.expose())?;
        return print("The schema is up to date.\n");
    }
    if let Some(admin) = &args.admin_url {
        bootstrap(admin, &args.database)?;
    }
    let applied = migrator.run(url.expose(), |progress| match progress {
        Progress::Waiting => complain(&"another process migrates; waiting for it"),
        Progress::Applying(name) => complain(&format_args!("applying {name}")),
    })?;
    match applied.len() {
        0 => print("The schema was up to date.\n"),
        count => print(&format!("Applied {count} migrations; the schema is up to date.\n")),
    }
}
