//! One statement that is a transaction by itself, between others on the same connection.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use tokio::task::JoinSet;
use veza_core::{BatchTx, DbError, DispatchTx, Query, Reason, Write};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{migrator, narrow};

const REASON: Reason = Reason("test");

#[derive(Debug, PartialEq, QueryableByName)]
struct Seen {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    durable: String,
    #[diesel(sql_type = BigInt)]
    transaction: i64,
}

fn see(tx: &mut impl Query) -> Result<Seen, DbError> {
    let sql = "SELECT current_user::text AS role, current_setting('synchronous_commit') AS durable, \
               pg_current_xact_id()::text::bigint AS transaction";
    tx.get_result(diesel::sql_query(sql))
}

fn fail(tx: &mut impl Query) -> Result<Seen, DbError> {
    tx.get_result(diesel::sql_query("SELECT '' AS role, '' AS durable, 1 / 0::bigint AS transaction"))
}

#[tenant_test(migrator = migrator)]
async fn a_statement_ends_by_itself_and_waits_for_no_disk(t: TenantTest) {
    let db = narrow(&t.database);
    let first = db.dispatch_statement(REASON, |tx| see(tx)).await.unwrap();
    let second = db.dispatch_statement(REASON, |tx| see(tx)).await.unwrap();
    assert_eq!(first.role, "veza_jobs");
    // Not because the server of tests has it so.
    let set = "SELECT source AS role, setting AS durable, 0::bigint AS transaction FROM pg_settings \
               WHERE name = 'synchronous_commit'";
    let set = db
        .dispatch_statement(REASON, move |tx| tx.get_result::<Seen, _>(diesel::sql_query(set)))
        .await
        .unwrap();
    assert_eq!((set.role.as_str(), set.durable.as_str()), ("session", "off"));
    assert_ne!(first.transaction, second.transaction);
}

#[tenant_test(migrator = migrator)]
async fn there_is_no_second_statement(t: TenantTest) {
    let db = narrow(&t.database);
    let twice = db.dispatch_statement(REASON, |tx| see(tx).and(see(tx))).await;
    assert!(matches!(twice, Err(DbError::Aborted)), "{twice:?}");
    // Also when the first failed.
    let twice = db.dispatch_statement(REASON, |tx| fail(tx).or_else(|_failed| see(tx))).await;
    assert!(matches!(twice, Err(DbError::Aborted)), "{twice:?}");
    see_all_is_well(&db).await;
}

/// Both statements of a transaction are in it.
fn twice_in_one(tx: &mut DispatchTx<'_>) -> Result<i64, DbError> {
    let (first, second) = (see(tx)?, see(tx)?);
    Ok(if first == second { first.transaction } else { 0 })
}

async fn see_all_is_well(db: &veza_core::Db) {
    assert_eq!(db.dispatch(REASON, |tx| see(tx)).await.unwrap().role, "veza_jobs");
}

#[tenant_test(migrator = migrator)]
async fn statements_and_transactions_follow_each_other_on_one_connection(t: TenantTest) {
    let db = narrow(&t.database);
    let mut mixed = JoinSet::new();
    for number in 0..30 {
        let db = db.clone();
        mixed.spawn(async move {
            let outcome = match number % 3 {
                0 => db.dispatch_statement(REASON, |tx| see(tx)).await.map(|seen| seen.transaction),
                1 => db.dispatch(REASON, twice_in_one).await,
                _ => db.dispatch_statement(REASON, |tx| fail(tx)).await.map(|seen| seen.transaction),
            };
            (number, outcome)
        });
    }
    let mut transactions = Vec::new();
    while let Some(done) = mixed.join_next().await {
        let (number, outcome) = done.unwrap();
        assert_eq!(outcome.is_err(), number % 3 == 2, "{number}: {outcome:?}");
        transactions.extend(outcome);
    }
    transactions.sort_unstable();
    transactions.dedup();
    assert_eq!((transactions.len(), transactions.contains(&0)), (20, false), "each is another transaction");
    see_all_is_well(&db).await;
}

#[tenant_test(migrator = migrator)]
async fn a_batch_is_as_durable_as_the_server_whoever_had_its_connection(t: TenantTest) {
    let db = narrow(&t.database);
    let tenants = [t.alice.tenant];
    // Behind a pooler in transaction mode it may be one that a dispatcher had.
    let leave = |tx: &mut BatchTx<'_>| {
        let before = see(tx)?;
        tx.execute(diesel::sql_query("SET synchronous_commit = local"))?;
        Ok::<_, DbError>(before)
    };
    let before = db.batch(REASON, &tenants, leave).await.unwrap().durable;
    assert_ne!(before, "local");
    assert_eq!(db.batch(REASON, &tenants, |tx| see(tx)).await.unwrap().durable, before);
}
