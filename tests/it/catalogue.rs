//! Veza's own tables keep the rules of the tenant boundary.

use veza::core::db::Role;
use veza::tenant::CATALOGUE_EXCEPTIONS;
use veza_testing::{TenantTest, assert_tenant_boundary, tenant_test};

#[tenant_test]
async fn every_table_of_ours_keeps_the_rules(t: TenantTest) {
    let exceptions = [CATALOGUE_EXCEPTIONS, veza_jobs::CATALOGUE_EXCEPTIONS].concat();
    assert_tenant_boundary(
        &t.url(Role::Owner),
        &["core", "tenant", "jobs", "storage", "chat", "stream"],
        &exceptions,
    );
}
