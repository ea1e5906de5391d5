//! One cluster for many processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use veza_postgres::{Durability, SharedCluster};

use crate::fixture::{Directory, binaries, helper, kill_hard, postmaster, psql, wait_for};

const GRACE: Duration = Duration::from_secs(1);

fn acquire(dir: &Path) -> SharedCluster {
    SharedCluster::acquire_with(&binaries(), dir, GRACE).unwrap()
}

fn data(dir: &Directory) -> PathBuf {
    dir.path().join("cluster/postgres")
}

fn wait_for_stop(dir: &Directory) {
    wait_for("the guardian stops the server", || (!data(dir).join("postmaster.pid").exists()).then_some(()));
}

#[test]
fn two_processes_share_one_server_that_stops_after_both() {
    let dir = Directory::new();
    let place = dir.path().join("cluster");
    let (mut one, mut two) = (helper("hold", &place), helper("hold", &place));
    let server = wait_for("the server starts", || postmaster(&data(&dir)));

    let third = acquire(&place);
    assert_eq!(postmaster(&data(&dir)), Some(server));
    for holder in [&mut one, &mut two] {
        holder.kill().unwrap();
        holder.wait().unwrap();
    }
    std::thread::sleep(GRACE * 2);
    assert_eq!(psql(&third.url("postgres", "postgres"), "SELECT 1"), "1");

    drop(third);
    wait_for_stop(&dir);
}

#[test]
fn the_guardian_stops_a_server_whose_holders_were_killed() {
    let dir = Directory::new();
    let mut holder = helper("hold", &dir.path().join("cluster"));
    wait_for("the server starts", || postmaster(&data(&dir)));
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for_stop(&dir);
}

#[test]
fn data_stays_for_the_next_holder() {
    let dir = Directory::new();
    let place = dir.path().join("cluster");
    let shared = acquire(&place);
    psql(&shared.url("postgres", "postgres"), "CREATE TABLE note AS SELECT 'kept' AS text");
    drop(shared);
    wait_for_stop(&dir);
    let shared = acquire(&place);
    assert_eq!(psql(&shared.url("postgres", "postgres"), "SELECT text FROM note"), "kept");
    drop(shared);
    wait_for_stop(&dir);
}

#[test]
fn a_killed_server_is_recovered() {
    let dir = Directory::new();
    let place = dir.path().join("cluster");
    let shared = acquire(&place);
    let server = postmaster(&data(&dir)).unwrap();
    kill_hard(server);
    wait_for("it ends", || postmaster(&data(&dir)).is_none().then_some(()));
    let again = acquire(&place);
    for (name, value) in Durability::Throwaway.settings() {
        assert_eq!(psql(&again.url("postgres", "postgres"), &format!("SHOW {name}")), *value, "{name}");
    }
    drop((shared, again));
    wait_for_stop(&dir);
}

#[test]
fn a_ruined_cluster_and_one_from_before_a_reboot_are_made_anew() {
    let dir = Directory::new();
    let place = dir.path().join("cluster");
    let ruin: [fn(&Directory); 2] = [
        |dir| fs::remove_file(data(dir).join("global/pg_control")).unwrap(),
        |dir| fs::write(dir.path().join("cluster/postgres.throwaway"), "another boot").unwrap(),
    ];
    for ruin in ruin {
        let shared = acquire(&place);
        psql(&shared.url("postgres", "postgres"), "CREATE TABLE note AS SELECT 'lost' AS text");
        drop(shared);
        wait_for_stop(&dir);
        ruin(&dir);
        let shared = acquire(&place);
        assert_eq!(psql(&shared.url("postgres", "postgres"), "SELECT to_regclass('note')"), "");
        drop(shared);
        wait_for_stop(&dir);
    }
}

#[test]
fn a_directory_closed_to_the_account_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = Directory::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let shared = acquire(&dir.path().join("cluster"));
    let home = shared.socket_dir().parent().unwrap().to_path_buf();
    assert!(home.starts_with("/tmp") && !home.starts_with(dir.path()), "{}", home.display());
    drop(shared);
    wait_for("it stops", || (!home.join("postgres/postmaster.pid").exists()).then_some(()));
    fs::remove_dir_all(home).unwrap();
}
