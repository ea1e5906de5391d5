use veza_core::db::{Migrator, Role};
use veza_testing::PrivateCluster;

#[test]
fn what_was_written_survives_a_restart_and_a_crash() {
    let mut cluster = PrivateCluster::new(&Migrator::veza());
    let url = cluster.database().url(Role::App);
    cluster.database().superuser().execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");
    cluster.restart();
    cluster.database().superuser().execute("INSERT INTO kept VALUES (2)");
    // Without synchronous commits, only a checkpoint makes sure.
    cluster.database().superuser().execute("CHECKPOINT");
    cluster.crash();
    assert!(Migrator::veza().check(&url).is_err(), "it is down");
    cluster.start();
    assert_eq!(cluster.database().superuser().count("SELECT count(*) FROM kept"), 2);
    assert_eq!(cluster.database().url(Role::App), url);
}
