//! The server never runs as root, and only its user gets in.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use nix::unistd::geteuid;

use crate::fixture::{Directory, psql, root_url, start};

#[test]
fn the_server_has_no_rights_of_root() {
    let dir = Directory::new();
    let cluster = start(dir.settings());
    let status = fs::read_to_string(format!("/proc/{}/status", cluster.pid())).unwrap();
    let field = |name| status.lines().find_map(|line: &str| line.strip_prefix(name)).unwrap();
    let uid = cluster.account().uid();
    assert_ne!(uid, 0);
    assert_eq!(field("Uid:").split_whitespace().collect::<Vec<_>>(), [uid.to_string().as_str(); 4]);
    assert_eq!(field("CapEff:").trim(), "0000000000000000");
    if geteuid().is_root() {
        assert_eq!(field("Groups:").trim(), "");
    }
}

#[test]
fn only_the_account_can_open_the_socket() {
    let dir = Directory::new();
    let cluster = start(dir.settings());
    let metadata = fs::metadata(cluster.socket_dir()).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o777), (cluster.account().uid(), 0o700));
    let socket = fs::metadata(cluster.socket_dir().join(".s.PGSQL.5432")).unwrap();
    assert_eq!(socket.mode() & 0o777, 0o700);
}

#[test]
fn roles_of_veza_and_of_the_caller_are_mapped_and_no_others() {
    let dir = Directory::new();
    let mut settings = dir.settings();
    settings.roles = vec!["reporting".to_owned()];
    let cluster = start(settings);
    psql(
        &root_url(&cluster),
        "CREATE ROLE veza_app LOGIN; CREATE ROLE reporting LOGIN; CREATE ROLE other LOGIN",
    );
    for role in ["veza_app", "reporting"] {
        assert_eq!(psql(&cluster.url(role, "postgres"), "SELECT current_user"), role);
    }
    let refused =
        Command::new("psql").args(["-X", "-c", "SELECT 1", &cluster.url("other", "postgres")]).output();
    assert!(!refused.unwrap().status.success());
}
