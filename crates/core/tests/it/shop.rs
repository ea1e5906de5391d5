//! An embedder's tables, made the way an embedder makes them.

use std::sync::mpsc;
use std::time::Duration;

use diesel::prelude::*;
use uuid::Uuid;
use veza_core::config::Period;
use veza_core::db::{Migration, Migrator, PoolConfig};
use veza_core::id::uuid_v7;
use veza_core::{Caller, Db, DbError, Query, TenantId, TenantScope, TenantTx, Write};
use veza_testing::TestDatabase;

diesel::table! {
    shop.orders (tenant_id, order_id) {
        tenant_id -> Uuid,
        order_id -> Uuid,
        title -> Text,
    }
}
diesel::table! {
    shop.slots (tenant_id, slot) {
        tenant_id -> Uuid,
        slot -> Integer,
    }
}

/// Veza's history with the shop's.
pub(crate) fn migrator() -> Migrator {
    Migrator::veza().with(&[Migration { name: "2027-01-01-000000_shop_create_orders", sql: SCHEMA }])
}

const SCHEMA: &str = "
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO veza_app, veza_system;
CREATE TABLE shop.orders (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    title text NOT NULL CONSTRAINT orders_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    PRIMARY KEY (tenant_id, order_id)
);
COMMENT ON TABLE shop.orders IS 'What somebody bought.';
SELECT core.protect_tenant_table('shop.orders');
SELECT core.allow_system('shop.orders', 'SELECT');
CREATE TABLE shop.slots (
    tenant_id uuid NOT NULL,
    slot integer NOT NULL,
    CONSTRAINT slots_unique UNIQUE (tenant_id, slot) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE shop.slots IS 'A time that is taken; checked when the transaction commits.';
SELECT core.protect_tenant_table('shop.slots');
";

/// Adds an order.
pub(crate) fn insert(tx: &mut TenantTx<'_>, title: &str) -> Result<Uuid, DbError> {
    let order = uuid_v7(tx.now(), tx.random());
    insert_as(tx, tx.tenant(), order, title).map(|()| order)
}

/// Adds an order of any tenant: what a programmer's mistake would do.
pub(crate) fn insert_as(
    tx: &mut TenantTx<'_>,
    tenant: TenantId,
    order: Uuid,
    title: &str,
) -> Result<(), DbError> {
    let row = (orders::tenant_id.eq(tenant), orders::order_id.eq(order), orders::title.eq(title));
    tx.execute(diesel::insert_into(orders::table).values(row)).map(drop)
}

/// Takes a time; a collision shows at COMMIT.
pub(crate) fn take_slot(tx: &mut TenantTx<'_>, slot: i32) -> Result<(), DbError> {
    let row = (slots::tenant_id.eq(tx.tenant()), slots::slot.eq(slot));
    tx.execute(diesel::insert_into(slots::table).values(row)).map(drop)
}

/// All titles that the transaction can see: no condition on the tenant, on purpose.
pub(crate) fn titles(tx: &mut impl Query) -> Result<Vec<String>, DbError> {
    tx.load(orders::table.select(orders::title).order(orders::title))
}

/// Adds an order in a transaction of its own.
pub(crate) async fn add(db: &Db, caller: &Caller, title: &str) -> Uuid {
    let title = title.to_owned();
    db.tenant(caller, move |tx| insert(tx, &title)).await.unwrap()
}

/// All titles of a tenant.
pub(crate) async fn list(db: &Db, caller: &Caller) -> Vec<String> {
    db.read(caller, |tx| titles(tx)).await.unwrap()
}

/// Waits inside PostgreSQL.
pub(crate) fn sleep(tx: &mut impl Write, span: Duration) -> Result<(), DbError> {
    tx.execute(diesel::sql_query(format!("SELECT pg_sleep({})", span.as_secs_f64()))).map(drop)
}

/// A pool of one connection per role, so that every transaction follows every other on it.
pub(crate) fn one_connection() -> PoolConfig {
    PoolConfig { connections: 1, system_connections: 1, jobs_connections: 1, ..PoolConfig::default() }
}

/// A `Db` whose transactions all use the same connection.
pub(crate) fn narrow(database: &TestDatabase) -> Db {
    database.open(one_connection())
}

pub(crate) const fn millis(milliseconds: u64) -> Period {
    Period::from_millis(milliseconds)
}

/// Keeps a connection until the sender is used or dropped; comes back when it has one.
pub(crate) async fn occupy(db: &Db, caller: &Caller) -> (mpsc::Sender<()>, Busy) {
    let (release, gate) = mpsc::channel::<()>();
    let (started, mut start) = tokio::sync::mpsc::unbounded_channel();
    let (db, caller) = (db.clone(), caller.clone());
    let closure = move |_tx: &mut TenantTx<'_>| {
        let _heard = started.send(());
        let _open = gate.recv();
        Ok(())
    };
    let busy = tokio::spawn(async move { db.tenant(&caller, closure).await });
    start.recv().await.unwrap();
    (release, busy)
}

/// A transaction that occupies a connection.
pub(crate) type Busy = tokio::task::JoinHandle<Result<(), DbError>>;

/// The process of PostgreSQL that serves the transaction.
pub(crate) fn backend(tx: &mut impl Query) -> Result<i32, DbError> {
    tx.get_result(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()")))
}
