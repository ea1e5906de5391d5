//! The rules of the tenant boundary as one assertion.

use diesel::prelude::*;
use veza_core::db::{CatalogueException, check_catalogue, check_server};

/// Panics with a list of everything in `schemas` that would let one tenant see another, and of
/// everything that the server's roles may do too much.
///
/// `url` may be any role's, for example `t.url(Role::Owner)`. An exception that excepts nothing
/// fails as well, so the list stays honest.
pub fn assert_tenant_boundary(url: &str, schemas: &[&str], exceptions: &[CatalogueException]) {
    let mut connection = PgConnection::establish(url).expect("the database can be reached");
    let mut findings = check_server(&mut connection).expect("the server can be checked");
    findings
        .extend(check_catalogue(&mut connection, schemas, exceptions).expect("the catalogue can be read"));
    let list: Vec<String> = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    assert!(list.is_empty(), "the tenant boundary is broken:{}", list.concat());
}
