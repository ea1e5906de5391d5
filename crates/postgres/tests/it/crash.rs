//! Every process may be killed at any moment.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::time::Duration;

use crate::fixture::{Directory, binaries, helper, kill_hard, postmaster, psql, root_url, start, wait_for};

#[test]
fn a_killed_postmaster_recovers_at_the_next_start() {
    let dir = Directory::new();
    let cluster = start(dir.settings());
    psql(&root_url(&cluster), "SET synchronous_commit = on; CREATE TABLE note AS SELECT 'kept' AS text");
    kill_hard(cluster.pid());
    cluster.exited().wait();
    drop(cluster);
    assert!(dir.data().join("postmaster.pid").exists(), "a killed postmaster leaves its pid file");
    assert_eq!(psql(&root_url(&start(dir.settings())), "SELECT text FROM note"), "kept");
}

#[test]
fn the_server_ends_with_a_killed_parent() {
    let dir = Directory::new();
    let mut parent = helper("supervise", dir.path());
    let server = wait_for("the server starts", || postmaster(&dir.data()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for("the server ends", || (!fs::exists(format!("/proc/{server}")).unwrap()).then_some(()));
    assert!(!dir.data().join("postmaster.pid").exists(), "it shut down in order");
}

#[test]
fn a_start_waits_for_the_server_of_a_killed_parent() {
    let dir = Directory::new();
    let mut parent = helper("supervise", dir.path());
    wait_for("the server starts", || postmaster(&dir.data()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    // At once: the old server is still writing its checkpoint.
    assert_eq!(psql(&root_url(&start(dir.settings())), "SELECT 1"), "1");
}

#[test]
fn the_death_signal_outlives_the_thread_that_called_start() {
    let dir = Directory::new();
    let settings = dir.settings();
    let cluster = std::thread::spawn(move || veza_postgres::Cluster::start(&binaries(), settings))
        .join()
        .unwrap()
        .unwrap();
    assert_eq!(cluster.exited().wait_timeout(Duration::from_millis(300)), None);
}

#[test]
fn an_interrupted_initdb_is_swept_away() {
    let dir = Directory::new();
    let staging = dir.path().join("postgres.new");
    fs::create_dir_all(staging.join("data.1/base")).unwrap();
    fs::write(staging.join("veza-initdb-unfinished"), "").unwrap();
    drop(start(dir.settings()));
    assert!(!staging.exists());
}

#[test]
fn a_parent_killed_before_it_gave_its_directory_away_hinders_nobody() {
    let dir = Directory::new();
    let staging = dir.path().join("postgres.new");
    DirBuilder::new().mode(0o700).create(&staging).unwrap();
    assert_eq!(psql(&root_url(&start(dir.settings())), "SELECT 1"), "1");
}

#[test]
fn a_parent_killed_during_initdb_leaves_nothing_that_hinders_the_next() {
    let dir = Directory::new();
    let mut parent = helper("supervise", dir.path());
    wait_for("initdb runs", || fs::exists(dir.path().join("postgres.new")).unwrap().then_some(()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_eq!(psql(&root_url(&start(dir.settings())), "SELECT 1"), "1");
}
