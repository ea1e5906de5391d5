//! The schema `stream` keeps the rules of the tenant boundary.

use veza_core::db::Role;
use veza_stream::CATALOGUE_EXCEPTIONS;
use veza_testing::{DbTest, assert_tenant_boundary, db_test};

#[db_test]
async fn every_table_keeps_the_rules(t: DbTest) {
    assert_tenant_boundary(&t.url(Role::Owner), &["stream"], CATALOGUE_EXCEPTIONS);
}
