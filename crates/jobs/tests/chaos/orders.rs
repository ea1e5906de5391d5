//! Customers who order all the time, whatever happens, and remember what was confirmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::sql_types::{Text, Uuid as SqlUuid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::db::{Migration, PoolConfig};
use veza_core::{Caller, Db, DbError, Query, TenantId, TenantScope, TenantTx, Write};
use veza_jobs::{Error, Job, Options, Retry, enqueue_with};
use veza_testing::TestDatabase;

pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    name: "2027-01-01-000000_chaos_create_orders",
    sql: "CREATE SCHEMA chaos;
          GRANT USAGE ON SCHEMA chaos TO veza_app;
          CREATE TABLE chaos.orders (tenant_id uuid NOT NULL, order_id uuid NOT NULL, PRIMARY KEY (tenant_id, order_id));
          COMMENT ON TABLE chaos.orders IS 'What somebody wants.';
          SELECT core.protect_tenant_table('chaos.orders');
          CREATE TABLE chaos.effects (tenant_id uuid NOT NULL, order_id uuid NOT NULL, worker text NOT NULL);
          COMMENT ON TABLE chaos.effects IS 'What was done about it; no key keeps it from being done twice.';
          CREATE INDEX effects_by_order ON chaos.effects (tenant_id, order_id);
          SELECT core.protect_tenant_table('chaos.effects');",
}];

/// The job of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fulfil {
    pub(crate) order: Uuid,
}

impl Job for Fulfil {
    const KIND: &'static str = "chaos.fulfil";
    const QUEUE: &'static str = "chaos";
    /// So many that chaos does not use them up.
    const RETRY: Retry =
        Retry { attempts: 1_000, first: Duration::from_millis(100), longest: Duration::from_secs(1) };
}

/// Three threads that order.
pub(crate) struct Customers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Uuid>>>,
}

impl Customers {
    pub(crate) fn start(database: &TestDatabase) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = |number: u128| {
            let (database, stop) = (database.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                order(&database, TenantId::from_verified(Uuid::from_u128(number)), &stop)
            })
        };
        Self { threads: (1..=3).map(thread).collect(), stop }
    }

    /// All orders whose transaction was confirmed.
    pub(crate) fn stop(self) -> Vec<Uuid> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

fn order(database: &TestDatabase, tenant: TenantId, stop: &AtomicBool) -> Vec<Uuid> {
    let pool =
        PoolConfig { connections: 1, system_connections: 1, jobs_connections: 1, ..PoolConfig::default() };
    let (db, caller) = (database.open(pool), Caller::system(tenant));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut confirmed = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        match runtime.block_on(place(&db, &caller)) {
            Ok(orders) => confirmed.extend(orders),
            // Nobody knows whether it happened; nobody was told that it did.
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    confirmed
}

/// Orders, one to three in a transaction, some for later.
async fn place(db: &Db, caller: &Caller) -> Result<Vec<Uuid>, Error> {
    db.tenant(caller, |tx| {
        let [choice] = veza_core::bytes::<1>(tx.random());
        let mut orders = Vec::new();
        for _ in 0..=choice % 3 {
            let order = veza_core::id::uuid_v7(tx.now(), tx.random());
            insert(tx, "INSERT INTO chaos.orders (tenant_id, order_id) VALUES ($1, $2)", order)?;
            let options = if choice % 7 == 0 {
                Options::default().delay(Duration::from_millis(300))
            } else {
                Options::default()
            };
            enqueue_with(tx, &Fulfil { order }, options)?;
            orders.push(order);
        }
        // Some think again.
        if choice % 11 == 0 { Err(DbError::NotFound.into()) } else { Ok(orders) }
    })
    .await
}

fn insert(tx: &mut TenantTx<'_>, sql: &str, order: Uuid) -> Result<(), DbError> {
    tx.execute(diesel::sql_query(sql).bind::<SqlUuid, _>(tx.tenant()).bind::<SqlUuid, _>(order)).map(drop)
}

/// What a worker does about an order.
pub(crate) fn effect(tx: &mut TenantTx<'_>, order: Uuid, worker: &str) -> Result<(), DbError> {
    let sql = "INSERT INTO chaos.effects (tenant_id, order_id, worker) VALUES ($1, $2, $3)";
    let statement = diesel::sql_query(sql)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(order)
        .bind::<Text, _>(worker);
    tx.execute(statement).map(drop)
}
