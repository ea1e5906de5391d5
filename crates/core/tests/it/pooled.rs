//! The tenant never stays on a connection, however its transaction ended.

use std::panic::resume_unwind;
use std::time::Duration;

use diesel::sql_types::Text;
use veza_core::db::PoolConfig;
use veza_core::{Db, DbError, Query, TenantScope, Write};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, backend, insert, list, migrator, millis, narrow, one_connection, sleep, titles};

/// Alice's transaction went before; now mallory's sees mallory's rows, on the same connection.
async fn nothing_stayed(t: &TenantTest, db: &Db, before: i32) {
    let expected = t.mallory.tenant.to_string();
    let (setting, rows, after) = db
        .tenant(&t.mallory.caller, move |tx| {
            assert_eq!(tx.tenant().to_string(), expected);
            let setting = diesel::dsl::sql::<Text>("current_setting('veza.tenant_id')");
            Ok::<_, DbError>((
                tx.get_result::<String, _>(diesel::select(setting))?,
                titles(tx)?,
                backend(tx)?,
            ))
        })
        .await
        .unwrap();
    assert_eq!(setting, t.mallory.tenant.to_string());
    assert_eq!(rows, ["hers"]);
    assert_eq!(after, before, "it was not the same connection");
}

/// A connection with rows of both tenants behind it, and its process in PostgreSQL.
async fn prepare(t: &TenantTest, pool: PoolConfig) -> (Db, i32) {
    let db = t.database.open(pool);
    add(&db, &t.mallory.caller, "hers").await;
    add(&db, &t.alice.caller, "mine").await;
    let process = db.tenant(&t.alice.caller, |tx| backend(tx)).await.unwrap();
    (db, process)
}

#[tenant_test(migrator = migrator)]
async fn after_success(t: TenantTest) {
    let (db, process) = prepare(&t, one_connection()).await;
    assert_eq!(list(&db, &t.alice.caller).await, ["mine"]);
    nothing_stayed(&t, &db, process).await;
}

#[tenant_test(migrator = migrator)]
async fn after_an_error_of_postgresql(t: TenantTest) {
    let (db, process) = prepare(&t, one_connection()).await;
    let error = db.tenant(&t.alice.caller, |tx| insert(tx, "")).await.unwrap_err();
    assert_eq!(error.constraint(), Some("orders_title_length"));
    nothing_stayed(&t, &db, process).await;
}

#[tenant_test(migrator = migrator)]
async fn after_an_error_of_the_closure(t: TenantTest) {
    let (db, process) = prepare(&t, one_connection()).await;
    let closure = |tx: &mut veza_core::TenantTx<'_>| {
        insert(tx, "undone")?;
        Err::<(), _>(DbError::NotFound)
    };
    assert!(matches!(db.tenant(&t.alice.caller, closure).await, Err(DbError::NotFound)));
    nothing_stayed(&t, &db, process).await;
    assert_eq!(list(&db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn after_a_panic(t: TenantTest) {
    let (db, process) = prepare(&t, one_connection()).await;
    let outcome: Result<(), DbError> = db
        .tenant(&t.alice.caller, |tx| {
            insert(tx, "undone")?;
            resume_unwind(Box::new("on purpose"))
        })
        .await;
    assert!(matches!(outcome, Err(DbError::Panicked)), "{outcome:?}");
    nothing_stayed(&t, &db, process).await;
    assert_eq!(list(&db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn after_a_statement_timeout(t: TenantTest) {
    let pool = PoolConfig { statement_timeout: millis(100), ..one_connection() };
    let (db, process) = prepare(&t, pool).await;
    let outcome = db.tenant(&t.alice.caller, |tx| sleep(tx, Duration::from_secs(30))).await;
    assert!(matches!(outcome, Err(DbError::DeadlineExceeded)), "{outcome:?}");
    nothing_stayed(&t, &db, process).await;
}

#[tenant_test(migrator = migrator)]
async fn after_a_swallowed_error(t: TenantTest) {
    let (db, process) = prepare(&t, one_connection()).await;
    let outcome = db
        .tenant(&t.alice.caller, |tx| {
            insert(tx, "undone")?;
            let _swallowed = insert(tx, "");
            Ok::<_, DbError>("all went well")
        })
        .await;
    assert!(matches!(outcome, Err(DbError::Aborted)), "{outcome:?}");
    nothing_stayed(&t, &db, process).await;
    assert_eq!(list(&db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn after_a_setting_for_the_session(t: TenantTest) {
    let (db, process) = prepare(&t, one_connection()).await;
    let set = format!("SELECT set_config('veza.tenant_id', '{}', false)", t.alice.tenant);
    let outcome = db.tenant(&t.alice.caller, move |tx| tx.execute(diesel::sql_query(&*set))).await;
    let _rows: Result<usize, DbError> = outcome;
    nothing_stayed(&t, &db, process).await;
}

#[tenant_test(migrator = migrator)]
async fn after_the_server_process_was_killed(t: TenantTest) {
    let db = narrow(&t.database);
    add(&db, &t.mallory.caller, "hers").await;
    let (database, process) =
        (t.database.clone(), db.tenant(&t.alice.caller, |tx| backend(tx)).await.unwrap());
    let outcome = db
        .tenant(&t.alice.caller, move |tx| {
            insert(tx, "undone")?;
            database.superuser().execute(&format!("SELECT pg_terminate_backend({process}, 5000)"));
            insert(tx, "into the void")
        })
        .await;
    assert!(matches!(outcome, Err(DbError::Unavailable)), "{outcome:?}");
    assert_eq!(list(&db, &t.mallory.caller).await, ["hers"]);
    assert_eq!(list(&db, &t.alice.caller).await, [""; 0]);
    assert_ne!(db.tenant(&t.alice.caller, |tx| backend(tx)).await.unwrap(), process);
}
