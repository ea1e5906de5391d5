//! Whether it all came right.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use uuid::Uuid;
use veza_testing::TestDatabase;

/// Waits until nothing is left to do, and says how many attempts that took.
pub(crate) fn wait(database: &TestDatabase, patience: Duration) -> String {
    let left = "SELECT (SELECT count(*) FROM jobs.ready) + (SELECT count(*) FROM jobs.deferred) \
                + (SELECT count(*) FROM jobs.leases)";
    let end = Instant::now() + patience;
    let mut superuser = database.superuser();
    while superuser.count(left) > 0 {
        assert!(Instant::now() < end, "{} jobs are still there", superuser.count(left));
        sleep(Duration::from_millis(100));
    }
    // Counts are added up once a second.
    while superuser.count("SELECT count(*) FROM jobs.deltas") > 0 {
        assert!(Instant::now() < end, "counts are not added up");
        sleep(Duration::from_millis(100));
    }
    format!("{} attempts failed", superuser.count("SELECT coalesce(sum(failed), 0)::bigint FROM jobs.totals"))
}

pub(crate) fn judge(database: &TestDatabase, confirmed: &[Uuid]) {
    let mut superuser = database.superuser();
    let orders = superuser.text("(SELECT coalesce(string_agg(order_id::text, ','), '') FROM chaos.orders)");
    let orders = orders.unwrap_or_default();
    let orders: HashSet<Uuid> =
        orders.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().unwrap()).collect();
    let lost = confirmed.iter().filter(|order| !orders.contains(order)).count();
    assert_eq!(lost, 0, "orders that were confirmed are gone");
    assert!(confirmed.len() > 100, "too little happened: {} orders", confirmed.len());
    for (what, query) in [
        (
            "orders without an effect",
            "SELECT count(*) FROM chaos.orders AS o WHERE NOT EXISTS (SELECT FROM chaos.effects AS e \
             WHERE e.tenant_id = o.tenant_id AND e.order_id = o.order_id)",
        ),
        (
            "orders with more than one effect",
            "SELECT count(*) FROM (SELECT FROM chaos.effects GROUP BY tenant_id, order_id HAVING count(*) > 1) AS e",
        ),
        (
            "effects without an order",
            "SELECT count(*) FROM chaos.effects AS e WHERE NOT EXISTS (SELECT FROM chaos.orders AS o \
             WHERE o.tenant_id = e.tenant_id AND o.order_id = e.order_id)",
        ),
        ("dead letters", "SELECT count(*) FROM jobs.dead"),
        (
            "wrong counts",
            "SELECT count(*) FROM jobs.counts WHERE (waiting, deferred, running, dead) <> (0, 0, 0, 0) \
             OR enqueued <> done + died + cancelled",
        ),
        (
            "jobs that were counted and did not exist",
            "SELECT abs((SELECT sum(done)::bigint FROM jobs.totals) - (SELECT count(*) FROM chaos.orders))",
        ),
    ] {
        assert_eq!(superuser.count(query), 0, "{what}");
    }
    assert!(
        superuser.count("SELECT coalesce(sum(failed), 0)::bigint FROM jobs.totals") > 0,
        "nothing was in the way"
    );
}
