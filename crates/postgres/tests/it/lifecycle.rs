//! Start, stop, start again.

use std::fs;
use std::time::Duration;

use veza_postgres::{Durability, Settings, Stopped};

use crate::fixture::{Directory, binaries, psql, root_url, start};

#[test]
fn data_survives_a_restart() {
    let dir = Directory::new();
    let cluster = start(Settings::new(dir.data()));
    psql(&root_url(&cluster), "CREATE TABLE note AS SELECT 'kept' AS text");
    assert_eq!(cluster.stop(Duration::from_secs(10)).unwrap(), Stopped::Cleanly);

    let cluster = start(Settings::new(dir.data()));
    assert_eq!(psql(&root_url(&cluster), "SELECT text FROM note"), "kept");
    for setting in ["fsync", "full_page_writes", "data_checksums"] {
        assert_eq!(psql(&root_url(&cluster), &format!("SHOW {setting}")), "on", "{setting}");
    }
}

#[test]
fn a_dropped_cluster_has_shut_down_cleanly() {
    let dir = Directory::new();
    drop(start(dir.settings()));
    assert!(!dir.data().join("postmaster.pid").exists());
    let log = fs::read_to_string(dir.path().join("postgres.log")).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
}

#[test]
fn a_server_that_ends_by_itself_is_noticed() {
    let dir = Directory::new();
    let cluster = start(dir.settings());
    let exited = cluster.exited();
    assert!(exited.status().is_none());
    crate::fixture::kill_hard(cluster.pid());
    assert!(!exited.wait().success());
}

#[test]
fn a_stop_that_takes_too_long_becomes_immediate() {
    let dir = Directory::new();
    let cluster = start(Settings::new(dir.data()));
    psql(&root_url(&cluster), "CREATE TABLE note AS SELECT 'kept' AS text");
    assert_eq!(cluster.stop(Duration::ZERO).unwrap(), Stopped::Immediately);
    assert_eq!(psql(&root_url(&start(dir.settings())), "SELECT text FROM note"), "kept");
}

#[test]
fn throwaway_settings_are_what_they_say() {
    let dir = Directory::new();
    let cluster = start(dir.settings());
    for (name, value) in Durability::Throwaway.settings() {
        assert_eq!(psql(&root_url(&cluster), &format!("SHOW {name}")), *value, "{name}");
    }
    assert_eq!(psql(&root_url(&cluster), "SHOW listen_addresses"), "");
}

#[test]
fn a_long_path_gets_a_short_socket() {
    let dir = Directory::new();
    let mut settings = dir.settings();
    settings.data_dir = dir.path().join("long".repeat(30)).join("postgres");
    let cluster = start(settings);
    assert!(cluster.socket_dir().as_os_str().len() < 60);
    assert_eq!(psql(&root_url(&cluster), "SELECT 1"), "1");
    let socket_dir = cluster.socket_dir().to_path_buf();
    drop(cluster);
    fs::remove_dir(socket_dir).unwrap();
}

#[test]
fn a_path_may_hold_anything() {
    let dir = Directory::new();
    let mut settings = dir.settings();
    settings.data_dir = dir.path().join("my \"data\", it's é").join("postgres");
    let cluster = start(settings);
    assert_eq!(psql(&root_url(&cluster), "SELECT 1"), "1");
    let socket_dir = cluster.socket_dir().to_path_buf();
    drop(cluster);
    fs::remove_dir(socket_dir).unwrap();
}

#[test]
fn a_long_log_is_put_aside_at_start() {
    let dir = Directory::new();
    let log = dir.path().join("postgres.log");
    fs::write(&log, vec![b'x'; 11 * 1024 * 1024]).unwrap();
    drop(start(dir.settings()));
    assert!(fs::metadata(&log).unwrap().len() < 1024 * 1024);
    assert!(dir.path().join("postgres.log.old").exists());
}

#[test]
fn binaries_know_their_version() {
    let binaries = binaries();
    assert!(binaries.major_version() >= 14);
    assert!(binaries.program("initdb").is_file());
}
