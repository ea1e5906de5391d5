//! `veza up`: files of organisations.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::person::Person;
use crate::process::{run, veza, wait};
use crate::up::Home;

const OBJECT: &str = "/v1/storage/buckets/files/objects/a.txt";

#[test]
fn files_are_kept_encrypted_from_one_start_to_the_next() {
    let home = Home::used();
    let up = home.up();
    let person = Person::new(&up.client(), "files");
    wait(person.client.post("/v1/storage/buckets", &json!({ "name": "files" }))).expect(201);
    wait(person.client.send("PUT", OBJECT, Some("what was stored".into()))).expect(201);
    let key = home.data().join("storage_root_key");
    let before = fs::read(&key).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    up.process.stop().expect(0);
    let again = home.up();
    let person = Person::sign_in(&again.client(), "files");
    assert_eq!(wait(person.client.get(OBJECT)).text, "what was stored");
    assert_eq!(fs::read(&key).unwrap(), before);
    let found = std::process::Command::new("grep")
        .args(["-r", "-q", "what was stored"])
        .arg(home.data().join("storage"))
        .status();
    assert_eq!(found.unwrap().code(), Some(1), "no file holds it in plain");
}

#[test]
fn a_root_key_without_files_is_a_mistake() {
    let mut check = veza(["config", "check", "--serving"]);
    check.env("VEZA_STORAGE__ROOT_KEY_FILE", "/nowhere");
    run(&mut check).fails_with(&["storage.root_key_file is set, and neither storage.directory nor"]);
}
