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

/// A plan that is compiled costs fifty times what it runs for: see the migration `jobs_disable_jit`.
#[db_test]
async fn no_function_of_the_engine_is_compiled(t: DbTest) {
    let compiled = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'jobs'::regnamespace AND prokind = 'f' \
                    AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c') \
                    AND proname NOT IN ('share', 'rotate') AND NOT coalesce(proconfig @> '{jit=off}', false)";
    assert_eq!(t.database.superuser().count(compiled), 0, "ALTER FUNCTION … SET jit = off");
}
