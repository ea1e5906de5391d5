//! `veza doctor`: what is wrong, and what to do.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use veza_core::db::{DatabaseReport, Migrator, Role, examine};
use veza_postgres::Binaries;

use super::{block_on, print};
use crate::cli::DataArgs;
use crate::config::Config;
use crate::database;
use crate::error::Error;

/// One look at one thing.
enum Look {
    Fine(String),
    Wrong(String),
}

pub(super) fn run(file: Option<&Path>, args: &DataArgs) -> Result<ExitCode, Error> {
    let mut looks = Vec::new();
    match database::configure(file, args) {
        Err(error) => looks.push(Look::Wrong(format!("configuration: {error}"))),
        Ok(config) => {
            look_at_config(&config, &mut looks);
            look_at_database(&config, &mut looks);
            look_at_mail(&config, &mut looks);
        }
    }
    let mut text = String::new();
    for look in &looks {
        let _ = match look {
            Look::Fine(what) => writeln!(text, "  ok     {what}"),
            Look::Wrong(what) => writeln!(text, "  WRONG  {what}"),
        };
    }
    print(&text)?;
    let wrong = looks.iter().any(|look| matches!(look, Look::Wrong(_)));
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn look_at_config(config: &Config, looks: &mut Vec<Look>) {
    let problems = config.problems(false);
    if problems.is_empty() {
        looks.push(Look::Fine("configuration".to_owned()));
    }
    looks.extend(problems.into_iter().map(|problem| Look::Wrong(format!("configuration: {problem}"))));
    match (&config.tenant.root_secret, &config.database.url) {
        (None, Some(_)) => looks.push(Look::Wrong(
            "root secret: none; make one with `openssl rand -base64 32` and name its file in tenant.root_secret_file"
                .to_owned(),
        )),
        (Some(_), _) => looks.push(Look::Fine("root secret".to_owned())),
        (None, None) => {}
    }
}

fn look_at_database(config: &Config, looks: &mut Vec<Look>) {
    if config.database.url.is_none() {
        looks.push(match Binaries::find(config.database.pg_bindir.as_deref()) {
            Ok(found) => Look::Fine(format!(
                "PostgreSQL {} in {}, for `veza up`; no database is configured or running",
                found.major_version(),
                found.dir().display()
            )),
            Err(error) => Look::Wrong(format!("PostgreSQL: {error}")),
        });
        return;
    }
    for role in [Role::App, Role::System] {
        let Ok(url) = database::url_for(config, role) else { continue };
        match examine(url.expose()) {
            Err(error) => looks.push(Look::Wrong(format!(
                "database as {}: {error} (is it running, and may this role log in?)",
                role.name()
            ))),
            Ok(DatabaseReport { version, findings }) => {
                looks.push(Look::Fine(format!("database as {}: PostgreSQL {version}", role.name())));
                looks.extend(findings.iter().map(|finding| Look::Wrong(format!("database: {finding}"))));
            }
        }
    }
    if let Ok(url) = database::url_for(config, Role::App) {
        looks.push(match Migrator::veza().check(url.expose()) {
            Ok(()) => Look::Fine("schema".to_owned()),
            Err(error) => Look::Wrong(format!("schema: {error}")),
        });
    }
}

fn look_at_mail(config: &Config, looks: &mut Vec<Look>) {
    let mail = &config.tenant.mail;
    let Some(url) = &mail.smtp_url else {
        looks.push(Look::Fine(
            "mail: no server is configured; `veza up` prints e-mails, `veza serve` keeps them".to_owned(),
        ));
        return;
    };
    let checked = block_on(async {
        veza_tenant::SmtpMailer::new(url.expose(), &mail.from)?.check().await.map_err(Error::from)
    });
    looks.push(match checked {
        Ok(()) => Look::Fine("mail server".to_owned()),
        Err(error) => Look::Wrong(format!("mail server: {error}")),
    });
}
