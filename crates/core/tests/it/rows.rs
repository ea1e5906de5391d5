//! One tenant's statements never touch another's rows.

use diesel::prelude::*;
use uuid::Uuid;
use veza_core::{DbError, Query, TenantTx, Write};
use veza_testing::{TenantTest, tenant_test};

use crate::shop::{add, insert_as, list, migrator, orders};

/// A row of mallory's, whose title nobody else may read.
async fn victim(t: &TenantTest) -> Uuid {
    add(&t.db, &t.mallory.caller, "canary").await
}

async fn as_alice<T: Send + 'static>(
    t: &TenantTest,
    f: impl FnMut(&mut TenantTx<'_>) -> Result<T, DbError> + Send + 'static,
) -> Result<T, DbError> {
    t.db.tenant(&t.alice.caller, f).await
}

/// Mallory's row is as it was.
async fn unharmed(t: &TenantTest) {
    assert_eq!(list(&t.db, &t.mallory.caller).await, ["canary"]);
}

fn refused_by_policy(outcome: Result<impl std::fmt::Debug, DbError>) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("row-level security policy"), "{error}");
}

#[tenant_test(migrator = migrator)]
async fn reads_see_only_their_own(t: TenantTest) {
    let row = victim(&t).await;
    add(&t.db, &t.alice.caller, "mine").await;
    assert_eq!(list(&t.db, &t.alice.caller).await, ["mine"]);
    let tenant = t.mallory.tenant;
    let found: Option<String> = as_alice(&t, move |tx| {
        // Naming the other tenant and the id does not help.
        tx.find_result(orders::table.find((tenant, row)).select(orders::title))
    })
    .await
    .unwrap();
    assert_eq!(found, None);
}

#[tenant_test(migrator = migrator)]
async fn updates_and_deletes_find_nothing(t: TenantTest) {
    let row = victim(&t).await;
    let this = move || orders::table.filter(orders::order_id.eq(row));
    let updated = as_alice(&t, move |tx| tx.execute(diesel::update(this()).set(orders::title.eq("x")))).await;
    assert_eq!(updated.unwrap(), 0);
    let deleted = as_alice(&t, move |tx| tx.execute(diesel::delete(this()))).await;
    assert_eq!(deleted.unwrap(), 0);
    let all = as_alice(&t, |tx| tx.execute(diesel::delete(orders::table))).await;
    assert_eq!(all.unwrap(), 0);
    unharmed(&t).await;
}

#[tenant_test(migrator = migrator)]
async fn rows_cannot_be_written_for_another(t: TenantTest) {
    victim(&t).await;
    let tenant = t.mallory.tenant;
    refused_by_policy(as_alice(&t, move |tx| insert_as(tx, tenant, Uuid::nil(), "planted")).await);
    unharmed(&t).await;
}

#[tenant_test(migrator = migrator)]
async fn rows_cannot_be_moved_to_another(t: TenantTest) {
    victim(&t).await;
    add(&t.db, &t.alice.caller, "mine").await;
    let tenant = t.mallory.tenant;
    let moved = move |tx: &mut TenantTx<'_>| {
        tx.execute(diesel::update(orders::table).set(orders::tenant_id.eq(tenant.as_uuid())))
    };
    refused_by_policy(as_alice(&t, moved).await);
    unharmed(&t).await;
    assert_eq!(list(&t.db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn upserts_neither_change_nor_show_anothers_row(t: TenantTest) {
    let row = victim(&t).await;
    let tenant = t.mallory.tenant;
    let upsert = move |tx: &mut TenantTx<'_>| {
        let values = (orders::tenant_id.eq(tenant), orders::order_id.eq(row), orders::title.eq("x"));
        tx.get_result::<String, _>(
            diesel::insert_into(orders::table)
                .values(values)
                .on_conflict((orders::tenant_id, orders::order_id))
                .do_update()
                .set(orders::title.eq("overwritten"))
                .returning(orders::title),
        )
    };
    let outcome = as_alice(&t, upsert).await;
    assert!(!outcome.as_ref().unwrap_err().to_string().contains("canary"));
    refused_by_policy(outcome);
    unharmed(&t).await;
}

#[tenant_test(migrator = migrator)]
async fn the_same_id_may_exist_for_both(t: TenantTest) {
    let row = victim(&t).await;
    // No collision tells that the id is taken.
    as_alice(&t, move |tx| insert_as(tx, veza_core::TenantScope::tenant(tx), row, "mine")).await.unwrap();
    unharmed(&t).await;
    assert_eq!(list(&t.db, &t.alice.caller).await, ["mine"]);
}

#[tenant_test(migrator = migrator)]
async fn reads_cannot_write(t: TenantTest) {
    let write = "INSERT INTO shop.orders VALUES (current_setting('veza.tenant_id')::uuid, gen_random_uuid(), 'x') \
                 RETURNING 1 AS number";
    let outcome: Result<Vec<Number>, DbError> =
        t.db.read(&t.alice.caller, move |tx| tx.load(diesel::sql_query(write))).await;
    assert!(outcome.unwrap_err().to_string().contains("read-only transaction"));
}

#[derive(Debug, QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    #[allow(dead_code, reason = "never given")]
    number: i32,
}
