use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use veza_core::{DbError, Query, Timestamp};
use veza_testing::{TenantTest, TestClock, tenant_test};

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = Timestamptz)]
    now: Timestamp,
}

#[tenant_test]
async fn there_are_two_tenants_with_all_rights(t: TenantTest) {
    assert_ne!(t.alice.tenant, t.mallory.tenant);
    assert_ne!(t.alice.caller.principal(), t.mallory.caller.principal());
    assert!(t.alice.caller.scopes().allows("anything.at.all"));
    let reader = t.alice.caller_with(&["shop.orders.read"]);
    assert_eq!(reader.tenant(), t.alice.tenant);
    assert!(reader.scopes().allows("shop.orders.read") && !reader.scopes().allows("shop.orders.write"));
}

#[tenant_test]
async fn the_system_clock_goes_on(t: TenantTest) -> Result<(), DbError> {
    assert!(matches!(t.clock, TestClock::System));
    let now = "SELECT clock_timestamp() AS now";
    let theirs: Now = t.db.read(&t.alice.caller, move |tx| tx.get_result(diesel::sql_query(now))).await?;
    assert!((theirs.now - t.clock.now()).abs() < TimeDelta::minutes(1));
    Ok(())
}

#[tenant_test(clock = "manual")]
async fn a_manual_clock_moves_transactions(t: TenantTest) -> Result<(), DbError> {
    let before = t.db.read(&t.alice.caller, |tx| Ok::<_, DbError>(tx.now())).await?;
    t.clock.advance(TimeDelta::hours(1));
    let after = t.db.read(&t.alice.caller, |tx| Ok::<_, DbError>(tx.now())).await?;
    assert_eq!(after - before, TimeDelta::hours(1));
    Ok(())
}

#[tenant_test]
#[should_panic(expected = "clock = \"manual\"")]
async fn the_system_clock_cannot_be_moved(t: TenantTest) {
    t.clock.advance(TimeDelta::hours(1));
}
