//! The schema `jobs` keeps the rules of the tenant boundary.

use veza_core::db::Role;
use veza_jobs::CATALOGUE_EXCEPTIONS;
use veza_testing::{DbTest, assert_tenant_boundary, db_test};

#[db_test]
async fn every_table_keeps_the_rules(t: DbTest) {
    // With the partitions of days, which are made while a program runs.
    t.database
        .superuser()
        .execute("SET ROLE veza_jobs; SELECT jobs.rotate('done', current_date, 7); RESET ROLE");
    assert_tenant_boundary(&t.url(Role::Owner), &["jobs"], CATALOGUE_EXCEPTIONS);
}
