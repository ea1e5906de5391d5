//! Without a tenant PostgreSQL refuses: it never answers with nothing.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::{PgConnection, sql_query};
use veza_core::db::Role;
use veza_core::{DbError, Write};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, migrator, narrow, orders, titles};

fn select(connection: &mut PgConnection) -> QueryResult<i64> {
    orders::table.count().get_result(connection)
}

fn refused<T: std::fmt::Debug>(outcome: QueryResult<T>, text: &str) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
}

const NEVER_SET: &str = "unrecognized configuration parameter \"veza.tenant_id\"";
const NOT_SET_NOW: &str = "invalid input syntax for type uuid: \"\"";

#[tenant_test(migrator = migrator)]
async fn a_connection_that_never_had_a_tenant_is_refused(t: TenantTest) {
    add(&t.db, &t.mallory.caller, "canary").await;
    let mut connection = t.database.connect(Role::App);
    refused(select(&mut connection), NEVER_SET);
    refused(sql_query("DELETE FROM shop.orders").execute(&mut connection), NEVER_SET);
    refused(sql_query("UPDATE shop.orders SET title = 'x'").execute(&mut connection), NEVER_SET);
    let insert = "INSERT INTO shop.orders VALUES (gen_random_uuid(), gen_random_uuid(), 'x')";
    refused(sql_query(insert).execute(&mut connection), NEVER_SET);
}

#[tenant_test(migrator = migrator)]
async fn a_connection_that_had_a_tenant_is_refused(t: TenantTest) {
    let mut connection = t.database.connect(Role::App);
    let tenant = t.alice.tenant;
    let batch =
        format!("BEGIN; SET LOCAL veza.tenant_id = '{tenant}'; SELECT count(*) FROM shop.orders; COMMIT");
    connection.batch_execute(&batch).unwrap();
    refused(select(&mut connection), NOT_SET_NOW);
}

#[tenant_test(migrator = migrator)]
async fn a_malformed_tenant_is_refused(t: TenantTest) {
    let mut connection = t.database.connect(Role::App);
    connection.batch_execute("SET veza.tenant_id = 'alice'").unwrap();
    refused(select(&mut connection), "invalid input syntax for type uuid: \"alice\"");
}

#[tenant_test(migrator = migrator)]
async fn the_policies_cannot_be_switched_off(t: TenantTest) {
    let mut connection = t.database.connect(Role::App);
    connection.batch_execute("SET row_security = off").unwrap();
    refused(select(&mut connection), "query would be affected by row-level security policy");
    connection.batch_execute("SET row_security = on").unwrap();
    refused(connection.batch_execute("TRUNCATE shop.orders"), "permission denied");
    refused(connection.batch_execute("COPY shop.orders FROM STDIN"), "COPY FROM not supported");
    refused(connection.batch_execute("ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY"), "must be owner");
    refused(connection.batch_execute("SET ROLE veza_owner"), "permission denied");
}

#[tenant_test(migrator = migrator)]
async fn the_owner_is_bound_as_well(t: TenantTest) {
    add(&t.db, &t.mallory.caller, "canary").await;
    let mut connection = t.database.connect(Role::Owner);
    // FORCE: no policy is for the owner, so it sees nothing.
    assert_eq!(select(&mut connection).unwrap(), 0);
}

#[tenant_test(migrator = migrator)]
async fn a_closure_that_ends_its_transaction_loses_its_tenant(t: TenantTest) {
    let db = narrow(&t.database);
    add(&db, &t.alice.caller, "mine").await;
    let outcome = db
        .tenant(&t.alice.caller, |tx| {
            tx.execute(sql_query("COMMIT"))?;
            titles(tx)
        })
        .await;
    let error: DbError = outcome.unwrap_err();
    assert!(error.to_string().contains(NOT_SET_NOW), "{error}");
    assert_eq!(crate::shop::list(&db, &t.alice.caller).await, ["mine"]);
}
