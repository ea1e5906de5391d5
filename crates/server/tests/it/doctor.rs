//! `veza doctor`.

use std::fs;

use veza_testing::TestDirectory;

use crate::process::{Ended, run, veza};
use crate::serve::{configured, database};
use crate::up::Home;

#[track_caller]
fn wrong(ended: Ended, what: &[&str]) {
    let said = &ended.expect(1).out;
    let wrong: Vec<&str> = said.lines().filter(|line| line.starts_with("  WRONG  ")).collect();
    assert!(!wrong.is_empty(), "{said}");
    for what in what {
        assert!(said.contains(what), "{what}: {said}");
    }
}

#[test]
fn all_is_well_beside_a_running_up() {
    let home = Home::fresh();
    let before = run(&mut home.command(&["doctor"])).expect(0);
    assert!(before.out.contains("for `veza up`"), "{}", before.out);
    let up = home.up();
    let beside = run(&mut home.command(&["doctor"])).expect(0);
    for what in ["configuration", "root secret", "as veza_app", "as veza_system", "schema", "mail"] {
        assert!(beside.out.contains(what), "{}", beside.out);
    }
    assert!(!beside.out.contains("WRONG"), "{}", beside.out);
    up.process.stop().expect(0);
    run(&mut home.command(&["doctor"])).expect(0);
}

#[test]
fn a_missing_database_is_found() {
    let mut command = configured(&database(), &["doctor"]);
    let down = run(command.env("VEZA_DATABASE__URL", "postgresql://veza_app@127.0.0.1:1/veza"));
    wrong(down, &["127.0.0.1", "is it running"]);
    let nowhere = run(veza(["doctor"]).env("VEZA_DATABASE__PG_BINDIR", "/nowhere"));
    wrong(nowhere, &["/nowhere", "initdb"]);
}

#[test]
fn pending_migrations_are_found() {
    let database = database();
    database.superuser().execute("DELETE FROM core.migrations");
    wrong(run(&mut configured(&database, &["doctor"])), &["migrations are pending", "veza migrate"]);
}

#[test]
fn roles_that_are_missing_or_too_mighty_are_found() {
    let database = database();
    let mut command = configured(&database, &["doctor"]);
    wrong(run(command.env("VEZA_DATABASE__URL", database.superuser_url())), &["role_unbound", "veza_app"]);
    let missing = database.superuser_url().replace("postgres@", "nobody_knows@");
    wrong(run(command.env("VEZA_DATABASE__URL", missing)), &["may this role log in"]);
}

#[test]
fn a_configuration_that_cannot_be_read_or_used_is_found() {
    let directory = TestDirectory::new();
    let file = directory.path().join("veza.toml");
    wrong(run(veza(["doctor"]).arg("--config").arg(&file)), &["cannot read", "veza.toml"]);
    fs::write(&file, "[database.pool]\nconnections = 0\n").unwrap();
    wrong(run(veza(["doctor"]).arg("--config").arg(&file)), &["database.pool.connections"]);
    fs::write(&file, "[database]\nurl = \"postgresql:///veza\"\n").unwrap();
    wrong(run(veza(["doctor"]).arg("--config").arg(&file)), &["root secret: none", "openssl rand"]);
    let smtp = "smtp://user:geheim@127.0.0.1:1";
    let mail = run(veza(["doctor"]).env("VEZA_TENANT__MAIL__SMTP_URL", smtp));
    assert!(!mail.out.contains("geheim"), "{}", mail.out);
    wrong(mail, &["mail server"]);
}
