//! Usage counts once.

use uuid::Uuid;
use veza_core::db::Reason;
use veza_core::usage::{record, record_once};
use veza_core::{DbError, Query, SystemTx, TenantTx};
use veza_testing::{TenantTest, tenant_test};

fn sum(tx: &mut impl Query) -> Result<i64, DbError> {
    let sum = diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT coalesce(sum(quantity), 0)::bigint FROM core.usage_events WHERE kind = 'shop.orders')",
    );
    tx.get_result(diesel::select(sum))
}

#[tenant_test]
async fn an_event_counts_once(t: TenantTest) {
    let event = Uuid::from_u128(1);
    let count = move |tx: &mut TenantTx<'_>| record_once(tx, event, "shop.orders", 3);
    assert!(t.db.tenant(&t.alice.caller, count).await.unwrap());
    assert!(!t.db.tenant(&t.alice.caller, count).await.unwrap());
    assert_eq!(t.db.read(&t.alice.caller, |tx| sum(tx)).await.unwrap(), 3);
    // Another tenant's event with the same id is another event.
    assert!(t.db.tenant(&t.mallory.caller, count).await.unwrap());
    assert_eq!(t.db.read(&t.mallory.caller, |tx| sum(tx)).await.unwrap(), 3);
}

#[tenant_test]
async fn events_add_up_and_nothing_is_no_event(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        record(tx, "shop.orders", 2)?;
        record(tx, "shop.orders", 0)?;
        record(tx, "shop.orders", 5)?;
        sum(tx)
    };
    assert_eq!(t.db.tenant(&t.alice.caller, closure).await.unwrap(), 7);
}

#[tenant_test]
async fn usage_is_undone_with_what_used(t: TenantTest) {
    let closure = |tx: &mut TenantTx<'_>| {
        record(tx, "shop.orders", 2)?;
        Err::<(), _>(DbError::NotFound)
    };
    assert!(t.db.tenant(&t.alice.caller, closure).await.is_err());
    assert_eq!(t.db.read(&t.alice.caller, |tx| sum(tx)).await.unwrap(), 0);
}

#[tenant_test]
async fn billing_sees_all_tenants(t: TenantTest) {
    for caller in [&t.alice.caller, &t.mallory.caller] {
        t.db.tenant(caller, |tx| record(tx, "shop.orders", 1)).await.unwrap();
    }
    let tenants = format!("'{}', '{}'", t.alice.tenant, t.mallory.tenant);
    let count = format!("(SELECT count(*) FROM core.usage_events WHERE tenant_id IN ({tenants}))");
    let sum = move |tx: &mut SystemTx<'_>| {
        tx.get_result::<i64, _>(diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(&count)))
    };
    assert_eq!(t.db.system(Reason("billing"), sum).await.unwrap(), 2);
}
