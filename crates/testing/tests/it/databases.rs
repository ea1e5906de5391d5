use std::collections::HashSet;

use veza_core::db::{Migration, Migrator, Role};
use veza_core::{DbError, usage};
use veza_testing::{DbTest, Options, TenantTest, db_test, tenant_test};

fn extended() -> Migrator {
    Migrator::veza()
        .with(&[Migration { name: "2027-01-01-000000_shop_create_schema", sql: "CREATE SCHEMA shop" }])
}

#[db_test]
async fn a_database_per_test_is_empty_and_migrated(t: DbTest) {
    Migrator::veza().check(&t.url(Role::App)).unwrap();
    assert_eq!(t.database.superuser().count("SELECT count(*) FROM core.usage_events"), 0);
    let noted = t.db.tenant(&t.alice.caller, |tx| usage::record(tx, "shop.orders", 1)).await;
    noted.map_err(|error: DbError| error.to_string()).unwrap();
    assert_eq!(t.database.superuser().count("SELECT count(*) FROM core.usage_events"), 1);
}

#[db_test]
async fn strangers_cannot_connect_to_a_clone(t: DbTest) {
    let public = "has_database_privilege('pg_monitor', current_database(), 'CONNECT')";
    assert_eq!(t.database.superuser().text(public).as_deref(), Some("false"));
}

#[tenant_test]
async fn tests_share_one_database(t: TenantTest) {
    assert!(t.database.name().starts_with("veza_"), "{}", t.database.name());
    assert!(!t.database.name().starts_with("veza_clone_"), "{}", t.database.name());
}

#[tenant_test(migrator = extended)]
async fn another_history_is_another_database(t: TenantTest) {
    extended().check(&t.url(Role::App)).unwrap();
    assert!(Migrator::veza().check(&t.url(Role::App)).is_err(), "it knows less than the database");
}

#[test]
fn many_programs_may_set_up_at_once() {
    // Threads stand for programs: the lock is in PostgreSQL. Each makes clones of its own.
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| DbTest::run(Options::default(), name))).collect();
    let names: HashSet<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(names.len(), 4);
}

async fn name(t: DbTest) -> String {
    t.database.name().to_owned()
}
