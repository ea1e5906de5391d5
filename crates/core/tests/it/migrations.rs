//! One history, applied once, by one process at a time.

use std::sync::Mutex;

use veza_core::db::{Migration, MigrationError, Migrator, Progress, Role, bootstrap};
use veza_testing::{DbTest, TestDatabase, db_test};

const FIRST: Migration = Migration {
    name: "2027-01-01-000000_shop_create",
    sql: "CREATE SCHEMA shop; CREATE TABLE shop.a (n int)",
};

fn run(migrator: &Migrator, database: &TestDatabase) -> Result<Vec<&'static str>, MigrationError> {
    migrator.run(&database.url(Role::Owner), |_| {})
}

fn exists(database: &TestDatabase, table: &str) -> bool {
    database.superuser().text(&format!("to_regclass('{table}')")).is_some()
}

#[db_test]
async fn what_was_applied_is_not_applied_again(t: DbTest) {
    let migrator = Migrator::veza().with(&[FIRST]);
    assert!(matches!(migrator.check(&t.url(Role::App)),
        Err(MigrationError::Pending(1, name)) if name == FIRST.name));
    assert_eq!(run(&migrator, &t.database).unwrap(), [FIRST.name]);
    assert_eq!(run(&migrator, &t.database).unwrap(), [""; 0]);
    migrator.check(&t.url(Role::App)).unwrap();
}

#[db_test]
async fn an_empty_database_lacks_everything(t: DbTest) {
    t.database.superuser().execute("DROP SCHEMA core CASCADE");
    let all = Migrator::veza().migrations().len();
    assert!(matches!(Migrator::veza().check(&t.url(Role::App)),
        Err(MigrationError::Pending(count, _)) if count == all));
}

#[db_test]
async fn two_at_once_take_turns(t: DbTest) {
    let slow = Migration { name: "2027-01-02-000000_shop_wait", sql: "SELECT pg_sleep(0.3)" };
    let migrator = Migrator::veza().with(&[FIRST, slow]);
    let waited = Mutex::new(0);
    let note = |progress: Progress<'_>| *waited.lock().unwrap() += i32::from(progress == Progress::Waiting);
    let applied: Vec<usize> = std::thread::scope(|scope| {
        let runs = [(); 3].map(|()| scope.spawn(|| migrator.run(&t.url(Role::Owner), note).unwrap().len()));
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(applied.iter().sum::<usize>(), 2, "{applied:?}");
    assert_eq!(waited.into_inner().unwrap(), 2);
}

#[db_test]
async fn one_that_waits_does_not_block_an_index_that_is_built_concurrently(t: DbTest) {
    let slow = Migration { name: "2027-01-02-000000_shop_wait", sql: "SELECT pg_sleep(0.3)" };
    let index = Migration {
        name: "2027-01-03-000000_shop_index",
        sql: "-- veza:no-transaction\nCREATE INDEX CONCURRENTLY a_by_n ON shop.a (n)",
    };
    let migrator = Migrator::veza().with(&[FIRST, slow, index]);
    let applied: Vec<usize> = std::thread::scope(|scope| {
        let runs = [(); 2].map(|()| scope.spawn(|| run(&migrator, &t.database).unwrap().len()));
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(applied.iter().sum::<usize>(), 3, "{applied:?}");
    assert!(exists(&t.database, "shop.a_by_n"));
}

#[db_test]
async fn a_changed_migration_is_noticed(t: DbTest) {
    run(&Migrator::veza().with(&[FIRST]), &t.database).unwrap();
    let changed = Migrator::veza().with(&[Migration { sql: "CREATE SCHEMA shop", ..FIRST }]);
    let is_drift = |outcome: Result<(), MigrationError>| matches!(outcome, Err(MigrationError::Drift(name)) if name == FIRST.name);
    assert!(is_drift(changed.check(&t.url(Role::App))));
    assert!(is_drift(run(&changed, &t.database).map(drop)));
}

#[db_test]
async fn a_newer_database_is_noticed(t: DbTest) {
    run(&Migrator::veza().with(&[FIRST]), &t.database).unwrap();
    let is_unknown = |outcome: Result<(), MigrationError>| matches!(outcome, Err(MigrationError::Unknown(name)) if name == FIRST.name);
    assert!(is_unknown(Migrator::veza().check(&t.url(Role::App))));
    assert!(is_unknown(run(&Migrator::veza(), &t.database).map(drop)));
}

#[db_test]
async fn a_failing_migration_leaves_nothing(t: DbTest) {
    let broken = Migration {
        name: "2027-01-02-000000_shop_break",
        sql: "CREATE TABLE shop.b (n int); INSERT INTO shop.b VALUES (1); SELECT 1 / 0",
    };
    let migrator = Migrator::veza().with(&[FIRST, broken]);
    let error = run(&migrator, &t.database).unwrap_err();
    assert!(matches!(&error, MigrationError::Failed { name, .. } if name == broken.name), "{error}");
    assert!(exists(&t.database, "shop.a") && !exists(&t.database, "shop.b"));
    assert!(matches!(migrator.check(&t.url(Role::App)), Err(MigrationError::Pending(1, _))));
    // The lock went with the connection: mended, it runs.
    let mended = Migration { sql: "CREATE TABLE shop.b (n int)", ..broken };
    assert_eq!(run(&Migrator::veza().with(&[FIRST, mended]), &t.database).unwrap(), [broken.name]);
}

#[db_test]
async fn bootstrap_may_run_again_and_many_at_once(t: DbTest) {
    let (admin, name) = (t.database.superuser_url(), t.database.name());
    // As after a run that ended between creating the database and closing it.
    t.database.superuser().execute(&format!("GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC"));
    t.database.superuser().execute(&format!("REVOKE CONNECT ON DATABASE {name} FROM veza_system"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bootstrap(&admin, name).unwrap());
        }
    });
    let granted = |role: &str, right: &str| {
        let right = format!("has_database_privilege('{role}', current_database(), '{right}')");
        t.database.superuser().text(&right).as_deref() == Some("true")
    };
    assert!(granted("veza_system", "CONNECT") && granted("veza_app", "CONNECT"));
    assert!(!granted("pg_monitor", "CONNECT") && !granted("veza_app", "TEMPORARY"));
}

#[test]
fn histories_are_merged_in_order() {
    let early = Migration { name: "2026-01-01-000000_shop_early", sql: "" };
    let migrator = Migrator::veza().with(&[FIRST, early]);
    let names: Vec<_> = migrator.migrations().iter().map(|migration| migration.name).collect();
    assert_eq!((names.first(), names.last()), (Some(&early.name), Some(&FIRST.name)));
}
