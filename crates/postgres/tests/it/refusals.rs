//! What must not start, and what it says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use veza_postgres::{Cluster, Error, Settings};

use crate::fixture::{Directory, binaries, start};

fn refused(settings: Settings) -> Error {
    Cluster::start(&binaries(), settings).unwrap_err()
}

#[test]
fn a_second_start_on_one_directory() {
    let dir = Directory::new();
    let _cluster = start(dir.settings());
    let error = refused(dir.settings());
    assert!(matches!(error, Error::InUse(_)), "{error}");
    assert!(error.to_string().contains(dir.data().to_str().unwrap()));
}

#[test]
fn a_cluster_of_another_major_version() {
    let dir = Directory::new();
    drop(start(dir.settings()));
    fs::write(dir.data().join("PG_VERSION"), "9\n").unwrap();
    let error = refused(dir.settings());
    assert!(matches!(error, Error::OtherMajor { .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade") && error.to_string().contains("pg_dumpall"));
}

#[test]
fn a_directory_with_something_else_in_it() {
    let dir = Directory::new();
    fs::create_dir(dir.data()).unwrap();
    fs::write(dir.data().join("thesis.tex"), "years of work").unwrap();
    let error = refused(dir.settings());
    assert!(matches!(error, Error::NotACluster(_)), "{error}");
    assert!(dir.data().join("thesis.tex").exists());
}

#[test]
fn a_staging_directory_that_is_not_ours() {
    let dir = Directory::new();
    let foreign = dir.path().join("postgres.new/thesis.tex");
    fs::create_dir(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "years of work").unwrap();
    assert!(matches!(refused(dir.settings()), Error::NotACluster(_)));
    assert!(foreign.exists());
}

#[test]
fn a_socket_directory_behind_a_symbolic_link() {
    let dir = Directory::new();
    symlink(Path::new("/tmp"), dir.path().join("postgres.run")).unwrap();
    assert!(matches!(refused(dir.settings()), Error::NotPrivate { .. }));
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let dir = Directory::new();
    drop(start(dir.settings()));
    fs::write(dir.data().join("postgresql.conf"), "no_such_setting = on\n").unwrap();
    let error = refused(dir.settings());
    assert!(matches!(error, Error::Ended { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn a_role_name_that_is_none() {
    let dir = Directory::new();
    let mut settings = dir.settings();
    settings.roles = vec!["Robert\"; --".to_owned()];
    assert!(matches!(refused(settings), Error::RoleName(_)));
}
