//! Counts over all tenants.

use serde_json::json;
use veza_core::{Reason, Write};
use veza_jobs::{Options, operator, pull};
use veza_testing::{DbTest, db_test};

use crate::work::enqueue;

#[db_test]
async fn a_programs_queue_named_pull_counts_by_itself(t: DbTest) {
    let (db, alice) = (&t.db, &t.alice.caller);
    let permit = alice.permit().unwrap();
    let queue = serde_json::from_value(json!({ "name": "pull" })).unwrap();
    let message = serde_json::from_value(json!({ "body": 1 })).unwrap();
    let send = alice.permit().unwrap();
    let made = db.tenant(alice, move |tx| {
        pull::create(tx, &permit, &queue)?;
        pull::send(tx, &send, "pull", &message)
    });
    made.await.unwrap();
    for name in ["a", "b"] {
        enqueue(db, alice, name, Options::default().queue("pull")).await;
    }
    for folded in [false, true] {
        let totals = db.dispatch(Reason("test"), operator::totals).await.unwrap();
        let waiting: Vec<(&str, i64, bool)> =
            totals.iter().map(|t| (t.counts.queue.as_str(), t.counts.waiting, t.oldest.is_some())).collect();
        assert_eq!(waiting, [("pull", 2, true), ("pull:*", 1, true)], "{folded}");
        let fold = "SELECT jobs.fold(100)";
        db.dispatch(Reason("test"), move |tx| tx.execute(diesel::sql_query(fold)).map(drop)).await.unwrap();
    }
}
