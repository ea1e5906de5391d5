//! Rules of the tenant boundary, read back from PostgreSQL's own catalogue.

use std::fmt;

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text};
use diesel::{PgConnection, sql_query};

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Finding {
    /// The rule: `forced_rls`.
    #[diesel(sql_type = Text)]
    pub rule: String,
    /// The object that breaks it: `tenant.roles`.
    #[diesel(sql_type = Text)]
    pub object: String,
    /// What is wrong, and what to do.
    #[diesel(sql_type = Text)]
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]: {}", self.object, self.rule, self.detail)
    }
}

/// An object that may break one rule, and why.
#[derive(Debug, Clone, Copy)]
pub struct CatalogueException {
    /// The object, as in [`Finding::object`].
    pub object: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// Why it is right all the same.
    pub reason: &'static str,
}

/// The oldest PostgreSQL whose row-level security is whole, per major version: older patch levels
/// let statistics or inlined functions leak rows (CVE-2025-8713, CVE-2024-10976, CVE-2023-2455).
const PATCH_LEVELS: [(i32, i32); 4] = [(14, 19), (15, 14), (16, 10), (17, 6)];

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Integer)]
    number: i32,
}

/// Checks the server: version, patch level, roles.
pub fn check_server(connection: &mut PgConnection) -> QueryResult<Vec<Finding>> {
    let version = sql_query("SELECT current_setting('server_version_num')::int AS number")
        .get_result::<Number>(connection)?
        .number;
    let (major, minor) = (version / 10_000, version % 10_000);
    let needed = PATCH_LEVELS.iter().find(|(known, _)| *known == major).map_or(0, |(_, patch)| *patch);
    let mut findings = sql_query(include_str!("check_roles.sql")).load::<Finding>(connection)?;
    if major < 14 || minor < needed {
        findings.push(Finding {
            rule: "server_version".to_owned(),
            object: format!("PostgreSQL {major}.{minor}"),
            detail: match major {
                ..14 => "PostgreSQL 14 or newer is needed".to_owned(),
                _ => format!("known holes in row-level security; update to {major}.{needed} or newer"),
            },
        });
    }
    Ok(findings)
}

/// Checks every table, view, function, key and grant in `schemas`; `exceptions` are left out, and
/// one that excepts nothing is a finding itself.
pub fn check_catalogue(
    connection: &mut PgConnection,
    schemas: &[&str],
    exceptions: &[CatalogueException],
) -> QueryResult<Vec<Finding>> {
    let found = sql_query(include_str!("check_catalogue.sql"))
        .bind::<Array<Text>, _>(schemas)
        .load::<Finding>(connection)?;
    let matches = |exception: &CatalogueException, finding: &Finding| {
        exception.object == finding.object && exception.rule == finding.rule
    };
    let stale = exceptions
        .iter()
        .filter(|exception| !found.iter().any(|finding| matches(exception, finding)))
        .map(|exception| Finding {
            rule: "stale_exception".to_owned(),
            object: exception.object.to_owned(),
            detail: format!("the exception from {} is needed no more", exception.rule),
        })
        .collect::<Vec<_>>();
    let broken = found
        .iter()
        .filter(|finding| !exceptions.iter().any(|exception| matches(exception, finding)))
        .cloned();
    Ok(broken.chain(stale).collect())
}

/// Whatever it is called: a role that row-level security does not bind sees every tenant.
const OWN_ROLE: &str = "\
    SELECT 'role_unbound' AS rule, current_user::text AS object, \
           'this role passes row-level security; connect as veza_app' AS detail \
    FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)";

/// What lets a role pass row-level security, if anything does; for the URL that serves tenants.
pub fn check_serving_role(url: &str) -> Result<(), super::MigrationError> {
    let mut connection = super::session::connect_once(url)?;
    let findings = sql_query(include_str!("check_serving_role.sql")).load::<Finding>(&mut connection)?;
    if findings.is_empty() { Ok(()) } else { Err(super::MigrationError::Server(findings)) }
}

/// What [`examine`] saw.
#[derive(Debug, Clone)]
pub struct DatabaseReport {
    /// The server's version, as it says itself.
    pub version: String,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    setting: String,
}

/// Connects once, as whatever role `url` names, and looks around; for `veza doctor`.
pub fn examine(url: &str) -> Result<DatabaseReport, super::MigrationError> {
    let mut connection = super::session::connect_once(url)?;
    let setting = |connection: &mut PgConnection, name: &str| {
        sql_query(format!("SELECT current_setting('{name}') AS setting"))
            .get_result::<Setting>(connection)
            .map(|row| row.setting)
    };
    let version = setting(&mut connection, "server_version")?;
    let mut findings = check_server(&mut connection)?;
    findings.extend(sql_query(OWN_ROLE).load::<Finding>(&mut connection)?);
    let messages = setting(&mut connection, "lc_messages")?;
    let english = ["", "C", "POSIX"].contains(&messages.as_str())
        || messages.starts_with("C.")
        || messages.starts_with("en_");
    if !english {
        findings.push(Finding {
            rule: "lc_messages".to_owned(),
            object: messages,
            detail: "set lc_messages to C: time-outs and deadlocks are recognised by their English text"
                .to_owned(),
        });
    }
    Ok(DatabaseReport { version, findings })
}
