//! PostgreSQL stops and starts while we serve.

use std::time::{Duration, Instant};

use veza::core::db::Migrator;
use veza_testing::{AppBuilder, PrivateCluster};

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_and_passes() {
    let mut cluster = PrivateCluster::new(&Migrator::veza());
    let app = AppBuilder::new(cluster.database()).start().await;
    app.alice.client.get("/v1/tenant/members").await.expect(200);
    for _ in 0..2 {
        cluster.stop();
        let asked = Instant::now();
        let refused = app.alice.client.get("/v1/tenant/members").await;
        refused.expect_problem(503, "core.database.unavailable");
        assert!(refused.header("retry-after").is_some());
        assert!(asked.elapsed() < Duration::from_secs(5), "told at once");
        assert_eq!(app.anonymous().get("/ready").await.status, 503);
        app.anonymous().get("/health").await.expect(200);
        cluster.start();
        let mut answers = Vec::new();
        for _ in 0..100 {
            answers.push(app.alice.client.get("/v1/tenant/members").await.status);
            if answers.ends_with(&[200, 200, 200]) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(answers.ends_with(&[200, 200, 200]), "{answers:?}");
        assert!(answers.iter().all(|status| [200, 503].contains(status)), "{answers:?}");
        app.anonymous().get("/ready").await.expect(200);
    }
}
